"""The table: the same rows in every format, whole or not at all."""

import csv
import json
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest

from inference.prediction import Segment
from scoring import table
from scoring.outputs import Outputs
from scoring.row import Row

GENRES = ("blues", "rock")
GOOD = Row(
    path="/music/caf\udce9 ☃.mp3",
    size=1000,
    genre="rock",
    confidence=0.75,
    probabilities={"blues": 0.25, "rock": 0.75},
    tags={"rock": 0.9, "female vocalists": 0.25, "80s": 0.125},
    segments=[Segment(0.0, 9.9, "rock", 0.8), Segment(10.0, 19.9, None, 0.5)],
    duration_seconds=20.0,
    heard_seconds=20.0,
    model="mine",
    model_version="1.0.0",
    settings="abc",
    seconds=0.1,
)
BAD = Row(
    "/music/b.mp3", 0, None, None, {}, {}, [], None, None, "mine", "1.0.0", "abc", 0.0, "It is empty.", "unreadable"
)


def new_outputs() -> Outputs:
    return Outputs(sqlite3.connect(":memory:", isolation_level=None), is_new=True)


def test_a_row_is_the_same_after_it_was_packed() -> None:
    assert [Row.unpack(row.pack()) for row in (GOOD, BAD)] == [GOOD, BAD]


def test_a_row_of_a_version_without_tags_and_excerpts_is_read_and_has_none() -> None:
    fields = json.loads(zlib.decompress(GOOD.pack()))
    del fields["tags"], fields["heard_seconds"]
    found = Row.unpack(zlib.compress(json.dumps(fields).encode()))
    assert found == replace(GOOD, tags={}, heard_seconds=None)


def test_every_format_has_every_field(tmp_path: Path) -> None:
    for suffix in ("parquet", "csv", "jsonl"):
        table.write(iter([GOOD, BAD]), str(tmp_path / f"table.{suffix}"), GENRES, new_outputs())
    good, bad = pyarrow.parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert good["path"] == "/music/caf\\xe9 ☃.mp3"
    assert good["segments"][1] == {"start_seconds": 10.0, "end_seconds": 19.9, "genre": None, "confidence": 0.5}
    assert (good["tags"], bad["tags"]) == (list(GOOD.tags.items()), [])
    assert (bad["genre"], bad["probability_rock"], bad["error"]) == (None, None, "It is empty.")
    with open(tmp_path / "table.csv", newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert set(first) == set(good) - {"segments"}
    assert (first["genre"], first["probability_rock"], second["error"]) == ("rock", "0.75", "It is empty.")
    assert [list(json.loads(row["tags"]).items()) for row in (first, second)] == [list(GOOD.tags.items()), []]
    lines = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[0]["probabilities"] == {"blues": 0.25, "rock": 0.75}
    assert [list(line["tags"].items()) for line in lines] == [list(GOOD.tags.items()), []]
    assert lines[0]["segments"] == good["segments"]
    assert lines[1]["error_kind"] == "unreadable"


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "table.jsonl", "parts/"])
def test_a_table_that_is_interrupted_leaves_the_former_one(name: str, tmp_path: Path) -> None:
    def broken() -> Iterator[Row]:
        yield GOOD
        raise KeyboardInterrupt

    out = f"{tmp_path}/{name}"
    outputs = new_outputs()
    table.write(iter([GOOD]), out, GENRES, outputs)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(KeyboardInterrupt):
        table.write(broken(), out, GENRES, outputs)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_long_table_comes_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_ROWS_A_PART", 2)
    outputs = new_outputs()
    for rows in (7, 3):
        table.write(iter([GOOD] * rows), f"{tmp_path}/parts/", GENRES, outputs)
        parts = sorted((tmp_path / "parts").iterdir())
        assert [path.name for path in parts] == [f"part-{number:05}.parquet" for number in range((rows + 1) // 2)]
        assert pyarrow.parquet.read_table(tmp_path / "parts").num_rows == rows


def test_what_a_killed_run_left_of_a_table_goes_with_the_next_one(tmp_path: Path) -> None:
    (tmp_path / ".table [1].csv.99.part").write_bytes(b"half a ta")
    (tmp_path / ".table 1.csv.99.part").write_bytes(b"of another one")
    table.write(iter([GOOD]), f"{tmp_path}/table [1].csv", GENRES, new_outputs())
    assert {path.name for path in tmp_path.iterdir()} == {"table [1].csv", ".table 1.csv.99.part"}

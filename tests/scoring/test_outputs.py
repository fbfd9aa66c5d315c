"""Where the table goes: several at once, standard output, later ones from the same journal."""

import csv
import json
import subprocess
from pathlib import Path

import pytest

from tests.scoring.command import ROOT, command, results, rows_of, score


def test_one_run_writes_several_tables_of_the_same_rows(songs: Path, tmp_path: Path) -> None:
    names = ("table.parquet", "table.csv", "table.json", "table.jsonl")
    outs = [part for name in names for part in ("--out", tmp_path / name)]
    status, said = score(songs, *outs)
    assert status == 0, said
    wanted = [(row["path"], row["genre"], row["second_genre"]) for row in rows_of(tmp_path / "table.parquet")]
    assert len(wanted) == 8
    with open(tmp_path / "table.csv", newline="", encoding="utf-8") as file:
        assert [(row["path"], row["genre"] or None, row["second_genre"]) for row in csv.DictReader(file)] == wanted
    array = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert array == [json.loads(line) for line in (tmp_path / "table.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["path"], row["genre"], row["second_genre"]) for row in array] == wanted
    # The journal belongs to the first.
    assert {path.name for path in tmp_path.iterdir()} == {*names, "table.parquet.journal"}


def test_the_second_genre_is_the_second_most_probable(songs: Path, tmp_path: Path) -> None:
    score(songs / "a.mp3", "--out", tmp_path / "table.json")
    (row,) = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    ordered = sorted(row["probabilities"].items(), key=lambda item: -item[1])
    assert [row["second_genre"], row["second_confidence"]] == list(ordered[1])
    assert row["confidence"] == ordered[0][1]


def test_another_table_is_written_from_the_journal_without_scoring(songs: Path, tmp_path: Path) -> None:
    journal = ("--journal", tmp_path / "journal")
    score(songs / "a.mp3", songs / "b.wav", "--out", tmp_path / "table.parquet", *journal)
    status, said = score(songs / "a.mp3", songs / "b.wav", "--out", tmp_path / "table.jsonl", *journal)
    assert (status, "files/s" in said) == (0, False)
    lines = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    assert [line["seconds"] for line in lines] == [row["seconds"] for row in rows_of(tmp_path / "table.parquet")]


def test_standard_output_has_json_lines_and_nothing_else(songs: Path, tmp_path: Path) -> None:
    done = results(songs, "--out", "-", "--journal", tmp_path / "journal")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(row["path"]).name for row in rows][:2] == ["D.OGG", "a.mp3"]
    assert len(rows) == 8
    assert "8 of 8 files" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"journal"}


def test_a_reader_that_goes_before_the_end_is_said_without_a_trace(songs: Path, tmp_path: Path) -> None:
    arguments = command(songs / "a.mp3", "--out", "-", "--journal", tmp_path / "journal")
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    said = process.stderr.read()
    assert process.wait(timeout=60) == 1
    assert "Standard output cannot be written" in said
    assert "Traceback" not in said
    assert "Exception" not in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "-"], "--journal"),
        (["--out", "t.csv", "--out", "t.csv"], "twice"),
        (["--out", "-", "--journal", "j", "--dry-run"], "--dry-run"),
        (["--out", "t.csv", "--out", "t.txt"], "t.txt"),
    ],
)
def test_outputs_that_cannot_be_are_refused(arguments: list[str], says: str, songs: Path, tmp_path: Path) -> None:
    arguments = [str(tmp_path / part) if part.startswith(("t.", "j")) else part for part in arguments]
    status, said = score(songs, *arguments)
    assert status == 2
    assert says in said
    assert not list(tmp_path.iterdir())

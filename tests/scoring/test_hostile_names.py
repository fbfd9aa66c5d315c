"""A thousand names that break other programs: each file's path comes back from every table, playlist and list."""

import csv
import json
import os
import random
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet
import pytest

from scoring.sources import list_files
from tests.scoring.command import ROOT, command, score
from tests.sounds import song

PIECES = ["\n", "\r", "\t", "\x1b[31m", "\x7f", "\x85", "\u2028", '"', "'", ",", ";", " ", "  ", "\\", "%", "%41", "#"]
PIECES += ["-", "--out", "=cmd|' calc'!A0", "+1", "@SUM(A1)", "$(id)", "`id`", "&amp;", "<script>alert(1)"]
PIECES += ["file:", "file:%2F", "http:", "s3:", "C:", "con", "nul", "..", "~", "*", "?", "[a]", "{0}", "%s", "\udce9"]
PIECES += ["\udcff\udcfe", "\\xe9", "\\udce9", "é", "e\u0301", "Å", "A\u030a", "한", "\u1112\u1161\u11ab", "🎵", "👩‍🎤"]
PIECES += [
    "\u202eabc",
    "שלום",
    "مرحبا",
    "\u200b",
    "\ufeff",
    "path",
    "#EXTM3U",
    "#EXTINF:1,",
    "NULL",
    "nan",
    "a",
    "z" * 40,
]
LONGEST_NAME_BYTES = 255
SUFFIX = ".wav"


def as_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def hostile_names(number: int) -> list[str]:
    """Return different names: each piece alone, at the start, and at the end; then mixtures, some as long as may be."""
    chance = random.Random(0)  # noqa: S311 - the same names each time
    names = [f"{start}{piece}{end}{SUFFIX}" for piece in PIECES for start, end in (("", ""), ("", "x"), ("x", ""))]
    names += [f"{as_bytes('é' * 125).decode()}{SUFFIX}", f"{'a' * 251}{SUFFIX}", f"{'🎵' * 62}abc{SUFFIX}"]
    found = dict.fromkeys(names)
    while len(found) < number:
        name = "".join(chance.choices(PIECES, k=chance.randint(2, 9))) + SUFFIX
        if len(as_bytes(name)) <= LONGEST_NAME_BYTES and not name.startswith("._"):
            found[name] = None
    return list(found)[:number]


def make(folder: Path, names: Iterable[str]) -> set[bytes]:
    """Make songs of these names in a folder, and return their paths."""
    folder.mkdir()
    (folder / "first.wav").write_bytes(song(1.2, "wav", 8000, 1))
    paths = {as_bytes(f"{folder}/{name}") for name in names}
    for path in paths:
        os.link(folder / "first.wav", path)
    (folder / "first.wav").unlink()
    return paths


def listed(*sources: Path) -> set[bytes]:
    """Return the paths that sources lead to; each only once."""
    paths = [as_bytes(file.path) for file in list_files([str(source) for source in sources])]
    assert len(paths) == len(set(paths))
    return set(paths)


def write_csv(path: Path, cells: Iterable[str]) -> None:
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([["path"], *([cell] for cell in cells)])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_names_come_back_from_every_table_and_playlist(sure_models: Path, tmp_path: Path) -> None:
    paths = make(tmp_path / "songs", hostile_names(1000))
    assert listed(tmp_path / "songs") == paths
    # All have the same content, so that one of them is scored.
    made: list[str | Path] = ["--by-content", "--models", sure_models, "--journal", tmp_path / "journal"]
    made += ["--playlists", tmp_path / "lists", "--report", tmp_path / "page.html"]
    for form in ("csv", "jsonl", "parquet"):
        status, said = score(tmp_path / "songs", "--out", tmp_path / f"table.{form}", *made)
        assert status == 0, said
    cells = [
        json.loads(line)["path"] for line in (tmp_path / "table.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    ]
    assert pyarrow.parquet.read_table(tmp_path / "table.parquet")["path"].to_pylist() == cells
    write_csv(tmp_path / "cells.csv", cells)
    assert listed(tmp_path / "table.csv") == paths
    assert listed(tmp_path / "cells.csv") == paths
    assert listed(*(tmp_path / "lists").iterdir()) == paths
    # A line of a list holds each cell without a line break, and the URL of any path.
    lines = [cell for cell in cells if not re.search(r"[\n\r]", cell)]
    for name in ("list.txt", "list.m3u", "list.m3u8"):
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8", newline="")
        assert len(listed(tmp_path / name)) == len(lines)
        assert listed(tmp_path / name) <= paths
        (tmp_path / name).write_text("\n".join(Path(os.fsdecode(path)).as_uri() for path in paths))
        assert listed(tmp_path / name) == paths
    # The second table, made from the first, is the same.
    status, said = score(tmp_path / "table.csv", "--out", tmp_path / "again.csv", *made)
    assert status == 0, said
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_relative_lists_and_tables_hold_every_name(sure_models: Path, tmp_path: Path) -> None:
    paths = make(tmp_path / "songs", hostile_names(400))
    names = [os.fsdecode(path).rpartition("/")[2] for path in sorted(paths)]
    write_csv(tmp_path / "songs" / "list.csv", names)
    assert listed(tmp_path / "songs" / "list.csv") == paths
    fitting = [name for name in names if not re.search(r"[\n\r]", name)]
    for suffix in ("txt", "m3u", "m3u8"):
        entries = [name if suffix == "txt" or not name.startswith("#") else f"./{name}" for name in fitting]
        (tmp_path / "songs" / f"list.{suffix}").write_bytes(b"\n".join(map(as_bytes, ["first.txt", *entries])))
        found = listed(tmp_path / "songs" / f"list.{suffix}")
        assert found - {as_bytes(f"{tmp_path}/songs/first.txt")} == {as_bytes(f"{tmp_path}/songs/{n}") for n in fitting}
    made = ("--by-content", "--models", sure_models, "--playlists", tmp_path / "songs" / "lists")
    table = tmp_path / "songs" / "table.csv"
    status, said = score(tmp_path / "songs", "--out", table, "--relative-to", tmp_path / "songs", *made)
    assert status == 0, said
    assert listed(table) == paths
    assert listed(*(tmp_path / "songs" / "lists").iterdir()) == paths


def test_each_name_is_scored_tagged_and_reported(sure_models: Path, tmp_path: Path) -> None:
    paths = make(tmp_path / "songs", hostile_names(1000)[::16])
    options = ("--models", sure_models, "--report", tmp_path / "page.html", "--write-tags", "--least-confidence", "0")
    arguments = command(tmp_path / "songs", "--out", tmp_path / "table.csv", *options)
    shown = subprocess.run([*arguments, "--dry-run"], cwd=ROOT, capture_output=True, check=True)
    lines = shown.stdout.decode("utf-8").split("\n")[:-1]
    # A line each, which holds nothing that moves a terminal's cursor.
    assert len(lines) == len(paths)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "".join(lines))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count('<td class="path">') == 50
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True)
    assert f"tagged: {len(paths)}" in done.stderr.decode("utf-8", "replace")
    assert listed(tmp_path / "table.csv") == paths
    assert score("undo", tmp_path / "table.csv.tags")[0] == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_names_go_through_the_processes_that_score(tmp_path: Path) -> None:
    paths = make(tmp_path / "songs", hostile_names(1000))
    status, said = score(tmp_path / "songs", "--out", tmp_path / "table.csv")
    assert (status, "1000 of 1000 files" in said) == (0, True), said
    assert listed(tmp_path / "table.csv") == paths

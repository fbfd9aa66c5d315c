"""Files that are not ours are neither replaced nor removed, whatever a run is told."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from scoring.replacement import clear_leftovers, replacement
from tests.scoring.command import ROOT, rows_of, score


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".journal" not in path.name}


def test_parts_of_another_table_are_left_alone(songs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "part-00000-1f2e.parquet").write_bytes(b"of Spark")
    for force in ((), ("--force",)):
        assert score(songs / "a.mp3", "--out", f"{folder}/", *force)[0] == 2
    assert contents(folder) == {folder / "part-00000-1f2e.parquet": b"of Spark"}


def test_a_table_that_is_not_ours_is_replaced_by_force_only(songs: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("mine")
    assert score(songs / "a.mp3", "--out", table)[0] == 2
    assert table.read_text() == "mine"
    assert score(songs / "a.mp3", "--out", table, "--force")[0] == 0
    assert score(songs / "a.mp3", "--out", table)[0] == 0
    # Now it is ours, until somebody edits it.
    with open(table, "a") as file:
        file.write("my notes")
    assert score(songs / "a.mp3", "--out", table)[0] == 2
    assert table.read_text().endswith("my notes")


def test_a_list_of_songs_is_not_replaced_by_the_table_of_them(songs: Path, tmp_path: Path) -> None:
    listed = tmp_path / "songs.csv"
    listed.write_text(f"path\n{songs / 'a.mp3'}\n")
    before = contents(tmp_path)
    assert score(listed, "--out", listed)[0] == 2
    assert score(listed, "--out", listed, "--force")[0] == 2
    assert score(listed, "--out", tmp_path / "table.csv", "--report", listed, "--force")[0] == 2
    assert contents(tmp_path) == before


@pytest.mark.parametrize("source", ["empty", "empty.csv", "empty.txt"])
def test_without_songs_the_table_stays(source: str, songs: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.csv").write_text("path\n")
    (tmp_path / "empty.txt").write_text("")
    assert score(songs / "a.mp3", songs / "b.wav", "--out", table)[0] == 0
    before = table.read_bytes()
    assert score(tmp_path / source, "--out", table)[0] == 2
    assert score(songs / "a.mp3", tmp_path / source, "--out", table)[0] == 2
    assert table.read_bytes() == before
    assert len(rows_of(table)) == 2


def test_playlists_and_reports_of_others_stay(songs: Path, sure_models: Path, tmp_path: Path) -> None:
    table, lists, report = tmp_path / "table.csv", tmp_path / "lists", tmp_path / "page.html"
    lists.mkdir()
    (lists / "rock.m3u8").write_text("my favourites")
    report.write_text("my page")
    arguments = (songs / "a.mp3", "--out", table, "--models", sure_models)
    assert score(*arguments, "--playlists", lists)[0] == 2
    assert score(*arguments, "--report", report)[0] == 2
    assert score(*arguments, "--playlists", report)[0] == 2
    assert score(*arguments, "--report", tmp_path / "nowhere" / "page.html")[0] == 2
    assert contents(tmp_path) == {lists / "rock.m3u8": b"my favourites", report: b"my page"}
    more = ("--playlists", tmp_path / "other", "--report", tmp_path / "other.html")
    for _ in range(2):
        assert score(*arguments, *more)[0] == 0


def test_the_database_of_another_program_is_no_journal(songs: Path, tmp_path: Path) -> None:
    database = tmp_path / "photos.sqlite"
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("CREATE TABLE photos (name TEXT)")
        opened.commit()
    assert score(songs / "a.mp3", "--out", tmp_path / "table.csv", "--journal", database)[0] == 2
    with closing(sqlite3.connect(database)) as opened:
        assert opened.execute("SELECT name FROM sqlite_master").fetchall() == [("photos",)]


def test_a_table_of_a_journal_from_before_it_knew_its_files_is_ours(songs: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    assert score(songs / "a.mp3", "--out", table)[0] == 0
    with closing(sqlite3.connect(f"{table}.journal", isolation_level=None)) as database:
        database.execute("DROP TABLE outputs")
    assert score(songs / "a.mp3", "--out", table)[0] == 0


HELD = """
import sys, time
from pathlib import Path
from scoring.replacement import replacement
with replacement(Path(sys.argv[1]), b"new"):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_needs_stays(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"old")
    (tmp_path / ".mine.part").write_bytes(b"another program's")
    with subprocess.Popen([sys.executable, "-c", HELD, song], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        assert clear_leftovers(tmp_path) == 0
        process.kill()
    time.sleep(0.1)
    assert clear_leftovers(tmp_path) == 1
    assert contents(tmp_path) == {song: b"old", tmp_path / ".mine.part": b"another program's"}
    with replacement(song, b"new") as ready:
        ready.replace(song)
    assert contents(tmp_path) == {song: b"new", tmp_path / ".mine.part": b"another program's"}

"""Disks that are full: what is scored is kept, and the message names the file."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from inference.prediction import Segment
from scoring.checks import JOURNAL_BYTES_PER_FILE
from scoring.journal import Journal
from scoring.row import SongFile
from tests.scoring.command import rows_of, score, start, wait_for_worker
from tests.scoring.test_table import GOOD
from tests.site.conftest import missing

_DISK_BYTES = 8_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "none", folder], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        missing("needs root, to mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, but_bytes: int = 0) -> Path:
    """Fill a disk but for some bytes, and return the file that does."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(file.tell() - but_bytes)
    return filler


def test_a_song_of_four_minutes_takes_what_is_reckoned_with(tmp_path: Path) -> None:
    numbers = random.Random(0)  # noqa: S311 - nobody guesses them
    genres = [f"genre {number}" for number in range(10)]
    path = tmp_path / "journal"
    with Journal(path, "settings") as journal:
        rows = [
            replace(
                GOOD,
                path=f"/music/An Artist/An Album/{number:04} - The Name of a Song.mp3",
                probabilities={genre: numbers.random() for genre in genres},
                tags={f"a tag {genre}": numbers.random() for genre in genres[:5]},
                segments=[Segment(10.01 * at, 10.01 * at + 9.93, "rock", numbers.random()) for at in range(24)],
            )
            for number in range(2000)
        ]
        files = [SongFile(row.path, 5_800_000, "5800000 1700000000000000000") for row in rows]
        journal.list_anew(files)
        journal.keep(zip(files, rows, strict=True), 300.0)
    assert path.stat().st_size / len(rows) <= JOURNAL_BYTES_PER_FILE


def test_a_disk_that_will_not_hold_the_journal_is_said_before_scoring(tmp_path: Path, disk: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text("".join(f"/music/{number}.mp3\n" for number in range(5000)))
    status, said = score(names, "--out", disk / "table.csv")
    assert status == 2
    assert str(disk / "table.csv.journal") in said
    assert "files/s" not in said
    assert score(names, "--out", disk / "table.csv", "--dry-run")[0] == 2


@pytest.mark.slow
def test_a_disk_that_fills_while_scoring_costs_no_row(songs: Path, long_song: Path, tmp_path: Path, disk: Path) -> None:
    table = tmp_path / "table.parquet"
    arguments = (songs, long_song, "--out", table, "--journal", disk / "journal")
    process = start(*arguments)
    wait_for_worker(process, long_song)
    filler = fill(disk)
    said = process.communicate(timeout=100)[1]
    assert process.returncode == 1, said
    assert str(disk / "journal") in said
    assert "Traceback" not in said
    assert not table.exists()
    filler.unlink()
    status, said = score(*arguments)
    assert (status, "9 of 9 files" in said) == (0, True), said
    assert {row["error"] for row in rows_of(table)} == {None}


@pytest.mark.parametrize("option", ["--out", "--report", "--playlists"])
def test_an_output_without_room_is_named_and_written_by_the_next_run(
    option: str, songs: Path, sure_models: Path, tmp_path: Path, disk: Path
) -> None:
    table = tmp_path / "table.json"
    name = disk / {"--out": "table.csv", "--report": "page.html", "--playlists": "lists"}[option]
    arguments = (songs / "a.mp3", "--out", table, option, name, "--models", sure_models)
    filler = fill(disk)
    status, said = score(*arguments)
    assert status == 1, said
    assert str(name) in said
    assert "Traceback" not in said
    assert not name.is_file()
    filler.unlink()
    status, said = score(*arguments)
    assert (status, "files/s" in said) == (0, False), said
    assert name.exists()


def test_a_folder_of_temporary_files_without_room_is_named(songs: Path, tmp_path: Path, disk: Path) -> None:
    fill(disk, but_bytes=8192)
    status, said = score(songs / "a.mp3", "--out", tmp_path / "table.csv", TMPDIR=os.fspath(disk))
    assert status == 1
    assert str(disk) in said
    assert "Traceback" not in said

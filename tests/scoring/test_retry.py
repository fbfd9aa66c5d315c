"""Files with an error, which a later run tries again or does not."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from inference.bundle import MODELS, load_bundle
from scoring.failures import CRASHED, TOO_SLOW, UNREADABLE, failed_row
from scoring.journal import Journal
from scoring.row import SongFile
from tests.scoring.command import MODEL, rows_of, score
from tests.sounds import encode, music


def test_a_song_that_was_too_slow_is_scored_once_the_timeout_is_raised(tmp_path: Path) -> None:
    table, long = tmp_path / "table.parquet", tmp_path / "long.wav"
    long.write_bytes(encode(np.tile(music(10, 22_050, channels=1), (30, 1)), 22_050, "wav"))
    assert score(long, "--out", table, "--timeout", "0.01")[0] == 1
    (row,) = rows_of(table)
    assert row["error_kind"] == "too slow"
    assert score(long, "--out", table, "--timeout", "0.01")[0] == 1
    assert rows_of(table) == [row]
    assert score(long, "--out", table, "--timeout", "60")[0] == 0
    assert rows_of(table)[0]["error"] is None


def test_a_file_with_an_error_is_tried_again_if_one_asks_for_it(songs: Path, tmp_path: Path) -> None:
    whole = (songs / "album" / "h.mp3").read_bytes()
    broken, table = tmp_path / "broken.mp3", tmp_path / "table.parquet"
    broken.write_bytes(bytes(len(whole)))
    arguments = (broken, songs / "a.mp3", "--out", table)
    assert score(*arguments)[0] == 1
    first = {row["path"]: row for row in rows_of(table)}
    # Restored with its size and time, as from a backup: nothing says that it is another.
    times = broken.stat().st_atime_ns, broken.stat().st_mtime_ns
    broken.write_bytes(whole)
    os.utime(broken, ns=times)
    assert score(*arguments)[0] == 1
    assert {row["path"]: row for row in rows_of(table)} == first
    status, said = score(*arguments, "--retry-errors")
    assert (status, "2 of 2 files" in said) == (0, True), said
    again = {row["path"]: row for row in rows_of(table)}
    assert (first[str(broken)]["error_kind"], again[str(broken)]["error_kind"]) == ("unreadable", None)
    assert again[str(songs / "a.mp3")] == first[str(songs / "a.mp3")]


@pytest.mark.parametrize(("kind", "retried"), [(TOO_SLOW, True), (CRASHED, True), (UNREADABLE, False)])
def test_only_a_longer_timeout_than_the_one_that_failed_counts(kind: str, retried: bool, tmp_path: Path) -> None:  # noqa: FBT001
    file = SongFile("/music/a.mp3", 1, "1")
    row = failed_row(file, load_bundle(MODELS / MODEL[1]).card, 0, kind, "It failed.")
    with Journal(tmp_path / "journal", "settings") as journal:
        journal.list_anew([file])
        journal.keep([(file, row)], 10.0)
        for timeout_seconds, pending in (5.0, []), (10.0, []), (10.5, [file] if retried else []):
            journal.forget_passing_errors(timeout_seconds)
            assert list(journal.pending()) == pending


def test_a_run_resumes_with_a_journal_of_the_former_version(songs: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    score(songs / "a.mp3", "--out", table)
    with closing(sqlite3.connect(f"{table}.journal", isolation_level=None)) as database:
        database.execute("ALTER TABLE rows DROP COLUMN timeout_seconds")
        database.execute("PRAGMA user_version = 1")
    (first,) = rows_of(table)
    status, said = score(songs / "a.mp3", songs / "b.wav", "--out", table)
    assert status == 0, said
    assert rows_of(table)[0] == first

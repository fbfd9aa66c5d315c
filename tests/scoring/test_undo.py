"""Taking changes back: every byte and the time, whatever came between, and never over what somebody else changed."""

import fcntl
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from scoring.tags import Change, read_genre, write
from scoring.undo import (
    AS_IT_WAS,
    CHANGED_SINCE,
    DAMAGED,
    NO_FILE,
    RESTORED,
    BadUndoJournal,
    UndoJournal,
    Undone,
    undo,
)
from tests.scoring.tagged import SUFFIXES, bare, dressed

ROOT = Path(__file__).resolve().parents[2]
LONG_AGO_NS = 1_000_000_000_123_456_700
TAG_FOR_EVER = """
import sys
from pathlib import Path
from scoring.tags import Change, read_genre, write
from scoring.undo import UndoJournal
journal, *songs = map(Path, sys.argv[1:])
journal = UndoJournal(journal)
print("ready", flush=True)
while True:
    for song in songs:
        before = read_genre(song)
        write(Change(song, before, "Jazz" if before == "Rock" else "Rock"), journal)
"""


@pytest.fixture
def journal(tmp_path: Path) -> UndoJournal:
    return UndoJournal(tmp_path / "undo.jsonl")


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return path


def tag(path: Path, genre: str, journal: UndoJournal) -> None:
    change = Change(path, read_genre(path), genre)
    assert write(change, journal) == change


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_byte_and_the_time_come_back(suffix: str, tmp_path: Path, journal: UndoJournal) -> None:
    songs = [put(tmp_path / f"a.{suffix}", bare(suffix)), put(tmp_path / f"b.{suffix}", dressed(suffix))]
    for song in songs:
        tag(song, "Hip-Hop", journal)
    assert songs[0].read_bytes() != bare(suffix)
    assert undo(journal.path) == [Undone(songs[1], RESTORED), Undone(songs[0], RESTORED)]
    assert [song.read_bytes() for song in songs] == [bare(suffix), dressed(suffix)]
    assert {song.stat().st_mtime_ns for song in songs} == {LONG_AGO_NS}
    assert len(list(tmp_path.iterdir())) == 3


def test_undoing_again_does_nothing(tmp_path: Path, journal: UndoJournal) -> None:
    song = put(tmp_path / "a.mp3", bare("mp3"))
    for genre in ("Rock", "Jazz", "Blues"):
        tag(song, genre, journal)
    assert [one.outcome for one in undo(journal.path)] == [RESTORED] * 3
    assert song.read_bytes() == bare("mp3")
    assert [one.outcome for one in undo(journal.path)] == [AS_IT_WAS] * 3
    assert all(one.succeeded for one in undo(journal.path))


def test_a_journal_goes_on_after_an_undo(tmp_path: Path, journal: UndoJournal) -> None:
    song = put(tmp_path / "a.mp3", bare("mp3"))
    for genre in ("Rock", "Jazz"):
        tag(song, genre, UndoJournal(journal.path))
    undo(journal.path)
    tag(song, "Rock", UndoJournal(journal.path))
    assert [one.outcome for one in undo(journal.path)] == [RESTORED, AS_IT_WAS, AS_IT_WAS]
    assert song.read_bytes() == bare("mp3")


def test_what_was_changed_since_or_is_gone_is_left_alone(tmp_path: Path, journal: UndoJournal) -> None:
    edited, gone, song = (put(tmp_path / f"{name}.mp3", bare("mp3")) for name in ("edited", "gone", "song"))
    for path in (edited, gone, song):
        tag(path, "Rock", journal)
    edited.write_bytes(edited.read_bytes() + b"more")
    gone.unlink()
    content = edited.read_bytes()
    undone = undo(journal.path)
    assert undone == [Undone(song, RESTORED), Undone(gone, NO_FILE), Undone(edited, CHANGED_SINCE)]
    assert [one.succeeded for one in undone] == [True, False, False]
    assert edited.read_bytes() == content


def test_an_edit_between_two_changes_keeps_the_first(tmp_path: Path, journal: UndoJournal) -> None:
    song = put(tmp_path / "a.mp3", bare("mp3"))
    tag(song, "Rock", journal)
    edited = song.read_bytes() + b"more"
    song.write_bytes(edited)
    tag(song, "Jazz", journal)
    assert [one.outcome for one in undo(journal.path)] == [RESTORED, CHANGED_SINCE]
    assert [one.outcome for one in undo(journal.path)] == [AS_IT_WAS, CHANGED_SINCE]
    assert song.read_bytes() == edited


def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path: Path, journal: UndoJournal) -> None:
    songs = [put(tmp_path / f"{name}.mp3", bare("mp3")) for name in "ab"]
    tag(songs[0], "Rock", journal)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + whole.splitlines()[1][:50])
    assert [one.outcome for one in undo(journal.path)] == [RESTORED]
    tag(songs[1], "Rock", UndoJournal(journal.path))
    assert journal.path.read_bytes().startswith(whole)
    assert [one.outcome for one in undo(journal.path)] == [RESTORED, AS_IT_WAS]
    assert [song.read_bytes() for song in songs] == [bare("mp3")] * 2


def test_a_journal_that_a_crash_left_without_a_beginning_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "undo.jsonl"
    song = put(tmp_path / "a.mp3", bare("mp3"))
    for beginning in (b"", b'{"undo'):
        path.write_bytes(beginning)
        assert undo(path) == []
        tag(song, "Rock", UndoJournal(path))
        assert [one.outcome for one in undo(path)] == [RESTORED]


def test_a_damaged_line_does_not_keep_the_others_from_being_undone(tmp_path: Path, journal: UndoJournal) -> None:
    songs = [put(tmp_path / f"{name}.mp3", bare("mp3")) for name in "abc"]
    for song in songs:
        tag(song, "Rock", journal)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"', b"'")
    # A line that can be read, and leads elsewhere.
    lines[1] = lines[1].replace(hashlib.sha256(bare("mp3")).hexdigest().encode(), b"0" * 64)
    journal.path.write_bytes(b"".join(lines))
    assert undo(journal.path) == [
        Undone(songs[2], RESTORED),
        Undone(journal.path, DAMAGED),
        Undone(songs[0], DAMAGED),
    ]
    assert [read_genre(song) for song in songs] == ["Rock", "Rock", ""]


def test_a_file_that_is_no_journal_is_neither_read_nor_written(tmp_path: Path) -> None:
    song = put(tmp_path / "a.mp3", bare("mp3"))
    for use in (UndoJournal, undo):
        with pytest.raises(BadUndoJournal, match="not an undo journal"):
            use(song)
    assert song.read_bytes() == bare("mp3")
    with pytest.raises(BadUndoJournal, match="cannot be written"):
        UndoJournal(tmp_path / "none" / "undo.jsonl")


def test_a_small_journal_undoes_a_large_file(tmp_path: Path, journal: UndoJournal) -> None:
    content = bare("wav", 20.0)
    song = put(tmp_path / "a.wav", content)
    tag(song, "Rock", journal)
    assert journal.path.stat().st_size < 1000 < len(content) / 1000
    assert [one.outcome for one in undo(journal.path)] == [RESTORED]
    assert song.read_bytes() == content


def test_a_line_waits_until_another_process_has_written_its_own(tmp_path: Path, journal: UndoJournal) -> None:
    song = put(tmp_path / "a.mp3", bare("mp3"))
    writing = Thread(target=tag, args=(song, "Rock", journal))
    with open(journal.path, "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writing.start()
        writing.join(timeout=0.3)
        assert song.read_bytes() == bare("mp3")
    writing.join(timeout=30)
    assert read_genre(song) == "Rock"


def test_the_path_in_a_journal_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a.mp3", bare("mp3"))
    monkeypatch.chdir(tmp_path)
    tag(Path("a.mp3"), "Rock", UndoJournal(Path("undo.jsonl")))
    monkeypatch.chdir(ROOT)
    assert undo(tmp_path / "undo.jsonl") == [Undone(tmp_path / "a.mp3", RESTORED)]


def test_killed_at_any_moment_every_file_is_whole_and_can_be_restored(tmp_path: Path) -> None:
    formers = {tmp_path / f"song.{suffix}": dressed(suffix) for suffix in ("mp3", "ogg", "m4a")}
    for path, content in formers.items():
        put(path, content)
    journal = tmp_path / "undo.jsonl"
    rng = random.Random(0)  # noqa: S311
    for _ in range(10):
        process = subprocess.Popen(
            [sys.executable, "-c", TAG_FOR_EVER, journal, *formers], cwd=ROOT, stdout=subprocess.PIPE
        )
        with process:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, 0.2))
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert {read_genre(path) for path in formers} <= {"", "Rock", "Jazz"}
    assert len(journal.read_bytes().splitlines()) > 1
    assert all(one.succeeded for one in undo(journal))
    assert {path: path.read_bytes() for path in formers} == formers

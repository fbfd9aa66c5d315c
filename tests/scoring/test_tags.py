"""Which files get a genre, and writing it so that nothing is lost."""

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scoring.tag_io import Untaggable
from scoring.tags import (
    CHANGED_SINCE,
    HAS_GENRE,
    HAS_THAT_GENRE,
    NO_FILE,
    NOT_CONFIDENT,
    NOT_SURE,
    UNREADABLE,
    UNTAGGABLE,
    UNWRITABLE,
    BadNames,
    Change,
    Skipped,
    TagSettings,
    plan,
    read_genre,
    read_names,
    write,
)
from scoring.undo import AS_IT_WAS, RESTORED, BadUndoJournal, UndoJournal, Undone, undo
from tests.scoring.tagged import SUFFIXES, bare, dressed, read_tags
from tests.sounds import encode, music

GENRES = ("blues", "hiphop", "jazz")
NAMES = TagSettings({"blues": "Blues", "hiphop": "Hip-Hop", "jazz": ""})
LONG_AGO_NS = 1_000_000_000_123_456_700
NOBODY = 65_534


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.mp3"
    path.write_bytes(dressed("mp3"))
    return path


@pytest.fixture
def journal(tmp_path: Path) -> UndoJournal:
    return UndoJournal(tmp_path / "undo.jsonl")


@contextmanager
def ordinary_user() -> Iterator[Path]:
    """Yield a folder of somebody whom permissions bind, as they do not bind root, and run as that one."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() != 0:
            yield Path(folder)
            return
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def test_a_sure_genre_is_planned_under_the_users_name(song: Path) -> None:
    assert plan(song, "hiphop", 0.9, NAMES) == Change(song, "", "Hip-Hop")
    assert plan(song, "reggae", 0.6, NAMES) == Change(song, "", "reggae")


@pytest.mark.parametrize(
    ("genre", "confidence", "reason"),
    [(None, 0.9, NOT_SURE), ("blues", 0.59, NOT_CONFIDENT), ("jazz", 0.9, "no name for jazz")],
)
def test_a_file_that_gets_no_genre_is_skipped_with_the_reason(
    genre: str | None, confidence: float, reason: str, song: Path
) -> None:
    assert plan(song, genre, confidence, NAMES) == Skipped(song, reason)


def test_a_genre_stays_unless_it_is_to_be_overwritten(song: Path, journal: UndoJournal) -> None:
    write(plan_change(song, "Blues"), journal)
    overwriting = TagSettings(NAMES.names, overwrite=True)
    assert plan(song, "hiphop", 0.9, NAMES) == Skipped(song, HAS_GENRE, "Blues")
    assert plan(song, "hiphop", 0.9, overwriting) == Change(song, "Blues", "Hip-Hop")
    assert plan(song, "blues", 0.9, NAMES) == Skipped(song, HAS_THAT_GENRE)
    assert plan(song, "blues", 0.9, overwriting) == Skipped(song, HAS_THAT_GENRE)


def plan_change(path: Path, genre: str) -> Change:
    change = plan(path, "genre", 1.0, TagSettings({"genre": genre}, overwrite=True))
    assert isinstance(change, Change)
    return change


def test_what_cannot_be_tagged_is_skipped_with_what_to_do(tmp_path: Path) -> None:
    wma = tmp_path / "song.wma"
    wma.write_bytes(encode(music(1.0), 44_100, "wma"))
    skipped = plan(wma, "blues", 0.9, NAMES)
    assert isinstance(skipped, Skipped)
    assert skipped.reason == UNTAGGABLE
    assert "Convert it" in skipped.detail
    with pytest.raises(Untaggable, match="Convert it"):
        read_genre(wma)
    assert plan(tmp_path / "none.mp3", "blues", 0.9, NAMES) == Skipped(tmp_path / "none.mp3", NO_FILE)
    assert plan(tmp_path, "blues", 0.9, NAMES) == Skipped(tmp_path, NO_FILE)


def test_a_file_that_takes_too_much_memory_is_skipped(song: Path) -> None:
    os.truncate(song, 1 << 30)
    assert plan(song, "blues", 0.9, NAMES) == Change(song, "", "Blues")
    os.truncate(song, (1 << 30) + 1)
    assert plan(song, "blues", 0.9, NAMES) == Skipped(
        song, UNTAGGABLE, "It has over 1 GB, which takes too much memory. Tag it by hand."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_tagged_whatever_its_name_says(suffix: str, tmp_path: Path, journal: UndoJournal) -> None:
    for name in ("song.mp3", "song.flac", os.fsdecode(b"caf\xe9 \xff"), "x" * 250 + ".mp3"):
        path = tmp_path / name
        path.write_bytes(dressed(suffix))
        change = plan(path, "hiphop", 0.9, NAMES)
        assert isinstance(change, Change)
        assert write(change, journal) == change
        assert read_tags(path.read_bytes()) == read_tags(dressed(suffix)) | {"genre": "Hip-Hop"}
        assert undo(journal.path)[0] == Undone(path, RESTORED)
        assert path.read_bytes() == dressed(suffix)


@pytest.mark.parametrize("keep_time", [True, False])
def test_mode_and_owner_stay_and_the_time_if_it_is_to(song: Path, journal: UndoJournal, *, keep_time: bool) -> None:
    owner = NOBODY if os.geteuid() == 0 else os.geteuid()
    os.chown(song, owner, -1)
    song.chmod(0o640)
    os.utime(song, ns=(LONG_AGO_NS, LONG_AGO_NS))
    write(plan_change(song, "Blues"), journal, keep_time=keep_time)
    found = song.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o640, owner)
    assert (found.st_mtime_ns == LONG_AGO_NS) is keep_time
    undo(journal.path)
    found = song.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_mtime_ns) == (0o640, owner, LONG_AGO_NS)


def test_behind_a_symbolic_link_the_file_itself_changes(song: Path, tmp_path: Path, journal: UndoJournal) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link.mp3"
    link.symlink_to(Path("..") / song.name)
    write(plan_change(link, "Blues"), journal)
    assert link.is_symlink()
    assert read_genre(song) == "Blues"
    assert undo(journal.path) == [Undone(song, RESTORED)]


def test_of_hard_links_the_others_keep_the_old_content(song: Path, tmp_path: Path, journal: UndoJournal) -> None:
    (tmp_path / "other.mp3").hardlink_to(song)
    write(plan_change(song, "Blues"), journal)
    assert read_genre(song) == "Blues"
    assert (tmp_path / "other.mp3").read_bytes() == dressed("mp3")


def test_a_file_that_changed_after_it_was_planned_is_left_alone(song: Path, journal: UndoJournal) -> None:
    change = plan_change(song, "Blues")
    write(plan_change(song, "Polka"), journal)
    content = song.read_bytes()
    assert write(change, journal) == Skipped(song, CHANGED_SINCE)
    assert song.read_bytes() == content
    song.unlink()
    assert write(change, journal) == Skipped(song, NO_FILE)


def test_a_file_that_changes_while_it_is_tagged_is_left_alone(
    song: Path, journal: UndoJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = "scoring.tags.with_genre"
    monkeypatch.setattr(tag, lambda content, _: song.write_bytes(content + b"more") and content)
    assert write(plan_change(song, "Blues"), journal) == Skipped(song, CHANGED_SINCE)
    assert song.read_bytes() == dressed("mp3") + b"more"
    assert undo(journal.path) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_stopped_before_it_is_replaced_a_file_is_as_it_was(
    error: BaseException, song: Path, journal: UndoJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    change = plan_change(song, "Blues")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        if isinstance(error, OSError):
            assert write(change, journal) == Skipped(song, UNWRITABLE, "No space left on device.")
        else:
            with pytest.raises(KeyboardInterrupt):
                write(change, journal)
    assert song.read_bytes() == dressed("mp3")
    assert {path.name for path in song.parent.iterdir()} == {"song.mp3", "undo.jsonl"}
    assert undo(journal.path) == [Undone(song, AS_IT_WAS)]
    assert write(change, journal) == change


def test_without_its_journal_no_file_changes(song: Path, journal: UndoJournal) -> None:
    change = plan_change(song, "Blues")
    journal.path.unlink()
    journal.path.mkdir()
    with pytest.raises(BadUndoJournal, match="no file is changed without it"):
        write(change, journal)
    assert song.read_bytes() == dressed("mp3")
    assert {path.name for path in song.parent.iterdir()} == {"song.mp3", "undo.jsonl"}


def test_what_is_protected_is_left_alone() -> None:
    with ordinary_user() as folder:
        (folder / "protected").mkdir()
        song, hidden = folder / "song.mp3", folder / "hidden.mp3"
        in_folder = folder / "protected" / "song.mp3"
        for path in (song, hidden, in_folder):
            path.write_bytes(bare("mp3"))
        song.chmod(0o444)
        hidden.chmod(0)
        in_folder.parent.chmod(0o555)
        journal = UndoJournal(folder / "undo.jsonl")
        for path in (song, in_folder):
            assert write(plan_change(path, "Blues"), journal) == Skipped(path, UNWRITABLE, "Permission denied.")
            assert path.read_bytes() == bare("mp3")
        assert plan(hidden, "blues", 0.9, NAMES) == Skipped(hidden, UNREADABLE, "Permission denied.")
        assert len(list(folder.iterdir())) == 4
        assert undo(journal.path) == []
        in_folder.parent.chmod(0o755)


def test_what_was_protected_since_is_not_undone() -> None:
    with ordinary_user() as folder:
        song = folder / "song.mp3"
        song.write_bytes(bare("mp3"))
        journal = UndoJournal(folder / "undo.jsonl")
        write(plan_change(song, "Blues"), journal)
        song.chmod(0o444)
        assert undo(journal.path) == [Undone(song, "cannot be undone: Permission denied")]
        assert read_genre(song) == "Blues"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_are_skipped_or_tagged_and_never_stop_anything(
    suffix: str, tmp_path: Path, journal: UndoJournal
) -> None:
    path = tmp_path / f"song.{suffix}"
    whole = dressed(suffix)
    for content in (b"", whole[:10], whole[:100], whole[: len(whole) // 2], whole[:50] + bytes(500), bytes(1000)):
        path.write_bytes(content)
        done = plan(path, "blues", 0.9, NAMES)
        if isinstance(done, Change):
            done = write(done, journal)
        if isinstance(done, Skipped):
            assert done.reason == UNTAGGABLE
            assert path.read_bytes() == content
        else:
            assert read_genre(path) == "Blues"


def test_names_are_read_from_csv_and_json(tmp_path: Path) -> None:
    names = {"blues": "Blues", "hiphop": "Hip-Hop", "jazz": ""}
    table = tmp_path / "names.csv"
    table.write_text("\ufeffgenre,name\r\nblues, Blues\r\nhiphop,Hip-Hop\r\n\r\njazz,\r\n", encoding="utf-8")
    assert read_names(table, GENRES) == names
    pairs = tmp_path / "names.json"
    pairs.write_text(json.dumps(names))
    assert read_names(pairs, GENRES) == names


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "genre,name\nblues,B\n", "names no hiphop, jazz. The genres are: blues, hiphop, jazz"),
        ("a.csv", "genre,name\nblues,B\nhiphop,H\njazz,J\npolka,P", "genres that do not exist: polka"),
        ("a.csv", "genre,name\nblues,B\nhiphop,H\njazz,J\nblues,P", "more than once: blues"),
        ("a.csv", "genre,name\nblues,17\nhiphop,H\njazz,J", "would be read as others: 17"),
        ("a.csv", "blues,B\nhiphop,H\njazz,J", "lacks the columns genre and name"),
        ("a.csv", "", "lacks the columns"),
        ("a.json", '{"blues": "B"}', "names no hiphop, jazz"),
        ("a.json", '{"blues": "B", "blues": "C", "hiphop": "H", "jazz": "J"}', "more than once: blues"),
        ("a.json", '{"blues": 1}', "not an object of texts"),
        ("a.json", '[["blues", "B"]]', "not an object of texts"),
        ("a.json", "blues", "cannot be read"),
    ],
)
def test_names_that_do_not_fit_are_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadNames, match=message):
        read_names(tmp_path / name, GENRES)


def test_a_file_of_names_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"genre,name\nblues,Bl\xfces\n")
    for name in ("none.csv", "latin.csv"):
        with pytest.raises(BadNames, match=f"{name} cannot be read"):
            read_names(tmp_path / name, GENRES)

"""A library that was moved, renamed or doubled is known by its content."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scoring.journal import Journal
from scoring.row import Row, SongFile
from tests.scoring.command import rows_of, score
from tests.scoring.test_table import GOOD
from tests.sounds import song

FIRST, SECOND = "1" * 64, "2" * 64


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    (folder / "album").mkdir(parents=True)
    for seed, name in enumerate(("a.wav", "album/b.wav", "album/c.wav")):
        (folder / name).write_bytes(song(1.2, "wav", 8000, 1, seed=seed))
    (folder / "broken.wav").write_bytes(b"no song")
    return folder


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal", "s" * 16) as journal:
        yield journal


def answers(table: Path) -> dict[str, tuple[object, ...]]:
    """Return what a table says of each file; the time it took tells one scoring from the next."""
    fields = ("genre", "confidence", "seconds", "error_kind", "size")
    return {row["path"]: tuple(row[field] for field in fields) for row in rows_of(table)}


def listed(journal: Journal, versions: dict[str, str]) -> list[str]:
    """List files with these versions, and return the paths of those that are to be scored."""
    journal.list_anew(SongFile(path, 1000, version) for path, version in versions.items())
    list(journal.take_over())
    return [file.path for file in journal.pending()]


def keep(journal: Journal, path: str, version: str, row: Row = GOOD) -> None:
    journal.keep([(SongFile(path, 1000, version), replace(row, path=path))], 300.0)


def test_a_moved_library_is_not_scored_again(library: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    assert score(library, "--out", table, "--by-content")[0] == 1
    before = answers(table)
    (library / "album").rename(library / "renamed")
    moved = library.rename(tmp_path / "moved")
    status, said = score(moved, "--out", table, "--by-content")
    assert (status, "files/s" in said) == (1, False), said
    assert answers(table) == {
        path.replace("/library/", "/moved/").replace("/album/", "/renamed/"): answer for path, answer in before.items()
    }
    # What is new there is scored.
    (moved / "new.wav").write_bytes(song(1.2, "wav", 8000, 1, seed=9))
    assert "5 of 5 files, " in score(moved, "--out", table, "--by-content")[1]


def test_of_files_with_the_same_content_one_is_scored(library: Path, tmp_path: Path) -> None:
    for number in range(5):
        (library / "album" / f"copy {number}.wav").write_bytes((library / "a.wav").read_bytes())
    table = tmp_path / "table.parquet"
    status, said = score(library, "--out", table, "--by-content")
    assert (status, "9 of 9 files" in said) == (1, True), said
    found = answers(table)
    assert len(found) == 9
    assert len({answer for path, answer in found.items() if "copy" in path or path.endswith("a.wav")}) == 1


def test_files_that_change_places_keep_their_own_answers(journal: Journal) -> None:
    keep(journal, "/a", FIRST)
    keep(journal, "/b", SECOND, replace(GOOD, genre="blues"))
    assert listed(journal, {"/a": SECOND, "/b": FIRST}) == []
    assert [(row.path, row.genre) for row in journal.rows()] == [("/a", "blues"), ("/b", "rock")]


def test_files_that_are_known_by_size_and_time_do_not_stand_for_each_other(journal: Journal) -> None:
    for version in ("1000 1700000000000000000", "", '"0123456789abcdef0123456789abcdef"'):
        keep(journal, "/a", version)
        assert listed(journal, {"/a": version, "/b": version, "/c": version}) == ["/b", "/c"]


def test_the_same_content_is_scored_again_by_force(journal: Journal) -> None:
    keep(journal, "/a", FIRST)
    journal.list_anew([SongFile("/b", 1000, FIRST)])
    journal.forget()
    list(journal.take_over())
    assert [file.path for file in journal.pending()] == ["/b"]


def test_an_error_that_may_pass_is_not_taken_over(journal: Journal) -> None:
    assert listed(journal, {"/a": FIRST, "/b": FIRST}) == ["/a"]
    keep(journal, "/a", FIRST, replace(GOOD, genre=None, error="It is gone.", error_kind="vanished"))
    assert list(journal.take_over()) == []
    assert [file.path for file in journal.pending()] == ["/b"]

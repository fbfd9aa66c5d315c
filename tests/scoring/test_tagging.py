"""Genres written into the files that were scored, and taken back."""

import hashlib
from pathlib import Path

import pytest

from scoring.tags import read_genre
from tests.scoring.command import rows_of, score
from tests.sounds import encode, music


@pytest.fixture
def own(songs: Path, tmp_path: Path) -> Path:
    """Return a folder with copies of the songs, which may be changed."""
    folder = tmp_path / "own"
    for path in songs.rglob("*.*"):
        copy = folder / path.relative_to(songs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return folder


def contents(folder: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.*")}


def test_genres_are_written_into_songs_and_taken_back(own: Path, sure_models: Path, tmp_path: Path) -> None:
    before = contents(own)
    table = tmp_path / "table.parquet"
    arguments = (own, "--out", table, "--models", sure_models, "--write-tags", "--least-confidence", "0")
    status, said = score(*arguments, "--dry-run")
    assert status == 0, said
    assert contents(own) == before

    status, said = score(*arguments)
    assert "tagged: 8" in said
    genres = {Path(row["path"]): row["genre"] for row in rows_of(table)}
    assert {path: read_genre(path) for path in genres} == genres
    assert {path for path, content in contents(own).items() if before[path] != content} == set(genres)
    # Their sound is what it was, and so is their row.
    assert "files/s" not in score(*arguments)[1]

    assert score("undo", tmp_path / "table.parquet.tags")[0] == 0
    assert contents(own) == before


def test_only_what_is_confident_and_has_no_genre_is_tagged_with_ones_own_names(
    own: Path, sure_models: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.csv"
    genres = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
    names.write_text("genre,name\n" + "".join(f"{genre},My {genre}\n" for genre in genres))
    table = tmp_path / "table.parquet"
    arguments = (own, "--out", table, "--models", sure_models, "--write-tags", "--least-confidence")
    before = contents(own)
    assert score(*arguments, "1", "--names", names)[0] == 0
    assert contents(own) == before
    score(*arguments, "0", "--names", names)
    first = Path(rows_of(table)[0]["path"])
    assert read_genre(first).startswith("My ")
    assert "has a genre: 8" in score(*arguments, "0")[1]
    assert read_genre(first).startswith("My ")
    assert "tagged: 8" in score(*arguments, "0", "--overwrite")[1]
    assert read_genre(first) in genres


def test_a_file_that_cannot_be_tagged_is_named_and_fails_the_run(sure_models: Path, tmp_path: Path) -> None:
    # A format without a place for a genre.
    song = tmp_path / "song.webm"
    song.write_bytes(encode(music(5.0, 48_000), 48_000, "webm"))
    arguments = (song, "--out", tmp_path / "table.csv", "--models", sure_models, "--write-tags", "--least-confidence")
    status, said = score(*arguments, "0")
    assert (status, str(song) in said) == (1, True), said
    # Without a tag to write, nothing fails.
    assert score(*arguments, "1")[0] == 0


@pytest.mark.parametrize("place", ["nowhere/undo", "README.md"])
def test_an_undo_journal_that_cannot_be_is_said_before_scoring(place: str, own: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    arguments = ("--out", tmp_path / "table.csv", "--write-tags", "--undo-journal", tmp_path / place)
    status, said = score(own, *arguments)
    assert (status, "files/s" in said) == (2, False), said
    assert Path(place).name in said


@pytest.mark.parametrize(
    ("names", "says"), [("genre,name\nblues,Blues\n", "names no classical"), ("[]", "cannot be read")]
)
def test_names_that_are_not_complete_are_said_before_anything_is_scored(
    own: Path, tmp_path: Path, names: str, says: str
) -> None:
    (tmp_path / "names.csv").write_text(names)
    status, said = score(own, "--out", tmp_path / "t.csv", "--write-tags", "--names", tmp_path / "names.csv")
    assert status == 2
    assert says in said
    assert not (tmp_path / "t.csv").exists()


def test_what_is_no_undo_journal_is_said(own: Path, tmp_path: Path) -> None:
    for path in (own / "a.mp3", tmp_path / "nothing"):
        status, said = score("undo", path)
        assert status == 2
        assert str(path) in said

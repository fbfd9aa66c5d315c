"""Which songs of a folder are taken, and what is said of the others."""

import json
from pathlib import Path

import pytest

from scoring.selection import Selection
from scoring.sources import BadSource, list_files
from tests.scoring.command import score
from tests.sounds import song

SONGS = ["a.mp3", "Live/b.mp3", "Live/CD 1/c.flac", ".5: The Gray Chapter/d.mp3", "Audiobooks/e.mp3"]
IGNORED = ["#recycle", "@eaDir", "Live/@eaDir", ".Trash-1000", "__MACOSX/Live", "$RECYCLE.BIN"]


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for name in (*SONGS, *(f"{ignored}/old.mp3" for ignored in IGNORED), "._a.mp3", "Live/._b.mp3", "cover.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def taken(folder: Path, selection: Selection) -> list[str]:
    return [str(Path(file.path).relative_to(folder)) for file in list_files([str(folder)], selection=selection)]


def test_folders_of_the_system_and_companions_are_left_out_and_counted(music: Path) -> None:
    selection = Selection()
    assert sorted(taken(music, selection)) == sorted(SONGS)
    (line,) = selection.lines()
    for said in ("@eaDir: 2", "#recycle: 1", ".Trash-1000: 1", "__MACOSX: 1", "$RECYCLE.BIN: 1", "._*): 2"):
        assert said in line


def test_an_ignored_folder_that_is_the_source_is_taken(music: Path) -> None:
    assert taken(music / "#recycle", Selection()) == ["old.mp3"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.flac"], [], ["Live/CD 1/c.flac"]),
        (["*.flac", "a.*"], [], ["Live/CD 1/c.flac", "a.mp3"]),
        (["Live"], [], ["Live/CD 1/c.flac", "Live/b.mp3"]),
        (["Live/*.mp3"], [], ["Live/b.mp3"]),
        (["CD ?"], [], ["Live/CD 1/c.flac"]),
        ([], ["Live/", ".5*"], ["Audiobooks/e.mp3", "a.mp3"]),
        ([], ["*.mp3"], ["Live/CD 1/c.flac"]),
        (["Live"], ["Live/CD 1"], ["Live/b.mp3"]),
        (["[ab].mp3"], [], ["Live/b.mp3", "a.mp3"]),
    ],
)
def test_patterns_choose_songs_by_their_path_below_the_source(
    include: list[str], exclude: list[str], expected: list[str], music: Path
) -> None:
    assert taken(music, Selection(include, exclude)) == expected


def test_in_a_bucket_the_same_is_left_out() -> None:
    selection = Selection(["*.mp3"], ["Live"])
    keys = ["a.mp3", "b/@eaDir/a.mp3", "b/Live/a.mp3", "b/a.flac", "b/._a.mp3", "cover.jpg", "b/c.mp3"]
    assert [key for key in keys if selection.takes_object(key)] == ["a.mp3", "b/c.mp3"]
    assert selection.left_out.total() == 4


def test_a_file_that_is_named_is_taken_whatever_the_patterns_say(music: Path) -> None:
    (music / "list.txt").write_text("a.mp3\n")
    for source in ("a.mp3", "list.txt"):
        (file,) = list_files([str(music / source)], selection=Selection(["*.flac"], ["a.mp3"]))
        assert file.path == str(music / "a.mp3")


def test_a_folder_of_which_nothing_is_taken_is_an_error_that_says_why(music: Path) -> None:
    with pytest.raises(BadSource, match="--include"):
        taken(music, Selection(["*.wav"]))


def test_the_run_and_its_report_say_what_was_left_out(music: Path, tmp_path: Path) -> None:
    for path in music.rglob("*.mp3"):
        path.write_bytes(song(1.2, "wav", 8000, 1))
    options = ("--exclude", "Live", "--exclude", "Audiobooks", "--report", tmp_path / "page.html")
    status, said = score(music, "--out", tmp_path / "table.jsonl", *options)
    assert status == 0, said
    rows = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    assert [row["path"] for row in rows] == [str(music / name) for name in (SONGS[3], "a.mp3")]
    for text in (said, (tmp_path / "page.html").read_text()):
        assert "--exclude: 2" in text
        assert "#recycle: 1" in text

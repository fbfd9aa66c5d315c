"""Which files are taken."""

from pathlib import Path

import pytest

from scoring.sources import BadSource, list_files


def names(*sources: Path | str) -> list[str]:
    return [Path(file.path).name for file in list_files([str(source) for source in sources])]


def test_a_folder_gives_the_songs_in_it_in_order(songs: Path) -> None:
    assert names(songs) == ["D.OGG", "a.mp3", "e.opus", "f.m4a", "h.mp3", "g.aiff", "b.wav", "c.flac"]


def test_a_file_that_is_named_is_taken_whatever_its_name(songs: Path) -> None:
    assert names(songs / "album" / "cover.jpg", songs / "a.mp3") == ["cover.jpg", "a.mp3"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "{0}/a.mp3\n{0}/album/f.m4a\n\n"),
        ("windows.txt", "\ufeff{0}/a.mp3\r\n{0}/album/f.m4a\r\n"),
        ("list.m3u8", "#EXTM3U\n#EXTINF:5,A\n{0}/a.mp3\n{0}/album/f.m4a\n"),
        ("with a head.csv", 'id,path\n1,"{0}/a.mp3"\n2,{0}/album/f.m4a\n'),
        ("without one.csv", "{0}/a.mp3,1\n{0}/album/f.m4a,2\n"),
    ],
)
def test_a_list_names_files(songs: Path, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text.format(songs), newline="")
    assert names(tmp_path / name) == ["a.mp3", "f.m4a"]


def test_links_are_followed_but_not_in_a_circle(songs: Path, tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "album").symlink_to(songs / "album", target_is_directory=True)
    (tmp_path / "all" / "back").symlink_to(tmp_path / "all", target_is_directory=True)
    (tmp_path / "all" / "song.wav").symlink_to(songs / "b.wav")
    assert names(tmp_path / "all") == ["e.opus", "f.m4a", "h.mp3", "g.aiff", "song.wav"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match="There is no"):
        names(tmp_path / "nowhere")


def test_a_file_has_another_version_when_its_content_has_changed(tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(b"one")
    ((first,), (by_content,)) = (list(list_files([str(song)], by_content=flag)) for flag in (False, True))
    song.touch()
    ((touched,), (same,)) = (list(list_files([str(song)], by_content=flag)) for flag in (False, True))
    assert first.version != touched.version
    assert by_content == same
    song.write_bytes(b"two")
    assert list(list_files([str(song)], by_content=True)) != [same]

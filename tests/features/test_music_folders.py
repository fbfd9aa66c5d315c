"""Which folders and files of a music folder are the user's own songs."""

import pytest

from features.music_folders import is_companion, is_ignored_folder, is_song

IGNORED = ["#recycle", "@eaDir", ".Trash-1000", ".Trashes", "$RECYCLE.BIN", "System Volume Information", ".stversions"]
IGNORED += [".AppleDouble", "__MACOSX", "lost+found", ".ipynb_checkpoints", "@Recycle", ".snapshots"]
ALBUMS = [".5: The Gray Chapter", "...And Justice for All", "Trash", "#1 Hits", "Recycler", "@", "$", ".", ""]


@pytest.mark.parametrize("name", IGNORED)
def test_a_folder_of_the_system_is_ignored_however_its_name_is_written(name: str) -> None:
    assert is_ignored_folder(name)
    assert is_ignored_folder(name.upper())


@pytest.mark.parametrize("name", ALBUMS)
def test_an_album_is_not_ignored_for_its_name(name: str) -> None:
    assert not is_ignored_folder(name)


def test_a_song_is_known_by_its_suffix_and_a_companion_by_its_name() -> None:
    assert is_song("album/A.MP3")
    assert not is_song("album/cover.jpg")
    assert is_companion("._a.mp3")
    assert not is_song("album/._a.mp3")

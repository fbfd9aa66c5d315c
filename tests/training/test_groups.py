"""Own music: songs of one artist, album or recording stay on one side of a split, however that is known."""

import csv
from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest
from mutagen.id3 import TALB, TPE1, TPE2

from features.settings import MelSettings
from inference.card import Groups
from tests import sounds
from tests.sounds import encode, music
from training.data.audit import shared_groups
from training.data.file_names import shared_stems
from training.data.file_tags import FileTags, read_file_tags
from training.data.groups import count_songs, summarise_groups
from training.data.own_music import read_music_to_learn, read_own_music
from training.data.splits import SIDES, Split, make_splits
from training.data.tracks import BadData, Track

SETTINGS = MelSettings()
GENRES = ("folk", "rock")
SONGS = 5
PIECES = 4
RATE = 22_050

Place = Callable[[str, int, int], str]


def cut(folder: Path, place: Place) -> dict[str, str]:
    """Write ten songs in pieces, each to where `place` says, and return the song of each path."""
    songs = {}
    for index, genre in enumerate(GENRES):
        for song in range(SONGS):
            sound = music(8, RATE, channels=1, seed=SONGS * index + song)
            for piece in range(PIECES):
                name = place(genre, song, piece)
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode(sound[2 * RATE * piece : 2 * RATE * (piece + 1)], RATE, path.suffix[1:]))
                songs[name] = f"{genre} {song}"
    return songs


def split_by_default(folder: Path, table: Path | None = None) -> Split:
    tracks = read_music_to_learn(folder, SETTINGS, table)
    (split,) = make_splits(tracks, "group-random", SETTINGS)
    return split


def sides_of(split: Split, songs: dict[str, str]) -> dict[str, set[str]]:
    """Return for each song the sides that its pieces stand on."""
    sides: dict[str, set[str]] = {}
    for side in SIDES:
        for track in getattr(split, side):
            sides.setdefault(songs[track.name], set()).add(side)
    return sides


def groups_of(split: Split) -> Groups:
    return summarise_groups([track for side in SIDES for track in getattr(split, side)], shared_groups(split))


def assert_songs_apart(split: Split, songs: dict[str, str]) -> None:
    sides = sides_of(split, songs)
    assert len(sides) == len(GENRES) * SONGS
    assert all(len(on) == 1 for on in sides.values())
    assert all({track.genre for track in getattr(split, side)} == set(GENRES) for side in SIDES)


def test_pieces_of_a_song_are_known_by_their_names(tmp_path: Path) -> None:
    songs = cut(tmp_path, lambda genre, song, piece: f"{genre}/song{song}_part{piece}.wav")
    split = split_by_default(tmp_path)
    assert_songs_apart(split, songs)
    assert groups_of(split) == Groups(10, {"file names": 40}, 0, 0)
    assert count_songs(split.test) == len({songs[track.name] for track in split.test}) < len(split.test)


@pytest.mark.parametrize(
    "name",
    [
        "{song}_part{piece}",
        "{song} - pt. {piece} of 4",
        "{song} (part {letter})",
        "{song} ({piece})",
        "{song}-0{piece}",
        "{song}{piece:03}",
        "{song}_{start}-{end}",
        "{song}_{start}.0-{end}.0s",
        "rock.0000{number}.{piece}",
        "track {number}_{piece}",
        "rock.0000{number} clip {piece}",
    ],
)
def test_names_of_pieces_share_a_stem(name: str) -> None:
    genres, songs = {}, {}
    for number, song in enumerate(("Name", "Another Name", "a third")):
        for piece in range(4):
            given = name.format(song=song, number=number, piece=piece, letter="abcd"[piece], start=piece, end=piece + 1)
            genres[Path("rock", f"{given}.wav")] = "rock"
            songs[Path("rock", f"{given}.wav")] = song
    stems = shared_stems(genres)
    assert stems.keys() == genres.keys()
    assert len(set(stems.values())) == len({(songs[path], stem) for path, stem in stems.items()}) == 3


@pytest.mark.parametrize(
    "name", ["rock.{number:05}", "{number:06}", "track {number}", "Hip Hop clip {number}", "from my disk {number:03}"]
)
def test_numbers_of_a_collection_say_nothing(name: str) -> None:
    folder = Path("hip-hop" if "Hip" in name else "rock")
    assert shared_stems({folder / f"{name.format(number=number)}.mp3": folder.name for number in range(20)}) == {}


def test_folders_under_the_genre_are_groups(tmp_path: Path) -> None:
    songs = cut(tmp_path, lambda genre, song, piece: f"{genre}/artist {song} of {genre}/album/{piece}.wav")
    split = split_by_default(tmp_path)
    assert_songs_apart(split, songs)
    assert groups_of(split) == Groups(10, {"folders": 40}, 0, 0)


def test_artists_in_the_tags_are_groups(tmp_path: Path) -> None:
    songs = cut(tmp_path, lambda genre, song, piece: f"{genre}/{7 * song + 3 * piece}.mp3")
    for name, song in songs.items():
        file = mutagen.File(tmp_path / name)
        file.add_tags()
        file.tags.add(TPE1(3, [f"  Who Plays {song.upper()}"]))
        file.save()
    split = split_by_default(tmp_path)
    assert_songs_apart(split, songs)
    assert groups_of(split) == Groups(10, {"tags": 40}, 0, 0)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "opus", "m4a", "wma", "mp3", "aiff", "wav"])
def test_tags_are_read_in_every_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"any.{suffix}"
    path.write_bytes(sounds.song(2, suffix, 48_000))
    file = mutagen.File(path)
    if suffix in ("mp3", "aiff", "wav"):
        file.add_tags()
        file.tags.add(TPE1(3, ["Some  Body"]))
    else:
        file["\xa9ART" if suffix == "m4a" else "Author" if suffix == "wma" else "artist"] = ["Some  Body"]
    file.save()
    assert read_file_tags(path) == FileTags("some body", None)


def test_the_artist_of_the_album_counts_first_and_nobody_is_an_artist(tmp_path: Path) -> None:
    path = tmp_path / "any.mp3"
    path.write_bytes(sounds.song(2, "mp3"))
    file = mutagen.File(path)
    file.add_tags()
    for frames, tags in (
        ([TPE1(3, ["Guest"]), TPE2(3, ["Host"]), TALB(3, ["Album"])], FileTags("host", "album")),
        ([TPE1(3, ["One feat. Another"]), TPE2(3, ["Various Artists"])], FileTags("one", "album")),
        ([TPE1(3, ["Unknown Artist"])], FileTags(None, "album")),
    ):
        for frame in frames:
            file.tags.add(frame)
        file.save()
        assert read_file_tags(path) == tags
    path.write_bytes(b"no song")
    assert read_file_tags(path) == FileTags()


def test_a_table_names_groups_before_all_else(tmp_path: Path) -> None:
    songs = cut(tmp_path / "music", lambda genre, song, piece: f"{genre}/folder {piece}/{song}.wav")
    table = tmp_path / "groups.csv"
    with open(table, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows([["path", "group"], *songs.items()])
    split = split_by_default(tmp_path / "music", table)
    assert_songs_apart(split, songs)
    assert groups_of(split) == Groups(10, {"table": 40}, 0, 0)


def test_a_table_names_genres_of_songs_in_any_folder(tmp_path: Path) -> None:
    songs = cut(tmp_path / "music", lambda genre, song, piece: f"{'xy'[piece % 2]}/{genre}-{song}-{piece}.wav")
    table = tmp_path / "music" / "groups.csv"
    rows = [f"{name},{song},{song.split()[0]}" for name, song in songs.items()]
    table.write_text("\n".join(["path,group,genre", *rows]))
    assert_songs_apart(split_by_default(tmp_path / "music", table), songs)


def test_where_nothing_is_known_each_song_is_a_group_and_that_is_said(
    own_music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = split_by_default(own_music)
    assert groups_of(split) == Groups(56, {}, 56, 0)
    assert "may be flattered: of 56 songs" in capsys.readouterr().out
    assert [len(getattr(split, side)) for side in SIDES] == [36, 8, 12]


def write(folder: Path, **seeds: int) -> None:
    """Write songs of 12 seconds, `genre__folder__name`, the same seed the same song."""
    for name, seed in seeds.items():
        path = folder / f"{name.replace('__', '/')}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(music(12, RATE, channels=1, seed=seed), RATE, "flac"))


def by_name(tracks: list[Track]) -> dict[str, str | None]:
    return {track.name: track.block for track in tracks}


def test_one_recording_joins_two_groups(tmp_path: Path) -> None:
    write(tmp_path, rock__a__x=0, rock__a__y=1, rock__b__x=0, folk__c__x=2, folk__z=2, folk__w=3)
    tracks = read_music_to_learn(tmp_path, SETTINGS)
    blocks = by_name(tracks)
    assert blocks["rock/a/x.flac"] == blocks["rock/a/y.flac"] == blocks["rock/b/x.flac"]
    assert blocks["folk/c/x.flac"] == blocks["folk/z.flac"]
    assert len(set(blocks.values())) == 3
    assert {track.name: track.block_from for track in tracks}["folk/z.flac"] == "sound"


def test_two_albums_and_a_loose_song_of_an_artist_are_one_group(tmp_path: Path) -> None:
    write(tmp_path, rock__first__x=0, rock__second__x=1, rock__loose=2, rock__other__x=3)
    for name in ("first/x", "second/x", "loose"):
        file = mutagen.File(tmp_path / "rock" / f"{name}.flac")
        file["artist"] = "Somebody feat. Another" if name == "loose" else "SOMEBODY"
        file.save()
    blocks = by_name(read_own_music(tmp_path, SETTINGS))
    assert len(blocks) == 4
    assert len(set(blocks.values())) == 2


def test_folders_of_one_name_in_two_genres_are_one_group_unless_the_name_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, rock__Somebody__x=0, folk__somebody__x=1, rock__CD1__x=2, folk__CD1__x=3)
    assert len(set(by_name(read_own_music(tmp_path, SETTINGS)).values())) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,artist\nx,y\n", "columns path and group"),
        ("path,group\nrock/a/x.flac,one\nrock/a/x.flac,two\n", "two rows for rock/a/x.flac"),
        ("path,group\nelsewhere.flac,one\n", "No row of the table names a file"),
        ("path,group\n", "no row with a path"),
        (b"path,group\n\xff\xfe,one\n", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(content: str | bytes, message: str, tmp_path: Path) -> None:
    write(tmp_path / "music", rock__a__x=0)
    table = tmp_path / "groups.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadData, match=message):
        read_own_music(tmp_path / "music", SETTINGS, table)


def test_too_few_groups_of_a_genre_are_named(tmp_path: Path) -> None:
    cut(tmp_path, lambda genre, song, piece: f"{genre}/{'one' if genre == 'folk' else song}/{song}-{piece}.wav")
    tracks = read_music_to_learn(tmp_path, SETTINGS)
    with pytest.raises(BadData, match=r"folk \(1\)"):
        make_splits(tracks, "group-random", SETTINGS)

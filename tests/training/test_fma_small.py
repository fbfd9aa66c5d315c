"""FMA-Small from its published files and from pictures, and that pictures are what is made of audio."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from features.clips import song_clips
from features.windows import song_windows
from tests.sounds import encode, music
from training.data import tracks as tracks_module
from training.data.audit import shared_artists
from training.data.datasets import DATASETS
from training.data.fma_small import SETTINGS, read_fma_small
from training.data.splits import SIDES, make_splits
from training.data.tracks import BadData, read_tracks

GENRES = ("Folk", "Rock")
COLUMNS = [("", ""), ("album", "id"), ("artist", "bio"), ("artist", "id"), ("set", "split"), ("set", "subset")]
COLUMNS += [("track", "genre_top"), ("track", "title")]
SPLITS = ("training",) * 5 + ("validation", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks_module, "CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def songs() -> list[bytes]:
    return [encode(music(2, seed=seed), 44_100, "mp3") for seed in range(2 * len(SPLITS))]


def write_table(data: Path, columns: list[tuple[str, str]] = COLUMNS) -> None:
    """Write FMA's table of tracks, cut down to a few of its columns: three rows of headings, then one a track."""
    (data / "fma_metadata").mkdir(exist_ok=True)
    with open(data / "fma_metadata" / "tracks.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([[above for above, _ in columns], [below for _, below in columns]])
        writer.writerow(["track_id"] + [""] * (len(columns) - 1))
        for number in range(2 * len(SPLITS)):
            genre, split = GENRES[number // len(SPLITS)], SPLITS[number % len(SPLITS)]
            artist = 40 + number // 2 if split == "training" else 90 + number
            writer.writerow([995 + number, 7, "x" * 200_000, artist, split, "small", genre, "One,\nTwo"])
        writer.writerow([5000, 7, "", 3, "training", "medium", "Jazz", "Another"])


def write_songs(data: Path, songs: list[bytes]) -> None:
    for number, song in enumerate(songs, 995):
        path = data / "fma_small" / f"{number:06}"[:3] / f"{number:06}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(song)
    (data / "fma_small" / "README.txt").write_text("words")


def test_the_published_files_have_genres_artists_and_the_official_split(tmp_path: Path, songs: list[bytes]) -> None:
    write_table(tmp_path)
    write_songs(tmp_path, songs)
    tracks = read_fma_small(tmp_path)
    assert [track.name for track in tracks] == [f"{number:06}" for number in range(995, 1009)]
    assert [track.genre for track in tracks] == ["Folk"] * 7 + ["Rock"] * 7
    assert (tracks[0].artist, tracks[1].artist, tracks[2].artist) == ("40", "40", "41")
    assert tracks[5].published == {"official": "valid"}
    assert tracks[5].audio == tmp_path / "fma_small" / "001" / "001000.mp3"
    np.testing.assert_array_equal(tracks[5].clips, song_clips(songs[5], SETTINGS).spectrograms)
    (split,) = make_splits(tracks, "official", SETTINGS)
    assert [len(getattr(split, side)) for side in SIDES] == [10, 2, 2]
    assert not shared_artists(split)


def test_tracks_that_are_not_there_are_counted_and_damaged_ones_named(
    tmp_path: Path, songs: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(tmp_path)
    write_songs(tmp_path, [b"words", *songs[1:-1]])
    assert len(read_fma_small(tmp_path)) == 12
    printed = capsys.readouterr().out
    assert "000995.mp3: " in printed
    assert "1 of 14 tracks in the table are not in" in printed


def write_pictures(data: Path, numbers: list[int]) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((128, 128), np.uint8)).save(buffer, "JPEG")
    with zipfile.ZipFile(data / "fma_small_mel.zip", "w") as archive:
        for number in numbers:
            archive.writestr(f"Rock/{number:06}.jpg", buffer.getvalue())


SHORT_TABLE = """track_id\tgenre\tofficial_split\tartist_id
1002\tRock\ttraining\t43
1008\tRock\ttest\t103
1100\tRock\tvalidation\t
"""


def test_pictures_have_blocks_of_neighbours_and_artists_only_from_a_table(tmp_path: Path) -> None:
    write_pictures(tmp_path, [1002, 1008, 1100, 1110, 107_535])
    tracks = read_fma_small(tmp_path)
    blocks = ["Rock-001002"] * 2 + ["Rock-001100"] * 2
    assert [track.block for track in tracks] == blocks
    assert [(track.artist, dict(track.published)) for track in tracks] == [(None, {})] * 4
    assert "official" not in DATASETS["fma-small"].protocols_in(tmp_path)
    (tmp_path / "fma_small_tracks.tsv").write_text(SHORT_TABLE)
    tracks = read_fma_small(tmp_path)
    assert [track.block for track in tracks] == blocks
    assert [track.artist for track in tracks] == ["43", "103", None, None]
    assert [track.published.get("official") for track in tracks] == ["train", "test", "valid", None]
    assert "official" in DATASETS["fma-small"].protocols_in(tmp_path)


def test_the_published_table_counts_where_there_is_a_short_one_too(tmp_path: Path) -> None:
    write_pictures(tmp_path, [1002, 1008])
    write_table(tmp_path)
    (tmp_path / "fma_small_tracks.tsv").write_text(SHORT_TABLE.replace("training", "test"))
    assert [track.published for track in read_fma_small(tmp_path)] == [{"official": "train"}, {"official": "test"}]
    assert "official" in DATASETS["fma-small"].protocols_in(tmp_path)


def test_the_short_table_is_enough_for_songs(tmp_path: Path, songs: list[bytes]) -> None:
    write_songs(tmp_path, songs[:8])
    (tmp_path / "fma_small_tracks.tsv").write_text(SHORT_TABLE)
    assert [(track.name, track.genre, track.artist) for track in read_fma_small(tmp_path)] == [("001002", "Rock", "43")]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("track_id\tgenre\tartist_id\n", r"must be a tab-separated table with the columns artist_id, genre, official"),
        (SHORT_TABLE.replace("validation", "last"), r"without an id or an official split \(KeyError\('last'\)\)"),
        (SHORT_TABLE.replace("1002", "one"), "without an id or an official split"),
    ],
)
def test_a_short_table_of_another_kind_is_named(table: str, message: str, tmp_path: Path) -> None:
    write_pictures(tmp_path, [1002])
    (tmp_path / "fma_small_tracks.tsv").write_text(table)
    with pytest.raises(BadData, match=message):
        read_fma_small(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path, songs: list[bytes]) -> None:
    with pytest.raises(BadData, match=r"neither fma_small_mel\.zip nor the folder fma_small"):
        read_fma_small(tmp_path)
    (tmp_path / "fma_small").mkdir()
    with pytest.raises(BadData, match=r"no .*tracks\.csv, which names the genres"):
        read_fma_small(tmp_path)
    write_table(tmp_path)
    with pytest.raises(BadData, match="no song that can be read"):
        read_fma_small(tmp_path)
    write_songs(tmp_path, songs[:1])
    write_table(tmp_path, [("", "")] + [("track", below) for _, below in COLUMNS[1:]])
    with pytest.raises(BadData, match="must have the columns set/split"):
        read_fma_small(tmp_path)
    (tmp_path / "fma_metadata" / "tracks.csv").write_text("")
    with pytest.raises(BadData, match="must have the columns set/split"):
        read_fma_small(tmp_path)


@pytest.mark.parametrize(("seconds", "windows"), [(1, 1), (7, 1), (10, 1), (12, 2), (29.98, 4), (36, 4), (40, 5)])
def test_windows_cover_a_song(seconds: float, windows: int) -> None:
    song = song_windows(encode(music(seconds, channels=1), 44_100, "flac"), SETTINGS)
    assert song.windows.shape == (windows, 128, 32, 1)
    assert song.start_seconds.max() < seconds


def fast_changes(clips: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of each clip's power over time that lies above 3/8 of a cycle a frame, (n, 128, 128) -> (n,)."""
    moving = (clips - clips.mean(axis=2, keepdims=True)) * np.hanning(128)
    power = np.square(np.abs(np.fft.rfft(moving, axis=2))).sum(axis=1)
    return np.asarray(power[:, 48:].sum(axis=1) / power.sum(axis=1))


def test_the_pictures_are_as_sharp_as_what_is_made_of_audio(research_data: Path) -> None:
    """No song is there both ways, so it is the pictures as a whole that must be like clips of other songs."""
    pictures = read_tracks(research_data / "fma_small_mel.zip", SETTINGS)[::20]
    least, most = np.percentile(fast_changes(np.stack([track.clips[0] for track in pictures])), [5, 95])
    audio = sorted(path for folder in ("gtzan", "songs") for path in (research_data / "audio" / folder).rglob("*.*"))
    clips = [song_clips(path, SETTINGS).spectrograms[0] for path in audio]
    whole = np.stack([clip[:, :128] for clip in clips if clip.shape[1] >= 128])
    assert len(whole) == len(audio) - 1
    drawn_small = [Image.fromarray(clip).resize((99, 128), Image.Resampling.NEAREST) for clip in whole]
    blurred = np.stack([np.asarray(picture.resize((128, 128), Image.Resampling.BILINEAR)) for picture in drawn_small])
    assert least < np.median(fast_changes(whole)) < most
    assert np.median(fast_changes(blurred)) < least

"""Reading training data, and refusing what would spoil a training later on."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from features.mel import MelSettings
from features.windows import song_clips
from tests.sounds import encode, music
from training.gtzan import GENRES, LEAST_TRACKS, SIDES, BadData, load_tracks

SETTINGS = MelSettings()
NAMES = {
    f"{genre}.{number:05}": side
    for genre in GENRES
    for number, side in enumerate(side for side in SIDES for _ in range(LEAST_TRACKS[side]))
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "tracks.tsv"
    rows = [f"{name}\t{name.partition('.')[0]}\t{side}" for name, side in NAMES.items()]
    path.write_text("\n".join(["track\tgenre\tfault_filtered_split", *rows, "rock.00099\trock\t"]))
    return path


def jpeg(size: tuple[int, int] = (387, 128)) -> bytes:
    """Return a picture that is bright at the bottom, where the low bands are."""
    buffer = io.BytesIO()
    rows = np.linspace(0, 255, size[1]).astype(np.uint8)
    Image.fromarray(np.repeat(rows[:, None], size[0], axis=1)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def pictures(tmp_path: Path, **changed: bytes | None) -> Path:
    """Write a zip with a picture of every track and of one on no side; those in `changed` as given, or not at all."""
    path = tmp_path / "mel.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in [*NAMES, "rock.00099"]:
            content = changed.get(name.replace(".", "_"), jpeg())
            if content is not None:
                archive.writestr(f"{name.partition('.')[0]}/{name}.jpg", content)
    return path


def test_pictures_become_clips_with_the_lowest_band_first(table: Path, tmp_path: Path) -> None:
    tracks = load_tracks(pictures(tmp_path), table, SETTINGS)
    assert {track.name: track.side for track in tracks} == NAMES
    assert {track.genre for track in tracks} == set(GENRES)
    (clip,) = tracks[0].clips
    assert (clip.shape, clip.dtype) == ((128, 387), np.dtype(np.float32))
    np.testing.assert_allclose(clip[:, 100], np.linspace(1, 0, 128), atol=0.02)


def test_a_folder_of_audio_becomes_the_clips_that_are_served(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "genres"
    song = encode(music(12, 22_050, channels=1), 22_050, "wav")
    for name in NAMES:
        (folder / name.partition(".")[0]).mkdir(parents=True, exist_ok=True)
        (folder / name.partition(".")[0] / f"{name}.wav").write_bytes(song)
    tracks = load_tracks(folder, table, SETTINGS)
    assert {track.name: track.side for track in tracks} == NAMES
    np.testing.assert_array_equal(tracks[0].clips, song_clips(song, SETTINGS).clips)
    (folder / "rock" / "rock.00001.wav").write_bytes(song[: len(song) // 2])
    with pytest.raises(BadData, match=r"rock\.00001\.wav: The file is damaged"):
        load_tracks(folder, table, SETTINGS)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"jazz_00000": b"no picture"}, r"jazz\.00000\.jpg .* cannot be read"),
        ({"jazz_00000": jpeg((128, 128))}, r"is \(128, 128\) pixels"),
        ({"jazz_00001": None}, r"too few tracks of jazz \(train: 4\)"),
    ],
)
def test_pictures_that_cannot_be_used_are_named(
    changed: dict[str, bytes | None], message: str, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadData, match=message):
        load_tracks(pictures(tmp_path, **changed), table, SETTINGS)


def test_a_damaged_zip_is_named(table: Path, tmp_path: Path) -> None:
    path = pictures(tmp_path)
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(BadData, match="cannot be read"):
        load_tracks(path, table, SETTINGS)
    path.write_bytes(content[:1000])
    with pytest.raises(BadData, match="neither a zip"):
        load_tracks(path, table, SETTINGS)


def test_an_empty_folder_is_named(table: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match=r"too few tracks of blues \(train: 0\)"):
        load_tracks(tmp_path / "empty", table, SETTINGS)


def test_a_table_of_another_kind_is_named(tmp_path: Path) -> None:
    table = tmp_path / "tracks.tsv"
    table.write_text("name,split\nblues.00000,train\n")
    with pytest.raises(BadData, match="columns track and fault_filtered_split"):
        load_tracks(tmp_path, table, SETTINGS)

"""Reading training data, and refusing what would spoil a training later on."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from features.clips import song_clips
from features.settings import MelSettings
from training.data import tracks as tracks_module
from training.data.gtzan import read_gtzan
from training.data.tracks import BadData, read_tracks

SETTINGS = MelSettings()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tracks_module, "CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "clips"


def jpeg(size: tuple[int, int] = (387, 128)) -> bytes:
    """Return a picture that is bright at the bottom, where the low bands are."""
    buffer = io.BytesIO()
    rows = np.linspace(0, 255, size[1]).astype(np.uint8)
    Image.fromarray(np.repeat(rows[:, None], size[0], axis=1)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def pictures(folder: Path, **contents: bytes) -> Path:
    path = folder / "mel.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"{name.partition('_')[0]}/{name}.jpg", content)
    return path


def test_pictures_become_clips_with_the_lowest_band_first(tmp_path: Path) -> None:
    tracks = read_tracks(pictures(tmp_path, rock_2=jpeg(), rock_1=jpeg(), jazz_1=jpeg()), SETTINGS)
    assert [(track.genre, track.name) for track in tracks] == [
        ("jazz", "jazz_1"),
        ("rock", "rock_1"),
        ("rock", "rock_2"),
    ]
    (clip,) = tracks[0].clips
    assert (clip.shape, clip.dtype) == ((128, 387), np.dtype(np.float32))
    np.testing.assert_allclose(clip[:, 100], np.linspace(1, 0, 128), atol=0.02)


def test_a_zip_and_its_folder_are_the_same(tmp_path: Path) -> None:
    source = pictures(tmp_path, rock_1=jpeg(), jazz_1=jpeg())
    zipfile.ZipFile(source).extractall(tmp_path / "folder")
    for zipped, unpacked in zip(read_tracks(source, SETTINGS), read_tracks(tmp_path / "folder", SETTINGS), strict=True):
        assert zipped.name == unpacked.name
        np.testing.assert_array_equal(zipped.clips, unpacked.clips)


def test_audio_becomes_the_clips_that_are_served(own_music: Path) -> None:
    tracks = read_tracks(own_music, SETTINGS)
    paths = sorted(own_music.glob("*/*.wav"))
    assert [(track.genre, track.name) for track in tracks] == [(path.parent.name, path.stem) for path in paths]
    np.testing.assert_array_equal(tracks[0].clips, song_clips(paths[0], SETTINGS).spectrograms)


def test_audio_is_computed_once_and_again_when_it_or_the_settings_change(few_songs: Path, cache: Path) -> None:
    first = read_tracks(few_songs, SETTINGS)
    kept = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    again = read_tracks(few_songs, SETTINGS)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == kept
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.clips, other.clips)
    song = next(few_songs.glob("*/*.wav"))
    song.write_bytes(song.read_bytes())
    read_tracks(few_songs, SETTINGS)
    assert len(list(cache.iterdir())) == len(kept) + 1
    read_tracks(few_songs, MelSettings(hop_length=2000))
    assert len(list(cache.iterdir())) == 2 * len(kept) + 1


def test_an_interrupted_reading_goes_on_where_it_stopped(few_songs: Path, cache: Path) -> None:
    whole = read_tracks(few_songs, SETTINGS)
    kept = sorted(cache.iterdir())
    for path in kept[::2]:
        path.unlink()
    kept[0].with_suffix(".1.part").write_bytes(b"half")
    before = {path: path.stat().st_mtime_ns for path in kept[1::2]}
    for one, other in zip(whole, read_tracks(few_songs, SETTINGS), strict=True):
        np.testing.assert_array_equal(one.clips, other.clips)
    assert sorted(cache.glob("*.npz")) == kept
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_audio_that_cannot_be_read_is_named_and_left_out(
    own_music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "music" / "rock").mkdir(parents=True)
    song = next(own_music.glob("rock/*.wav")).read_bytes()
    (tmp_path / "music" / "rock" / "good.wav").write_bytes(song)
    (tmp_path / "music" / "rock" / "half.wav").write_bytes(song[: len(song) // 2])
    (tmp_path / "music" / "rock" / "notes.txt").write_text("words")
    tracks = read_tracks(tmp_path / "music", SETTINGS)
    assert [track.name for track in tracks] == ["good"]
    printed = capsys.readouterr().out
    assert "Left out, 2 files" in printed
    assert "half.wav: The file is " in printed
    assert "notes.txt: " in printed


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no picture", "cannot be read"), (jpeg((128, 128)), r"\(128, 128\) pixels; .*\(387, 128\)")],
)
def test_a_picture_that_is_no_spectrogram_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=f"rock_1.* {message}"):
        read_tracks(pictures(tmp_path, jazz_1=jpeg(), rock_1=content), SETTINGS)


def test_a_damaged_zip_is_named(tmp_path: Path) -> None:
    path = pictures(tmp_path, jazz_1=jpeg(), rock_1=jpeg())
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(BadData, match=r"jazz_1\.jpg .* cannot be read"):
        read_tracks(path, SETTINGS)
    path.write_bytes(content[:1000])
    with pytest.raises(BadData, match="nor a whole zip"):
        read_tracks(path, SETTINGS)


def test_a_zip_with_a_damaged_directory_is_named(tmp_path: Path) -> None:
    path = pictures(tmp_path, jazz_1=jpeg(), rock_1=jpeg())
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2")] = 0
    path.write_bytes(content)
    with pytest.raises(BadData, match=r"mel\.zip cannot be read"):
        read_tracks(path, SETTINGS)


def test_a_damaged_compressed_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mel.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rock/rock_1.jpg", jpeg())
    content = bytearray(path.read_bytes())
    content[60:120] = b"\xff" * 60
    path.write_bytes(content)
    with pytest.raises(BadData, match=r"rock_1\.jpg .* cannot be read"):
        read_tracks(path, SETTINGS)


def test_a_folder_of_other_files_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rock").mkdir()
    (tmp_path / "rock" / "notes.txt").write_text("words")
    with pytest.raises(BadData, match="There is no track in"):
        read_tracks(tmp_path, SETTINGS)
    assert "notes.txt" in capsys.readouterr().out


def test_a_folder_without_tracks_is_named(tmp_path: Path) -> None:
    (tmp_path / "rock").mkdir()
    with pytest.raises(BadData, match="There is no track in"):
        read_tracks(tmp_path, SETTINGS)


def test_gtzans_table_gives_artists_and_published_splits(gtzan_audio: Path) -> None:
    track = next(track for track in read_gtzan(gtzan_audio) if track.name == "jazz.00012")
    assert track.artist == "jazz-12"
    assert track.published == {"fault-filtered": "valid", "artist-3fold": "1"}


def test_a_missing_table_and_one_of_another_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no gtzan_tracks\.tsv"):
        read_gtzan(tmp_path)
    (tmp_path / "gtzan_tracks.tsv").write_text("name,split\nblues.00000,train\n")
    with pytest.raises(BadData, match="with the columns artist_fold"):
        read_gtzan(tmp_path)

"""Songs changed for training: by what, by how much, and always the same way."""

from pathlib import Path

import numpy as np
import pytest

from features.clips import song_clips
from features.settings import MelSettings
from tests.sounds import encode
from training.data.tracks import BadData, Track, read_tracks
from training.models import augmentation
from training.models.augmentation import augmented_tracks

SETTINGS = MelSettings()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(augmentation, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def real_songs(data: Path, *names: str) -> list[Track]:
    tracks = []
    for name in names:
        path = data / "audio" / name
        tracks.append(Track(path.stem, "rock", song_clips(path, SETTINGS).spectrograms, audio=path))
    return tracks


def test_songs_are_changed_the_same_way_for_the_same_seed(research_data: Path) -> None:
    tracks = real_songs(research_data, "gtzan/blues.00000.wav", "songs/Hip-Hop/BrakhageIntro.mp3")
    augmented = augmented_tracks(tracks, SETTINGS, copies=2, seed=0)
    for track, changed in zip(tracks, augmented, strict=True):
        assert (changed.name, changed.genre) == (track.name, track.genre)
        own, further = changed.clips[: len(track.clips)], changed.clips[len(track.clips) :]
        for one, other in zip(own, track.clips, strict=True):
            np.testing.assert_array_equal(one, other)
        assert len(further) >= 2
        for clip in further:
            assert (clip.dtype, len(clip), clip.min(), clip.max()) == (np.dtype(np.float32), 128, 0, 1)
            assert clip.shape[1] >= SETTINGS.window_frames
        assert not any(np.array_equal(clip[:, :100], track.clips[0][:, :100]) for clip in further)
        assert not np.array_equal(further[0][:, :100], further[-1][:, :100])
    # Alone, and computed anew.
    (alone,) = augmented_tracks(tracks[1:], SETTINGS, copies=2, seed=0)
    (other_seed,) = augmented_tracks(tracks[1:], SETTINGS, copies=2, seed=1)
    for one, other in zip(alone.clips, augmented[1].clips, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(other_seed.clips[-1][:, :100], alone.clips[-1][:, :100])


def test_copies_are_computed_once(research_data: Path, cache: Path) -> None:
    tracks = real_songs(research_data, "gtzan/blues.00000.wav")
    first = augmented_tracks(tracks, SETTINGS, copies=1, seed=0)
    kept = {path: path.stat().st_mtime_ns for path in cache.glob("clips/*")}
    again = augmented_tracks(tracks, SETTINGS, copies=1, seed=0)
    assert {path: path.stat().st_mtime_ns for path in cache.glob("clips/*")} == kept
    np.testing.assert_array_equal(first[0].clips[-1], again[0].clips[-1])
    augmented_tracks(tracks, SETTINGS, copies=1, seed=1)
    assert len(list(cache.glob("clips/*"))) == 2


def tones(folder: Path) -> list[Track]:
    """Return tracks of one tone of 1000 Hz that is struck every second."""
    time = np.arange(30 * 22_050) / 22_050
    strikes = (0.3 * np.sin(2 * np.pi * 1000 * time) * np.exp(-8 * (time % 1)))[:, None].astype(np.float32)
    (folder / "tone").mkdir()
    for number in range(8):
        (folder / "tone" / f"{number}.wav").write_bytes(encode(strikes, 22_050, "wav"))
    return read_tracks(folder, SETTINGS)


def test_the_key_changes_by_up_to_two_semitones_and_the_tempo_does_not(tmp_path: Path) -> None:
    tracks = tones(tmp_path)
    loudest = []
    for track in augmented_tracks(tracks, SETTINGS, copies=1, seed=0):
        copy = track.clips[-1][:, 5:-5]
        loudest.append(int(copy.mean(axis=1).argmax()) - int(track.clips[0].mean(axis=1).argmax()))
        beat = copy[copy.mean(axis=1).argmax()]
        spectrum = np.abs(np.fft.rfft((beat - beat.mean()) * np.hanning(len(beat)), 8192))
        beats_per_second = spectrum.argmax() / 8192 / SETTINGS.frame_seconds
        assert beats_per_second == pytest.approx(1, abs=0.02)
    # 1000 Hz lies in band 38, two semitones on either side in bands 34 and 42.
    assert -4 <= min(loudest) < 0 < max(loudest) <= 4


def test_pictures_stay_as_they_are() -> None:
    picture = Track("a", "rock", [np.zeros((128, 387), np.float32)])
    assert augmented_tracks([picture], SETTINGS, copies=2, seed=0) == [picture]


@pytest.mark.parametrize("seconds", [1, 5, 12])
def test_short_songs_keep_a_window_to_learn_from(seconds: int, tmp_path: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (22_050 * seconds, 1)).astype(np.float32)
    path = tmp_path / "short.wav"
    path.write_bytes(encode(sound, 22_050, "wav"))
    track = Track("short", "rock", song_clips(path, SETTINGS).spectrograms, audio=path)
    (changed,) = augmented_tracks([track], SETTINGS, copies=3, seed=0)
    assert len(changed.windows(SETTINGS)) == 4


def test_audio_that_is_no_longer_readable_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.wav"
    path.write_bytes(b"words")
    with pytest.raises(BadData, match=r"gone\.wav: "):
        augmented_tracks([Track("gone", "rock", [], audio=path)], SETTINGS, copies=1, seed=0)

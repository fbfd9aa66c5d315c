"""Patches for an encoder: resampled and transformed as librosa does, at any level and from blocks of any length."""

import io

import librosa
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import firwin

from features.patches import Resampler, compress, patch_power, patch_starts
from features.settings import MelSettings, PatchSettings
from features.windows import song_windows
from tests.sounds import music

SETTINGS = PatchSettings()
RATE = SETTINGS.sample_rate_hz

Samples = NDArray[np.float32]


def resample(samples: Samples, rate: int, cuts: NDArray[np.intp] | None = None) -> Samples:
    resampler = Resampler(rate, RATE)
    for block in np.split(samples, [] if cuts is None else cuts):
        resampler.add(block)
    return resampler.sound()


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_056, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [0.01, 3.0, 31.0])
def test_blocks_of_any_length_are_the_same_sound(rate: int, seconds: float) -> None:
    samples = music(seconds, rate, channels=1)[:, 0]
    whole = resample(samples, rate)
    assert whole.dtype == np.float32
    assert len(whole) == -(-len(samples) * RATE // rate)
    cuts = np.sort(np.random.default_rng(rate).integers(len(samples), size=30))
    np.testing.assert_array_equal(resample(samples, rate, cuts), whole)
    np.testing.assert_array_equal(resample(samples, rate, np.arange(1, len(samples), 777)), whole)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_056, 44_100, 48_000, 96_000])
def test_resampled_tones_are_the_tones(rate: int) -> None:
    """Against the sines themselves, at every place, the beginning and the end included."""
    hz = np.array([50.0, 440.0, 1234.5, 3300.0, 5000.0, 6900.0])
    hz = hz[hz < 0.45 * rate]

    def tones(sample_rate: float) -> NDArray[np.float64]:
        time = np.arange(round(11.3 * sample_rate)) / sample_rate
        fade = np.clip(np.minimum(time, 11.3 - time) / 0.2, 0, 1)
        swell = 0.5 - 0.5 * np.cos(np.pi * fade)
        return np.asarray(swell * np.sin(2 * np.pi * hz[:, None] * time).mean(axis=0))

    found = resample(tones(rate).astype(np.float32), rate)[: round(11.3 * RATE)]
    np.testing.assert_allclose(found, tones(RATE), atol=5e-4)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_056, 44_100, 48_000])
def test_music_is_resampled_as_by_librosa(rate: int) -> None:
    samples = music(12, rate, channels=1)[:, 0]
    found = resample(samples, rate)
    expected = librosa.resample(samples, orig_sr=rate, target_sr=RATE, res_type="soxr_vhq")[: len(found)]
    # What lies near the top of the band is each resampler's own doing.
    low_pass = firwin(401, 0.85 * min(RATE, rate) / 2, fs=RATE)
    found, expected = (np.convolve(sound, low_pass, "same") for sound in (found[: len(expected)], expected))
    assert np.std(found - expected) < 1e-3 * np.std(expected)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_what_the_new_rate_cannot_hold_is_gone(rate: int) -> None:
    time = np.arange(5 * rate) / rate
    for hz in (8_000.0, 9_000.0, 0.49 * rate):
        found = resample(np.sin(2 * np.pi * hz * time).astype(np.float32), rate)
        assert np.abs(found[RATE // 10 : -RATE // 10]).max() < 1e-3


def test_no_sound_resampled_is_no_sound() -> None:
    assert resample(np.zeros(0, np.float32), 44_100).shape == (0,)


def librosa_power(sound: Samples) -> NDArray[np.float32]:
    """Return librosa's mel power, shape (frames, bands)."""
    return np.asarray(
        librosa.feature.melspectrogram(y=sound, sr=RATE, n_fft=512, hop_length=256, n_mels=96, pad_mode="constant").T
    )


@pytest.mark.parametrize("sound", ["music", "noise", "quiet"])
def test_a_patch_is_librosas_mel_spectrogram(sound: str) -> None:
    samples = {
        "music": music(12, RATE)[:, 0],
        "noise": np.random.default_rng(0).normal(0, 0.3, 12 * RATE).astype(np.float32),
        "quiet": 1e-3 * music(12, RATE)[:, 0],
    }[sound].astype(np.float32)
    frames = np.array([0, 7, 200, 550])
    found = patch_power(samples, frames * 256 / RATE, SETTINGS)
    whole = librosa_power(samples)
    assert found.shape == (4, 187, 96)
    assert found.dtype == np.float32
    for patch, first in zip(found, frames, strict=True):
        expected = whole[first : first + 187]
        np.testing.assert_allclose(patch, expected, rtol=1e-3, atol=1e-6 * expected.max())


def test_a_patch_may_start_between_frames() -> None:
    samples = music(8, RATE)[:, 0]
    (found,) = patch_power(samples, np.array([1000 / RATE]), SETTINGS)
    expected = librosa_power(samples[1000 - 256 :])[1:188]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6 * expected.max())


def test_a_patch_that_would_end_behind_the_sound_ends_with_it() -> None:
    samples = music(5, RATE)[:, 0]
    late, last = patch_power(samples, np.array([4.0, 5 - SETTINGS.patch_seconds]), SETTINGS)
    np.testing.assert_array_equal(late, last)


def test_a_sound_shorter_than_a_patch_is_repeated() -> None:
    samples = music(1.1, RATE)[:, 0]
    (found,) = patch_power(samples, np.zeros(1), SETTINGS)
    (expected,) = patch_power(np.tile(samples, 3)[: 187 * 256], np.zeros(1), SETTINGS)
    np.testing.assert_array_equal(found, expected)
    assert (found.max(axis=1) > 1e-3 * found.max()).all()


def float_wav(samples: Samples, rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def patches(samples: Samples, rate: int = 44_100) -> NDArray[np.float16]:
    found = song_windows(float_wav(samples, rate), MelSettings(), patches=SETTINGS).patches
    assert found is not None
    return found


@pytest.mark.parametrize("gain", [0.1, 10.0])
def test_the_level_of_a_recording_changes_nothing(gain: float) -> None:
    samples = music(33, channels=1)[:, 0]
    found, expected = (patches(sound).astype(np.float32) for sound in (np.float32(gain) * samples, samples))
    # A step of float16 at the greatest values, which are about 4.
    np.testing.assert_allclose(found, expected, atol=0.005)


def test_every_song_has_the_level_of_the_settings() -> None:
    power = (10 ** patches(music(33, channels=1)[:, 0]).astype(np.float64) - 1) / 10_000
    assert 10 * np.log10(power.sum(axis=-1).mean()) == pytest.approx(SETTINGS.level_db, abs=0.05)


def test_silent_patches_do_not_lower_the_level() -> None:
    rng = np.random.default_rng(0)
    loud = rng.uniform(size=(3, 2, 187, 96)).astype(np.float32)
    song = np.concatenate([loud, np.zeros((2, 2, 187, 96), np.float32)])
    found = compress(song, SETTINGS, np.array([True] * 3 + [False] * 2))
    np.testing.assert_allclose(found[:3], compress(loud, SETTINGS, np.ones(3, bool)), atol=1e-5)
    assert not found[3:].any()


@pytest.mark.parametrize("seconds", [1.0, 2.0, 2.9])
def test_a_song_shorter_than_a_patch_has_patches(seconds: float) -> None:
    found = patches(music(seconds, channels=1)[:, 0]).astype(np.float32)
    assert found.shape == (1, 2, 187, 96)
    np.testing.assert_array_equal(found[0, 0], found[0, 1])
    assert (found[0, 0].max(axis=1) > 1).all()


def test_patches_lie_within_their_window_with_equal_gaps() -> None:
    window_seconds = MelSettings().window_seconds
    starts = patch_starts(np.array([0.0, 20.0]), window_seconds, SETTINGS)
    assert starts.shape == (2, 2)
    gaps = np.diff([0, starts[0, 0], starts[0, 0] + 2.992, starts[0, 1], starts[0, 1] + 2.992, window_seconds])[::2]
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)
    np.testing.assert_allclose(starts[1], starts[0] + 20)


def test_patches_of_a_song_are_those_of_its_sound() -> None:
    """From the file to the patch: the same as by librosa alone, where a patch is of one clip's sound."""
    samples = music(30, 22_050, channels=1)[:, 0]
    found = song_windows(float_wav(samples, 22_050), MelSettings(), patches=SETTINGS)
    sound = librosa.resample(samples, orig_sr=22_050, target_sr=RATE, res_type="soxr_vhq")
    starts = np.round(patch_starts(found.start_seconds, MelSettings().window_seconds, SETTINGS).ravel() * RATE)
    power = np.stack([librosa_power(sound[start - 512 :])[2:189] for start in starts.astype(int)])
    expected = compress(power, SETTINGS, np.ones(len(power), bool))
    difference = np.asarray(found.patches).reshape(-1, 187, 96).astype(np.float32) - expected
    # The highest bands are each resampler's own doing.
    assert np.abs(difference[..., :90]).max() < 0.05
    assert np.abs(difference).mean() < 0.01

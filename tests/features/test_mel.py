"""log_mel against librosa on the same samples, and against itself at other sample rates."""

from dataclasses import replace
from typing import Any

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from features.mel import MelClip, log_mel
from features.settings import MelSettings
from tests.sounds import music


def librosa_log_mel(samples: NDArray[np.float32], settings: MelSettings) -> NDArray[np.float32]:
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=settings.sample_rate_hz,
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        n_mels=settings.n_mels,
        fmin=settings.fmin_hz,
        fmax=settings.fmax_hz,
    )
    return np.asarray(librosa.power_to_db(power, ref=np.max), np.float32)


@pytest.mark.parametrize(
    "settings",
    [
        MelSettings(),
        MelSettings(hop_length=512),
        MelSettings(sample_rate_hz=44_100, fmax_hz=22_050, hop_length=10_335),
        MelSettings(sample_rate_hz=16_000, n_fft=1024, n_mels=64, fmin_hz=50, fmax_hz=7000),
    ],
    ids=["as trained on GTZAN", "librosa's own hop", "as FMA was drawn", "speech-like"],
)
@pytest.mark.parametrize("sound", ["music", "noise", "quiet", "silence", "click"])
def test_it_is_librosas_within_a_hundredth_of_a_decibel(settings: MelSettings, sound: str) -> None:
    samples = {
        "music": music(31, settings.sample_rate_hz)[:, 0],
        "noise": np.random.default_rng(0).normal(0, 0.3, 100_000).astype(np.float32),
        "quiet": 1e-4 * music(5, settings.sample_rate_hz)[:, 0],
        "silence": np.zeros(50_000, np.float32),
        "click": np.eye(1, 30_000, 12_345, dtype=np.float32)[0],
    }[sound]
    ours = log_mel(samples, settings.sample_rate_hz, settings)
    theirs = librosa_log_mel(samples, settings)
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=0.01)


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000, 96_000])
def test_another_sample_rate_gives_the_same_bands(rate: int) -> None:
    """The picture a model sees may differ by half a percent of full scale: 0.4 of 80 dB."""
    settings = MelSettings()
    samples = music(20, settings.sample_rate_hz)[:, 0]
    # What lies near the top of the band is the resampler's doing, so leave it out of both.
    expected = log_mel(samples, settings.sample_rate_hz, settings)[:120]
    resampled = librosa.resample(samples, orig_sr=settings.sample_rate_hz, target_sr=rate, res_type="soxr_vhq")
    found = log_mel(resampled, rate, settings)[:120]
    frames = min(expected.shape[1], found.shape[1])
    assert np.abs(expected[:, :frames] - found[:, :frames]).mean() < 0.4


def test_a_low_sample_rate_leaves_the_bands_above_it_at_the_bottom() -> None:
    decibels = log_mel(music(10, 8000)[:, 0], 8000, MelSettings())
    assert (decibels[110:] == -80).all()
    assert decibels[:60].max() == 0


@pytest.mark.parametrize("hop", [512, 1711, 5000])
@pytest.mark.parametrize("seconds", [0.05, 3.0, 31.0])
def test_sound_in_blocks_of_any_length_is_the_same_sound(hop: int, seconds: float) -> None:
    settings = MelSettings(hop_length=hop)
    samples = music(seconds, 44_100)[:, 0]
    cuts = np.sort(np.random.default_rng(hop).integers(len(samples), size=20))
    clip = MelClip(44_100, settings)
    for block in np.split(samples, cuts):
        clip.add(block)
    assert clip.samples == len(samples)
    np.testing.assert_array_equal(clip.log_mel(), log_mel(samples, 44_100, settings))


def test_the_shortest_sound_is_one_frame() -> None:
    assert log_mel(np.zeros(1, np.float32), 44_100, MelSettings()).shape == (128, 1)


@pytest.mark.parametrize(
    "change", [{"fmax_hz": 12_000.0}, {"fmin_hz": -1.0}, {"hop_length": 0}, {"clip_seconds": 5.0}, {"window_frames": 0}]
)
def test_settings_that_cannot_work_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not MelSettings"):
        replace(MelSettings(), **change)

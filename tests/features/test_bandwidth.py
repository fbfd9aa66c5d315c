"""The bandwidth of a song, from copies of it that were cut as telephones, old records and low sample rates cut it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from features.bandwidth import FULL_BANDWIDTH, Bandwidth, find_bandwidth
from features.mel import mel_frequencies
from features.settings import MelSettings
from features.windows import song_windows
from tests.sounds import encode, music

RATE = 44_100
GTZAN = MelSettings()
FMA = MelSettings(sample_rate_hz=44_100, hop_length=10_335, fmax_hz=22_050.0, window_frames=32, window_hop_frames=32)


def song(seed: int = 0) -> NDArray[np.float32]:
    return music(30, RATE, channels=1, seed=seed)[:, 0]


def bandwidth(samples: NDArray[np.floating], rate: int, settings: MelSettings = GTZAN) -> Bandwidth:
    return song_windows(encode(samples.astype(np.float32)[:, None], rate, "flac"), settings).bandwidth


def resampled(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    common = np.gcd(rate, RATE)
    return np.asarray(resample_poly(samples.astype(np.float64), rate // common, RATE // common))


def filtered(
    samples: NDArray[np.float32], kind: str, hz: float | tuple[float, float], order: int = 10
) -> NDArray[np.float64]:
    return np.asarray(sosfilt(butter(order, hz, kind, fs=RATE, output="sos"), samples))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("settings", [GTZAN, FMA], ids=["GTZAN", "FMA"])
def test_nothing_is_missing_from_a_song_of_full_bandwidth(seed: int, settings: MelSettings) -> None:
    found = bandwidth(song(seed), RATE, settings)
    assert found == FULL_BANDWIDTH
    assert not found.lows_missing
    assert not found.highs_missing


def test_nothing_is_missing_from_the_songs_that_models_learn_from(research_data: Path) -> None:
    """In training, nothing is said to be missing; what serving says of the same songs must agree with it."""
    songs = sorted((research_data / "audio").glob("gtzan*/*.*"))
    assert len(songs) > 40
    found = [song_windows(path, GTZAN).bandwidth for path in songs]
    assert not any(each.lows_missing or each.highs_missing for each in found)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000])
@pytest.mark.parametrize("seed", range(2))
def test_a_low_sample_rate_is_found(rate: int, seed: int) -> None:
    found = bandwidth(resampled(song(seed), rate), rate)
    assert found.highs_missing
    assert not found.lows_missing
    assert 0.75 * rate / 2 < found.high_hz <= rate / 2


@pytest.mark.parametrize("rate", [8_000, 11_025])
def test_so_it_is_once_the_file_has_a_high_rate_again(rate: int) -> None:
    once_low = resample_poly(resampled(song(), rate), RATE // np.gcd(rate, RATE), rate // np.gcd(rate, RATE))
    found = bandwidth(once_low, RATE)
    assert 0.75 * rate / 2 < found.high_hz < 1.05 * rate / 2


@pytest.mark.parametrize("hz", [3_400, 5_000, 7_000])
def test_a_low_pass_is_found(hz: int) -> None:
    found = bandwidth(filtered(song(), "lowpass", hz), RATE)
    assert found.highs_missing
    assert 0.8 * hz < found.high_hz < 1.3 * hz


@pytest.mark.parametrize("hz", [10_500, 16_000])
def test_a_codecs_cut_takes_nothing_of_importance(hz: int) -> None:
    assert not bandwidth(filtered(song(), "lowpass", hz), RATE).highs_missing


@pytest.mark.parametrize("seed", range(3))
def test_a_telephone_lacks_both_ends(seed: int) -> None:
    found = bandwidth(resampled(filtered(song(seed), "bandpass", (300, 3400)).astype(np.float32), 8000), 8000)
    assert found.lows_missing
    assert found.highs_missing
    assert 150 < found.low_hz < 350
    assert 2700 < found.high_hz < 4000


def test_a_gentle_slope_takes_the_bass_only_where_little_is_left_of_it() -> None:
    assert bandwidth(filtered(song(), "highpass", 300, order=4), RATE).lows_missing
    assert not bandwidth(filtered(song(), "highpass", 150, order=1), RATE).lows_missing


def test_the_level_does_not_matter() -> None:
    quiet = 10.0**-5 * np.linspace(1, 0, 128) ** 9
    assert find_bandwidth(quiet, GTZAN) == find_bandwidth(1e9 * quiet, GTZAN) != FULL_BANDWIDTH


def test_silence_lacks_nothing() -> None:
    assert find_bandwidth(np.zeros(128), GTZAN) == FULL_BANDWIDTH
    assert bandwidth(np.zeros(5 * RATE), RATE) == FULL_BANDWIDTH


def test_empty_bands_between_others_are_not_missing() -> None:
    """A notch is no filter: only what lies outside all that is heard is missing."""
    power = np.ones(128)
    power[100:110] = 0
    assert find_bandwidth(power, GTZAN) == FULL_BANDWIDTH
    power[115:] = 0
    assert find_bandwidth(power, GTZAN).high_hz == pytest.approx(mel_frequencies(GTZAN)[114])

"""The fuller numbers of a window: how many there are, and that ripples are found where they are."""

import numpy as np
import pytest

from features.description import mel_description
from features.statistics import mel_statistics


@pytest.mark.parametrize(("frames", "numbers"), [(3, 370), (32, 760), (128, 890)])
def test_the_statistics_come_first_and_no_number_is_missing(frames: int, numbers: int) -> None:
    windows = np.random.default_rng(0).uniform(size=(2, 128, frames, 1)).astype(np.float32)
    description = mel_description(windows)
    statistics = mel_statistics(windows)
    assert (description.shape, description.dtype) == ((2, numbers), np.dtype(np.float32))
    assert np.isfinite(description).all()
    np.testing.assert_array_equal(description[:, : statistics.shape[1]], statistics)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("ripple", "scale"), [(4, 3), (10, 5)])
@pytest.mark.parametrize(("cycles", "rate"), [(9, 4), (50, 9)])
def test_a_moving_ripple_has_its_energy_at_its_scale_and_rate(
    ripple: int, scale: int, cycles: int, rate: int, direction: int
) -> None:
    phase = ripple * np.arange(128)[:, None] / 32 + direction * cycles * np.arange(128) / 128
    window = (0.5 + 0.4 * np.sin(2 * np.pi * phase)).astype(np.float32)
    energies = mel_description(window[None, ..., None])[0, 400:].reshape(7, 7, 10)
    for group in energies:
        assert divmod(int(group.argmax()), 10) == (scale, rate)

"""Modulations of a window: how many numbers there are, and that ripples are found where they are."""

import numpy as np
import pytest

from features.modulations import mel_modulations


@pytest.mark.parametrize(("frames", "numbers"), [(3, 98), (32, 392), (128, 490)])
def test_no_number_is_missing(frames: int, numbers: int) -> None:
    windows = np.random.default_rng(0).uniform(size=(2, 128, frames, 1)).astype(np.float32)
    modulations = mel_modulations(windows)
    assert (modulations.shape, modulations.dtype) == ((2, numbers), np.dtype(np.float32))
    assert np.isfinite(modulations).all()


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("ripple", "scale"), [(4, 3), (10, 5)])
@pytest.mark.parametrize(("cycles", "rate"), [(9, 4), (50, 9)])
def test_a_moving_ripple_has_its_energy_at_its_scale_and_rate(
    ripple: int, scale: int, cycles: int, rate: int, direction: int
) -> None:
    phase = ripple * np.arange(128)[:, None] / 32 + direction * cycles * np.arange(128) / 128
    window = (0.5 + 0.4 * np.sin(2 * np.pi * phase)).astype(np.float32)
    energies = mel_modulations(window[None, ..., None])[0].reshape(7, 7, 10)
    for group in energies:
        assert divmod(int(group.argmax()), 10) == (scale, rate)

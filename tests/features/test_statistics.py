"""The numbers of a window: how many there are, and that they stay what shipped models learned."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from features.statistics import mel_statistics


@pytest.mark.parametrize(("frames", "numbers"), [(3, 272), (16, 336), (32, 368), (64, 384), (128, 400), (256, 400)])
def test_shorter_windows_have_fewer_numbers_and_none_is_missing(frames: int, numbers: int) -> None:
    windows = np.random.default_rng(0).uniform(size=(2, 128, frames, 1)).astype(np.float32)
    statistics = mel_statistics(windows)
    assert (statistics.shape, statistics.dtype) == ((2, numbers), np.dtype(np.float32))
    assert np.isfinite(statistics).all()


def modulated(frames: int, cycles: int) -> NDArray[np.float32]:
    """Return the log energies, by range, of a window whose bands all rise and fall so many times."""
    wave = 0.5 + 0.4 * np.sin(2 * np.pi * cycles * np.arange(frames) / frames)
    window = np.broadcast_to(wave.astype(np.float32), (1, 128, frames))[..., None]
    return np.asarray(mel_statistics(window)[0, :-256].reshape(16, -1)[0])


@pytest.mark.parametrize(
    ("frames", "edges"), [(128, (1, 2, 4, 7, 11, 16, 23, 32, 44, 65)), (32, (1, 2, 3, 4, 6, 8, 11, 17))]
)
def test_the_energy_of_a_rhythm_is_in_its_range(frames: int, edges: tuple[int, ...]) -> None:
    for number, (low, high) in enumerate(pairwise(edges)):
        # Near an edge the window's taper spreads it over both sides.
        energies = modulated(frames, (low + high - 1) // 2)
        assert len(energies) == len(edges) - 1
        assert abs(int(energies.argmax()) - number) <= (high - low < 3)

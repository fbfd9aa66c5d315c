"""Two-dimensional modulations of a window of a log-mel spectrogram: ripples over bands and time."""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, rfft

from features.statistics import modulation_edges

# Groups of bands overlap by half; the ranges of ripples over bands begin at these bins of the transform of a group.
_BANDS_PER_GROUP = 32
_RIPPLE_EDGES = (0, 1, 2, 3, 5, 8, 12, 17)


def mel_modulations(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log energies of the modulation spectrum, shape (n, n_mels, frames, 1) -> (n, 49 * ranges) at 128 bands.

    Of each of 7 groups of 32 bands: by 7 ranges of ripples over bands and, with the constant part, by the ranges of
    modulation frequency that `mel_statistics` has, which makes 490 numbers at 128 frames and 392 at 32. Rising and
    falling ripples count together. (Chi, Ru and Shamma, 2005, doi 10.1121/1.1945807, describe sounds so.) Values must
    be in [0, 1], `n_mels` a multiple of 16 and at least 32.
    """
    bands = windows[..., 0]
    n, n_mels, frames = bands.shape
    lows = range(0, n_mels - _BANDS_PER_GROUP + 1, _BANDS_PER_GROUP // 2)
    groups = np.stack([bands[:, low : low + _BANDS_PER_GROUP] for low in lows], axis=1)
    over_bands = np.hanning(_BANDS_PER_GROUP + 2)[1:-1].astype(np.float32)
    taper = over_bands[:, None] * np.hanning(frames).astype(np.float32)
    spectrum = fft(rfft((groups - groups.mean(axis=(2, 3), keepdims=True)) * taper, axis=2), axis=3)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    rates = np.arange(frames // 2 + 1)
    power = power[..., rates] + power[..., -rates]
    rate_edges = [0, *modulation_edges(frames)]
    energies = np.add.reduceat(np.add.reduceat(power, _RIPPLE_EDGES[:-1], axis=2), rate_edges[:-1], axis=3)
    energies /= np.diff(_RIPPLE_EDGES)[:, None].astype(np.float32) * np.diff(rate_edges).astype(np.float32)
    return np.asarray(np.log(energies + np.float32(1e-3)).reshape(n, -1))

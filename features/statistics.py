"""Numbers that describe a window of a log-mel spectrogram, for the classical models."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, rfft

_GROUPS = 16
_CEPSTRAL_COEFFICIENTS = 20
# Where ranges of modulation frequency begin, as bins of the transform of 128 frames (0.1 Hz each for GTZAN).
_MODULATION_STARTS = (1, 2, 4, 7, 11, 16, 23, 32, 44)
_MODULATION_FRAMES = 128
_PERCENTILES = (10, 25, 50, 75, 90)


def mel_statistics(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 256 + 16 r numbers per window, shape (n, n_mels, frames, 1) -> (n, 256 + 16 r), for values in [0, 1].

    They are energies of the modulation spectrum (Tzanetakis and Cook's idea of rhythm, band by band), steps between
    bands and between frames, the motion of the cepstrum, correlations between bands, and the shape of the spectrum.
    r is the number of ranges of modulation frequency: 9 at 128 frames, which makes 400 numbers, and 7 at 32, which
    makes 368. `n_mels` must be a multiple of 16, and `frames` 3 or more.
    """
    bands = windows[..., 0]
    parts = (_modulation(bands), _steps(bands), _cepstral_motion(bands), _correlations(bands), _spectral_shape(bands))
    return np.concatenate(parts, axis=1)


def _grouped(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means of neighbouring bands, shape (n, n_mels, t) -> (n, 16, t)."""
    n, n_mels, frames = bands.shape
    return np.asarray(bands.reshape(n, _GROUPS, n_mels // _GROUPS, frames).mean(axis=2))


def _modulation(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log energy of each range of modulation frequency in each group of bands, shape (n, 16 r)."""
    groups = _grouped(bands)
    frames = groups.shape[-1]
    groups = (groups - groups.mean(axis=-1, keepdims=True)) * np.hanning(frames).astype(np.float32)
    spectrum = rfft(groups, axis=-1)
    power = (np.square(spectrum.real) + np.square(spectrum.imag)) / np.float32(frames)
    ranges = pairwise(modulation_edges(frames))
    energies = np.stack([power[..., low:high].mean(axis=-1) for low, high in ranges], axis=-1)
    return np.asarray(np.log(energies + np.float32(1e-5)).reshape(len(bands), -1))


def modulation_edges(frames: int) -> list[int]:
    """Return the edges of the ranges of modulation frequency, as bins of the transform of a window.

    They are the same parts of half the frame rate whatever the number of frames; ranges of less than one bin are
    joined.
    """
    starts = {max(1, round(start * frames / _MODULATION_FRAMES)) for start in _MODULATION_STARTS}
    return [*sorted(starts), frames // 2 + 1]


def _steps(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the size of steps, by group of bands, shape (n, 64).

    From band to band in each frame (mean and spread), from frame to frame, and from band to band of the mean frame,
    which only sustained tones keep.
    """
    between_bands = _grouped(np.abs(np.diff(bands, axis=1, append=bands[:, -2:-1])))
    between_frames = _grouped(np.abs(np.diff(bands, axis=-1))).mean(axis=-1)
    mean_frame = bands.mean(axis=-1, keepdims=True)
    sustained = _grouped(np.abs(np.diff(mean_frame, axis=1, append=np.float32(0))))[..., 0]
    return np.concatenate([between_bands.mean(axis=-1), between_bands.std(axis=-1), between_frames, sustained], axis=1)


def _cepstral_motion(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spread of the first and second differences of the cepstrum over time, shape (n, 40)."""
    cepstrum: NDArray[np.float32] = dct(bands, axis=1, norm="ortho")[:, :_CEPSTRAL_COEFFICIENTS]
    velocity = np.diff(cepstrum, axis=-1)
    return np.concatenate([velocity.std(axis=-1), np.diff(velocity, axis=-1).std(axis=-1)], axis=1)


def _correlations(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the correlation over time of each pair of groups of bands, shape (n, 120)."""
    groups = _grouped(bands)
    groups = groups - groups.mean(axis=-1, keepdims=True)
    groups /= np.sqrt(np.square(groups).mean(axis=-1, keepdims=True)) + np.float32(1e-3)
    one, other = np.triu_indices(_GROUPS, 1)
    return np.asarray((groups @ groups.transpose(0, 2, 1) / np.float32(groups.shape[-1]))[:, one, other])


def _spectral_shape(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return centroid, width, level and contrast of the frames, summed up over time, shape (n, 32)."""
    height = np.linspace(0, 1, bands.shape[1], dtype=np.float32)[:, None]
    # The fourth power leaves what stands out.
    weight = np.square(np.square(bands)) + np.float32(1e-4)
    weight /= weight.sum(axis=1, keepdims=True)
    centroid = (weight * height).sum(axis=1, keepdims=True)
    width = np.sqrt((weight * np.square(height - centroid)).sum(axis=1))
    frames = np.stack([centroid[:, 0], width, bands.mean(axis=1), bands.std(axis=1)], axis=1)
    return np.concatenate(
        [
            frames.mean(axis=-1),
            frames.std(axis=-1),
            *np.percentile(frames, _PERCENTILES, axis=-1).astype(np.float32),
            np.abs(np.diff(frames, axis=-1)).mean(axis=-1),
        ],
        axis=1,
    )

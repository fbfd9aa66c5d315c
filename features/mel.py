"""Log-mel spectrograms: what every model of this project sees of a sound."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

# librosa's power_to_db: the least power it takes the logarithm of, and the depth below the maximum it keeps.
_LEAST_POWER = 1e-10
TOP_DB = 80.0

# Frames transformed at a time: few enough for the second-level cache.
_FRAMES_PER_BATCH = 64


@dataclass(frozen=True)
class MelSettings:
    """How sound becomes the windows a model takes; each model card carries its own.

    The defaults are those of the GTZAN spectrograms in use here: librosa's at 22,050 Hz, one frame every 77.6 ms.
    Lengths in samples (`n_fft`, `hop_length`) are meant at `sample_rate_hz`; sound at another rate is analysed with
    lengths of the same duration.
    """

    sample_rate_hz: int = 22_050
    n_fft: int = 2048
    hop_length: int = 1711
    n_mels: int = 128
    fmin_hz: float = 0.0
    fmax_hz: float = 11_025.0
    clip_seconds: float = 30.0
    window_frames: int = 128
    window_hop_frames: int = 129

    def __post_init__(self) -> None:
        if not 0 <= self.fmin_hz < self.fmax_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"Mel bands need 0 <= fmin_hz < fmax_hz <= sample_rate_hz / 2, not {self}.")
        sizes = (self.n_fft, self.hop_length, self.n_mels, self.window_frames, self.window_hop_frames)
        if min(sizes) < 1 or self.clip_seconds < self.window_seconds:
            raise ValueError(f"Sizes must be positive, and a clip at least one window long, not {self}.")

    @property
    def frame_seconds(self) -> float:
        """The time from one frame to the next."""
        return self.hop_length / self.sample_rate_hz

    @property
    def clip_frames(self) -> int:
        """The number of frames of a whole clip."""
        return round(self.clip_seconds / self.frame_seconds)

    @property
    def window_seconds(self) -> float:
        """The time one window spans."""
        return self.window_frames * self.frame_seconds


def log_mel(samples: NDArray[np.float32], sample_rate_hz: int, settings: MelSettings) -> NDArray[np.float32]:
    """Return the log-mel spectrogram in dB below its maximum, shape (n_mels, frames), in [-80, 0], lowest band first.

    `samples` is mono, float32, shape (samples,). At `settings.sample_rate_hz` the result is librosa's
    `power_to_db(melspectrogram(y), ref=np.max)`: frames centred on multiples of the hop, periodic Hann window, zeros
    beyond both ends. At any other rate the Fourier transform is taken over the same duration, which gives the same
    bands without resampling; bands above half the sample rate are then at the bottom.
    """
    rate_ratio = sample_rate_hz / settings.sample_rate_hz
    window = _hann(max(2, round(settings.n_fft * rate_ratio)))
    fft_size = scipy.fft.next_fast_len(len(window), real=True)
    filters = _mel_filters(settings, sample_rate_hz, len(window), fft_size)
    hop = settings.hop_length * rate_ratio
    starts = np.round(np.arange(1 + int(len(samples) / hop)) * hop).astype(np.intp)
    padding = len(window) // 2
    padded = np.pad(samples, (padding, padding + len(window) % 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))
    mel_power = np.empty((settings.n_mels, len(starts)), np.float32)
    for first in range(0, len(starts), _FRAMES_PER_BATCH):
        batch = slice(first, first + _FRAMES_PER_BATCH)
        # Frames side by side, (samples, frames), so that several are transformed by one instruction.
        windowed = frames[starts[batch]].T * window[:, None]
        spectrum = scipy.fft.rfft(windowed, fft_size, axis=0, overwrite_x=True)[: filters.shape[1]]
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        mel_power[:, batch] = filters @ power
    decibels: NDArray[np.float32] = 10 * np.log10(np.maximum(mel_power, np.float32(_LEAST_POWER)))
    decibels -= decibels.max()
    return np.maximum(decibels, np.float32(-TOP_DB))


def mel_frequencies(settings: MelSettings) -> NDArray[np.float64]:
    """Return the centre of each mel band in Hz, shape (n_mels,), lowest band first."""
    return _edges_hz(settings)[1:-1]


@lru_cache(maxsize=16)
def _hann(length: int) -> NDArray[np.float32]:
    """Return a periodic Hann window, shape (length,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@lru_cache(maxsize=16)
def _mel_filters(
    settings: MelSettings, sample_rate_hz: int, window_length: int, fft_size: int
) -> scipy.sparse.csr_array[np.float32]:
    """Return the triangular mel filters, shape (n_mels, bins), each of unit area over frequency in Hz.

    The bins are those of the Fourier transform up to the last that any filter takes. The area, and the spacing, are
    Slaney's (Auditory Toolbox, 1998), as librosa has them. The weights also undo what a longer window (power) and a
    finer Fourier transform (bins per band) add at rates other than the settings' own.
    """
    edges_hz = _edges_hz(settings)
    bins_hz = np.fft.rfftfreq(fft_size, 1 / sample_rate_hz)
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    scale = (settings.n_fft / window_length) ** 2 * (window_length / fft_size)
    bins = 1 + int(np.flatnonzero(triangles.any(axis=0)).max(initial=0))
    filters = scipy.sparse.csr_array((triangles[:, :bins] * scale).astype(np.float32))
    # SciPy multiplies with 32-bit indices in two thirds of the time.
    filters.indices, filters.indptr = filters.indices.astype(np.int32), filters.indptr.astype(np.int32)
    return filters


def _edges_hz(settings: MelSettings) -> NDArray[np.float64]:
    """Return where each mel band begins and, two further on, ends, shape (n_mels + 2,)."""
    return _mel_to_hz(np.linspace(_hz_to_mel(settings.fmin_hz), _hz_to_mel(settings.fmax_hz), settings.n_mels + 2))


# Slaney's mel scale: linear below 1 kHz, then 27 steps for each factor of 6.4.
_BREAK_HZ = 1000.0
_HZ_PER_MEL = 200.0 / 3
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _HZ_PER_MEL
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mels * _HZ_PER_MEL
    logarithmic = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mels, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mels < _BREAK_MEL, linear, logarithmic)

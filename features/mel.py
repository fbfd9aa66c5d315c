"""Log-mel spectrograms, the input of every model of this project."""

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from features.settings import MelSettings

# librosa's power_to_db: the least power it takes the logarithm of, and the depth below the maximum it keeps.
_LEAST_POWER = 1e-10
TOP_DB = 80.0

# Frames transformed at a time: few enough for the second-level cache.
_FRAMES_PER_BATCH = 64


def log_mel(samples: NDArray[np.float32], sample_rate_hz: int, settings: MelSettings) -> NDArray[np.float32]:
    """Return the log-mel spectrogram in dB below its maximum, shape (n_mels, frames), in [-80, 0], lowest band first.

    `samples` is mono, float32, shape (samples,). At `settings.sample_rate_hz` the result is librosa's
    `power_to_db(melspectrogram(y), ref=np.max)`: frames centred on multiples of the hop, periodic Hann window, zeros
    beyond both ends. At any other rate the Fourier transform is taken over the same duration, which gives the same
    bands without resampling; bands above half the sample rate are then at the bottom.
    """
    clip = MelClip(sample_rate_hz, settings)
    clip.add(samples)
    return clip.log_mel()


class MelClip:
    """The spectrogram of a clip whose sound comes in blocks, however they are cut; it keeps the sound of 64 frames.

    `samples` is how many have come. Once `log_mel` has been called, `band_power` is the mean power in each band, shape
    (n_mels,), and `peak_db` the greatest power of any, in dB.
    """

    def __init__(self, sample_rate_hz: int, settings: MelSettings) -> None:
        rate_ratio = sample_rate_hz / settings.sample_rate_hz
        self.samples = 0
        self.peak_db = -np.inf
        self.band_power = np.zeros(settings.n_mels, np.float32)
        self._window = hann_window(max(2, round(settings.n_fft * rate_ratio)))
        self._fft_size = scipy.fft.next_fast_len(len(self._window), real=True)
        self._filters = mel_filters(settings, sample_rate_hz, len(self._window), self._fft_size)
        self._hop = settings.hop_length * rate_ratio
        # The sound from the next frame on, and how much of it is there; half a window of zeros comes before the first.
        self._sound = np.zeros(int(_FRAMES_PER_BATCH * self._hop) + len(self._window) + 2, np.float32)
        self._filled = len(self._window) // 2
        self._mel_power: list[NDArray[np.float32]] = []

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next mono samples, float32 of shape (samples,)."""
        self.samples += len(samples)
        self._take(samples)

    def log_mel(self) -> NDArray[np.float32]:
        """Return the result of `log_mel` for all samples that were added; ends the clip."""
        frames = 1 + int(self.samples / self._hop)
        self._take(np.zeros(len(self._window), np.float32))
        self._sound[self._filled :] = 0
        if frames > self._frames_done:
            self._transform(frames - self._frames_done)
        mel_power = np.concatenate(self._mel_power, axis=1)[:, :frames]
        self.band_power = mel_power.mean(axis=1)
        decibels: NDArray[np.float32] = 10 * np.log10(np.maximum(mel_power, np.float32(_LEAST_POWER)))
        self.peak_db = float(decibels.max())
        decibels -= self.peak_db
        return np.maximum(decibels, np.float32(-TOP_DB))

    @property
    def _frames_done(self) -> int:
        return _FRAMES_PER_BATCH * len(self._mel_power)

    def _take(self, samples: NDArray[np.float32]) -> None:
        while len(samples):
            taken = samples[: len(self._sound) - self._filled]
            samples = samples[len(taken) :]
            self._sound[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            if self._filled == len(self._sound):
                # Always so many frames, so that the result does not depend on how the sound was cut into blocks.
                used = self._transform(_FRAMES_PER_BATCH)
                self._filled -= used
                self._sound[: self._filled] = self._sound[used:]

    def _transform(self, frames: int) -> int:
        """Add the power of so many frames, and return where in the sound the next one begins."""
        starts = np.round((self._frames_done + np.arange(frames + 1)) * self._hop).astype(np.intp)
        starts -= starts[0]
        views = np.lib.stride_tricks.sliding_window_view(self._sound, len(self._window))
        # Frames side by side, (samples, frames), so that several are transformed by one instruction.
        windowed = views[starts[:-1]].T * self._window[:, None]
        spectrum = scipy.fft.rfft(windowed, self._fft_size, axis=0, overwrite_x=True)[: self._filters.shape[1]]
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        self._mel_power.append(self._filters @ power)
        return int(starts[-1])


def mel_frequencies(settings: MelSettings) -> NDArray[np.float64]:
    """Return the centre of each mel band in Hz, shape (n_mels,), lowest band first."""
    return _edges_hz(settings)[1:-1]


@lru_cache(maxsize=16)
def hann_window(length: int) -> NDArray[np.float32]:
    """Return a periodic Hann window, shape (length,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@lru_cache(maxsize=16)
def mel_filters(
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

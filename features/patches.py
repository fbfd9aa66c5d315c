"""Patches of log-mel spectrogram for a pretrained encoder, which was trained on another spectrogram than our models."""

import math
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from features.mel import hann_window, mel_filters
from features.settings import PatchSettings

# Where the resampler of MSD_musicnn's training data (resampy's "kaiser_best") fades out, as shares of half the new
# rate. The widths are those that come nearest to published outputs of the network for real clips.
_FADE_FROM, _FADE_TO = 0.9125, 0.9825
# The sound that is transformed at a time, and how much of it at either end only serves the filter.
_CHUNK_SECONDS = 3.2
_MARGIN_SECONDS = 0.05
# Compression of the network's input: log10(10,000 x + 1).
_GAIN = 10_000
_LEAST_POWER = 1e-12


class Resampler:
    """Brings the sound of a clip, which comes in blocks, to another sample rate, by Fourier transform of chunks."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = math.gcd(from_hz, to_hz)
        self._in, self._out = from_hz // common, to_hz // common
        units = max(3, round(_CHUNK_SECONDS * common))
        margin = max(1, round(_MARGIN_SECONDS * common))
        self._lengths = units * self._in, units * self._out
        self._margins = margin * self._in, margin * self._out
        self._fade = _fade(*self._lengths, from_hz, to_hz)
        self._waiting = np.zeros(self._lengths[0], np.float32)
        # Silence lies before the first sample.
        self._filled = self._margins[0]
        self._samples = 0
        self._resampled: list[NDArray[np.float32]] = []

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, float32 of shape (samples,)."""
        self._samples += len(samples)
        self._take(samples)

    def sound(self) -> NDArray[np.float32]:
        """Return all samples that were added, at the new rate; the last thing to ask a resampler for."""
        wanted = -(-self._samples * self._out // self._in)
        if wanted > sum(map(len, self._resampled)):
            self._waiting[self._filled :] = 0
            self._transform()
        return np.concatenate(self._resampled)[:wanted] if wanted else np.zeros(0, np.float32)

    def _take(self, samples: NDArray[np.float32]) -> None:
        while len(samples):
            taken = samples[: len(self._waiting) - self._filled]
            samples = samples[len(taken) :]
            self._waiting[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            if self._filled == len(self._waiting):
                self._transform()

    def _transform(self) -> None:
        (length_in, length_out), (margin_in, margin_out) = self._lengths, self._margins
        spectrum = np.zeros(length_out // 2 + 1, np.complex64)
        kept = scipy.fft.rfft(self._waiting)[: len(self._fade)]
        np.multiply(kept, self._fade, out=spectrum[: len(self._fade)])
        sound = scipy.fft.irfft(spectrum, length_out, overwrite_x=True)
        self._resampled.append(sound[margin_out : length_out - margin_out].copy())
        used = length_in - 2 * margin_in
        self._waiting[: length_in - used] = self._waiting[used:]
        self._filled -= used


def patch_power(
    sound: NDArray[np.float32], starts_seconds: NDArray[np.floating], settings: PatchSettings
) -> NDArray[np.float32]:
    """Return the mel power of patches that start at given times in a sound at `settings.sample_rate_hz`.

    Shape (samples,), (n,) -> (n, patch_frames, n_mels). It is librosa's `melspectrogram` of the whole sound: frames
    centred on multiples of the hop, periodic Hann window. A sound shorter than a patch is repeated to fill it, and a
    patch that would end behind the sound ends with it.
    """
    hop, n_fft, frames = settings.hop_length, settings.n_fft, settings.patch_frames
    length = frames * hop
    sound = np.resize(sound, max(length, len(sound)))
    padded = np.pad(sound, (n_fft // 2, n_fft))
    starts = np.minimum(np.round(starts_seconds * settings.sample_rate_hz), len(sound) - length).astype(np.intp)
    views = np.lib.stride_tricks.sliding_window_view(padded, n_fft)
    rows = (starts[:, None] + hop * np.arange(frames)).ravel()
    spectrum = scipy.fft.rfft(views[rows] * hann_window(n_fft), axis=1, overwrite_x=True)
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    filters = mel_filters(settings.mel, settings.sample_rate_hz, n_fft, n_fft)
    mel = (filters @ power[:, : filters.shape[1]].T).T
    return np.asarray(np.ascontiguousarray(mel).reshape(len(starts), frames, settings.n_mels))


def compress(power: NDArray[np.float32], settings: PatchSettings, heard: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the log-mel patches of a song, shape (..., patch_frames, n_mels), from their power; both float32.

    `heard`, of the leading shape, says which patches hold more than silence. The mean power of a frame of those is
    brought to `settings.level_db` first, so that the level of a recording changes nothing.
    """
    mean = float(power[heard].sum(axis=-1).mean(dtype=np.float64)) if heard.any() else 0.0
    gain = 10 ** (settings.level_db / 10) / max(mean, _LEAST_POWER)
    return np.asarray(np.log10(np.float32(_GAIN * gain) * power + np.float32(1)))


def patch_starts(
    window_starts_seconds: NDArray[np.floating], window_seconds: float, settings: PatchSettings
) -> NDArray[np.float64]:
    """Return when the patches of windows start, (n,) -> (n, patches_per_window), with equal gaps between them."""
    count = settings.patches_per_window
    gap = max(0.0, window_seconds - count * settings.patch_seconds) / (count + 1)
    offsets = gap + np.arange(count) * (gap + settings.patch_seconds)
    latest = max(0.0, window_seconds - settings.patch_seconds)
    return np.asarray(np.asarray(window_starts_seconds)[:, None] + np.minimum(offsets, latest), np.float64)


@lru_cache(maxsize=16)
def _fade(length_in: int, length_out: int, from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """Return the gain of each bin of the transform that is kept, from 1 to 0 over the fade, shape (bins,)."""
    bins = 1 + min(length_in, length_out) // 2
    share = np.arange(bins) * (from_hz / length_in) / (to_hz / 2)
    falling = np.clip((_FADE_TO - share) / (_FADE_TO - _FADE_FROM), 0, 1)
    return np.asarray((0.5 - 0.5 * np.cos(np.pi * falling)) * (length_out / length_in), np.float32)

"""Silence in a song is skipped before any feature is computed."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# A chunk is silent 60 dB below the loudest so far, or within one bit of 16.
_CHUNK_SECONDS = 0.1
_SILENT_RATIO = 1e-3
_LAST_BIT = 1 / 32_000
# A shorter pause is part of the music.
_SHORTEST_SECONDS = 1.0

Piece = tuple[int, NDArray[np.float32]]


class SilenceFilter:
    """Takes the blocks of a song, however they are cut, and returns the sound without silence.

    A stretch of at least one second in which no sample comes within 60 dB of the loudest so far is left out. A song may
    come in several parts, each between `begin` and `finish`.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._chunk = max(1, round(_CHUNK_SECONDS * sample_rate_hz))
        self._shortest = _SHORTEST_SECONDS * sample_rate_hz
        self._loudest = 0.0
        self.begin(0)

    @property
    def has_heard_sound(self) -> bool:
        """Whether anything was louder than silence."""
        return self._loudest > _LAST_BIT

    def begin(self, position: int) -> None:
        """Begin with the part of the song that starts at a position, in samples."""
        self._position = position
        self._rest = np.zeros(0, np.float32)
        # A silent stretch that is still short enough to be a pause.
        self._pause: list[Piece] = []
        self._silent_samples = 0

    def add(self, samples: NDArray[np.float32]) -> list[Piece]:
        """Return the pieces of sound that are now known not to be silence, each with its first sample's position."""
        samples = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(samples) - len(samples) % self._chunk
        self._rest = samples[whole:].copy()
        if not whole:
            return []
        chunks = samples[:whole].reshape(-1, self._chunk)
        peaks = np.maximum(chunks.max(axis=1), -chunks.min(axis=1))
        loudest = np.maximum.accumulate(np.maximum(peaks, self._loudest))
        self._loudest = float(loudest[-1])
        silent = peaks <= np.maximum(loudest * _SILENT_RATIO, _LAST_BIT)
        # Neighbouring chunks of one kind are one piece.
        edges = [0, *(np.flatnonzero(np.diff(silent)) + 1), len(chunks)]
        pieces: list[Piece] = []
        for first, last in pairwise(edges):
            piece = samples[first * self._chunk : last * self._chunk]
            pieces += self._take(piece, silent=bool(silent[first]))
        return pieces

    def finish(self) -> list[Piece]:
        """Return the remaining pieces at the end of a part."""
        rest, self._rest = self._rest, np.zeros(0, np.float32)
        silent = not len(rest) or max(rest.max(), -rest.min()) <= max(self._loudest * _SILENT_RATIO, _LAST_BIT)
        pieces = self._take(rest, silent=bool(silent))
        # A pause at the end is music if there was any.
        return [*pieces, *self._pause] if self.has_heard_sound else pieces

    def _take(self, piece: NDArray[np.float32], *, silent: bool) -> list[Piece]:
        position = self._position
        self._position += len(piece)
        if not silent:
            pieces = [*self._pause, (position, piece)]
            self._pause, self._silent_samples = [], 0
            return pieces
        self._silent_samples += len(piece)
        if self._silent_samples < self._shortest:
            self._pause.append((position, piece.copy()))
        else:
            self._pause = []
        return []

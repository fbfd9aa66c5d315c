"""The range of frequencies that a recording holds: telephones, old records, low sample rates and codecs cut it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.mel import mel_frequencies
from features.settings import MelSettings

# Every level is relative to the mean of the middle, which all of them keep.
_MIDDLE_HZ = (500.0, 3000.0)
# Of 43 clips of GTZAN, none has less than -40 dB in the mean of any band from the middle up to 8 kHz, and below it none
# has less than -4 dB from 100 Hz on.
_EMPTY_ABOVE_DB = -45.0
_EMPTY_BELOW_DB = -12.0
_LOWEST_HZ = 60.0
# A filter's slope, in dB per band, and over how many bands it is measured.
_STEEP_DB = 1.5
_SLOPE_BANDS = 3
# From here on nothing of importance is missing: half of GTZAN's own clips, from which models learn, end below 9.5 kHz,
# 3% of them below 8 kHz. Above it an encoder hears nothing.
_FULL_HZ = 8000.0


@dataclass(frozen=True)
class Bandwidth:
    """The frequencies from `low_hz` to `high_hz` that are heard; 0 and infinity where nothing is missing."""

    low_hz: float
    high_hz: float

    @property
    def lows_missing(self) -> bool:
        """Whether the recording lacks its bass."""
        return self.low_hz > 0

    @property
    def highs_missing(self) -> bool:
        """Whether it lacks more than the very highest frequencies."""
        return self.high_hz < _FULL_HZ


FULL_BANDWIDTH = Bandwidth(0.0, np.inf)


def find_bandwidth(power: NDArray[np.floating], settings: MelSettings) -> Bandwidth:
    """Return the bandwidth of a song from its mean power in each mel band, shape (n_mels,).

    The bands at the top are missing if all of them lie 45 dB or more below the middle; so are those further down as
    long as the spectrum rises steeply towards the middle, as behind a filter. The same goes for the bottom.
    """
    centres = mel_frequencies(settings)
    middle = (centres >= _MIDDLE_HZ[0]) & (centres <= _MIDDLE_HZ[1])
    reference = power[middle].mean()
    if not reference > 0:
        return FULL_BANDWIDTH
    decibels = 10 * np.log10(np.maximum(power / reference, 1e-20))
    lowest, highest = np.flatnonzero(middle)[[0, -1]]
    top = _first_empty(decibels[highest:], _EMPTY_ABOVE_DB) + highest
    from_hz = int(np.searchsorted(centres, _LOWEST_HZ))
    bottom = lowest - _first_empty(decibels[from_hz : lowest + 1][::-1], _EMPTY_BELOW_DB)
    return Bandwidth(
        float(centres[bottom]) if bottom >= from_hz else 0.0,
        float(centres[top - 1]) if top < len(centres) else np.inf,
    )


def _first_empty(decibels: NDArray[np.floating], empty_db: float) -> int:
    """Return the first of the bands, outwards from the middle, from which on all are empty; their number if none is."""
    filled = np.flatnonzero(decibels >= empty_db)
    first = int(filled[-1]) + 1 if len(filled) else 0
    if first == len(decibels):
        return first
    while first > _SLOPE_BANDS and decibels[first - 1 - _SLOPE_BANDS] - decibels[first - 1] > _SLOPE_BANDS * _STEEP_DB:
        first -= 1
    return first

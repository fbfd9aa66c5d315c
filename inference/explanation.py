"""Which parts of a song speak for its genre: occlusion (Zeiler and Fergus, 2014, arXiv 1311.2901).

A part of a window is made as loud as the window is in the mean, without any shape, and the model is asked again: the
more the genre's probability falls, the more that part spoke for it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.windows import SongWindows
from inference.classifier import GenreClassifier
from inference.prediction import Prediction

# Parts of a window: always so many in frequency, and in time as many as the whole song's questions allow.
BANDS = 8
_MOST_STEPS = 8
_MOST_QUESTIONS = 1024


@dataclass(frozen=True)
class Explanation:
    """A prediction, and what of each window speaks for its most probable genre.

    `genre` is that genre, also where the model is not sure. `weights` are by how much its probability falls without a
    part, float32 of shape (windows, bands, steps), lowest band first; below 0, the part speaks against it.
    """

    prediction: Prediction
    genre: str
    weights: NDArray[np.float32]


def explain(classifier: GenreClassifier, song: SongWindows) -> Explanation:
    """Return what speaks for the genre of a song, whose windows must have been made with the card's own `mel`."""
    prediction = classifier.predict(song)
    genre = next(iter(prediction.probabilities))
    number = classifier.card.genres.index(genre)
    steps = int(np.clip(_MOST_QUESTIONS // (BANDS * len(song.windows)), 1, _MOST_STEPS))
    whole = classifier.window_probabilities(song.windows)[:, number]
    weights = np.empty((len(song.windows), BANDS, steps), np.float32)
    for window, probability, found in zip(song.windows, whole, weights, strict=True):
        without = classifier.window_probabilities(_occluded(window, steps))[:, number]
        found[:] = probability - without.reshape(BANDS, steps)
    return Explanation(prediction, genre, weights)


def _occluded(window: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Return copies of a window (n_mels, frames, 1), each without one part, (bands * steps, n_mels, frames, 1)."""
    n_mels, frames, _ = window.shape
    copies = np.repeat(window[None], BANDS * steps, axis=0)
    for place, copy in enumerate(copies):
        band, step = divmod(place, steps)
        copy[_part(band, BANDS, n_mels), _part(step, steps, frames)] = window.mean()
    return copies


def _part(number: int, parts: int, length: int) -> slice:
    return slice(number * length // parts, (number + 1) * length // parts)

"""Which parts of a song speak for its genre: occlusion (Zeiler and Fergus, 2014, arXiv 1311.2901).

A part of a window is made as loud as the window is in the mean, without any shape, and the model predicts again: the
more the genre's probability falls, the more that part spoke for it. The same part of the patches is left without shape
for a model with an encoder.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.deadline import NO_DEADLINE, Deadline
from features.mel import mel_frequencies
from features.patches import patch_starts
from features.settings import MelSettings
from features.windows import SongWindows
from inference.classifier import Encoded, GenreClassifier
from inference.encoder import TagEncoder
from inference.prediction import Prediction

# Parts of a window: always so many in frequency, and in time as many as the questions allow.
BANDS = 8
_MAX_STEPS = 8
_MAX_QUESTIONS = 1024
# An encoder takes a hundred times as long.
_MAX_ENCODED_STEPS = 4
_MAX_ENCODED_QUESTIONS = 128


@dataclass(frozen=True)
class Explanation:
    """A prediction, and the parts of each window that speak for its most probable genre.

    `genre` is that genre, also where the model is not sure. `weights` are by how much its probability falls without a
    part, float32 of shape (windows, bands, steps), lowest band first; below 0, the part speaks against it.
    """

    prediction: Prediction
    genre: str
    weights: NDArray[np.float32]


def explain(classifier: GenreClassifier, song: SongWindows, deadline: Deadline = NO_DEADLINE) -> Explanation:
    """Return the explanation of a song, whose features must have been computed with the card's own settings.

    Raises OutOfTime once the deadline has passed.
    """
    encoder = classifier.encoder
    patch_logits = encoder.window_logits(song, deadline) if encoder else None
    encoded = None if patch_logits is None else Encoded.of(patch_logits, song.bandwidth)
    prediction = classifier.predict(song, encoded, deadline)
    genre = next(iter(prediction.probabilities))
    number = classifier.card.genres.index(genre)
    questions, most = _MAX_QUESTIONS, _MAX_STEPS
    if encoder:
        questions, most = _MAX_ENCODED_QUESTIONS, _MAX_ENCODED_STEPS
    steps = int(np.clip(questions // (BANDS * len(song.windows)), 1, most))
    whole = classifier.window_probabilities(song.windows, encoded, deadline)[:, number]
    weights = np.empty((len(song.windows), BANDS, steps), np.float32)
    for index, (window, probability) in enumerate(zip(song.windows, whole, strict=True)):
        without = None
        if encoder and patch_logits is not None:
            logits = _tags_without(encoder, song, classifier.card.mel, index, patch_logits[index], steps, deadline)
            without = Encoded.of(logits, song.bandwidth)
        probabilities = classifier.window_probabilities(_occluded(window, steps), without, deadline)[:, number]
        weights[index] = probability - probabilities.reshape(BANDS, steps)
    return Explanation(prediction, genre, weights)


def _occluded(window: NDArray[np.float32], steps: int) -> NDArray[np.float32]:
    """Return copies of a window (n_mels, frames, 1), each without one part, (bands * steps, n_mels, frames, 1)."""
    n_mels, frames, _ = window.shape
    copies = np.repeat(window[None], BANDS * steps, axis=0)
    for place, copy in enumerate(copies):
        band, step = divmod(place, steps)
        copy[_part(band, BANDS, n_mels), _part(step, steps, frames)] = window.mean()
    return copies


def _tags_without(
    encoder: TagEncoder,
    song: SongWindows,
    mel: MelSettings,
    index: int,
    whole: NDArray[np.float32],
    steps: int,
    deadline: Deadline,
) -> NDArray[np.float32]:
    """Return the logits of the patches of the copies of a window that `_occluded` makes.

    Shape (bands * steps, patches_per_window, tags); `whole` are those of the window itself. Only patches that hold a
    part are encoded again.
    """
    settings = encoder.card.patches
    patches = np.asarray(song.patches)[index].astype(np.float32)
    seconds = patch_starts(np.zeros(1), mel.window_seconds, settings)[0]
    frame_seconds = settings.patch_seconds / settings.patch_frames
    frame_times = seconds[:, None] + frame_seconds * np.arange(settings.patch_frames)
    # Of each patch's frame and band, the part of the window that it lies in.
    frame_steps = np.clip((frame_times / mel.window_seconds * steps).astype(int), 0, steps - 1)
    own_band = np.searchsorted(mel_frequencies(mel), mel_frequencies(settings.mel))
    band_parts = np.clip(own_band * BANDS // mel.n_mels, 0, BANDS - 1)
    rows, copies = [], []
    for place in range(BANDS * steps):
        band, step = divmod(place, steps)
        for number, patch in enumerate(patches):
            hidden = np.ix_(frame_steps[number] == step, band_parts == band)
            if patch[hidden].size:
                copy = patch.copy()
                copy[hidden] = patch.mean()
                rows.append((place, number))
                copies.append(copy)
    logits = np.repeat(whole[None], BANDS * steps, axis=0)
    if copies:
        places, numbers = np.array(rows).T
        logits[places, numbers] = encoder.tag_logits(np.stack(copies), song.bandwidth, deadline)
    return logits


def _part(number: int, parts: int, length: int) -> slice:
    return slice(number * length // parts, (number + 1) * length // parts)

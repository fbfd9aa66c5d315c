"""Probabilities that mean something: of the songs answered with a confidence of 0.7, about 70% should be right.

A bundle's logits are divided by a temperature (Guo et al., 2017, arXiv 1706.04599), and below a confidence of
`abstain_threshold` it gives no genre. Both are chosen on validation tracks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from tqdm import tqdm

from inference.card import ModelCard
from inference.classifier import GenreClassifier, softmax
from training.data.tracks import BadData, Track
from training.models.tags import encoded_windows

# Of the right answers on validation tracks, the share that is given.
RIGHT_KEPT = 0.95
BINS = 15
THRESHOLDS = tuple(step / 20 for step in range(20))
# A few tracks that are all answered rightly would have it at 0.
_LEAST_TEMPERATURE, _GREATEST_TEMPERATURE = 0.1, 10.0

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Bin:
    """The tracks whose confidence lies in one of 15 equal parts of 0 to 1: how many, and the means of them."""

    tracks: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How far confidence is from accuracy.

    `error` is the expected calibration error: the mean over tracks of the distance between their bin's confidence and
    accuracy (Naeini, Cooper and Hauskrecht, 2015). Bins without a track are left out.
    """

    error: float
    bins: list[Bin]


@dataclass(frozen=True)
class Coverage:
    """The figures of predicting no genre below a confidence of `threshold`.

    `answered` is the share of tracks that get a genre, `accuracy` that of them which get the right one (None if none
    gets one), `right_kept` the share of right answers that are given.
    """

    threshold: float
    answered: float
    accuracy: float | None
    right_kept: float


def calibrate(card: ModelCard, logits: Sequence[Floats], truth: Sequence[int]) -> ModelCard:
    """Return a card with the temperature and the threshold that fit the logits of tracks it has not learned from.

    `logits` are of each track's windows, shape (windows, genres), and `truth` are the numbers of the true genres.
    """
    temperature = fit_temperature(logits, truth)
    probabilities = track_probabilities(logits, temperature)
    threshold = choose_threshold(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)
    return replace(card, temperature=temperature, abstain_threshold=threshold)


def true_genres(card: ModelCard, tracks: Sequence[Track]) -> list[int]:
    """Return the numbers of the tracks' genres; raise BadData for a genre that the model does not have."""
    if unknown := sorted({track.genre for track in tracks} - set(card.genres)):
        raise BadData(f"{card.name} knows no genre {', '.join(unknown)}; it knows {', '.join(card.genres)}.")
    return [card.genres.index(track.genre) for track in tracks]


def track_logits(classifier: GenreClassifier, tracks: Sequence[Track]) -> list[NDArray[np.float32]]:
    """Return the logits of each track's windows, shape (windows, genres)."""
    settings, encoder = classifier.card.mel, classifier.card.encoder
    return [
        classifier.window_logits(
            track.windows(settings), encoded_windows(track, settings, encoder.patches) if encoder else None
        )
        for track in tqdm(tracks, f"predicting with {classifier.card.name}", unit="track")
    ]


def track_probabilities(logits: Sequence[Floats], temperature: float) -> NDArray[np.float64]:
    """Return each track's probabilities as they are served, shape (tracks, genres): the mean over its windows."""
    return np.stack([softmax(windows / temperature).mean(axis=0) for windows in logits])


def fit_temperature(logits: Sequence[Floats], truth: Sequence[int]) -> float:
    """Return the temperature, 0.1 to 10, that leaves the least log loss per track, to four digits."""
    bar = tqdm(desc="calibrating", unit="step")

    def log_loss(log_temperature: float) -> float:
        bar.update()
        probabilities = track_probabilities(logits, np.exp(log_temperature))
        return float(-np.log(probabilities[np.arange(len(truth)), truth]).mean())

    bounds = np.log([_LEAST_TEMPERATURE, _GREATEST_TEMPERATURE])
    with bar:
        return round(float(np.exp(minimize_scalar(log_loss, bounds=bounds, method="bounded").x)), 4)


def choose_threshold(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the threshold that keeps 95% of the right answers, or one more; 0 if no answer is right.

    No lower one: a threshold is there for wrong predictions and for sound that is not music.
    """
    if not right.any():
        return 0.0
    kept = np.quantile(confidence[right], 1 - RIGHT_KEPT, method="lower")
    return float(np.floor(kept * 10_000) / 10_000)


def reliability(confidence: Floats, right: NDArray[np.bool_]) -> Calibration:
    """Return how far the confidence of answers, shape (tracks,), is from how many are right."""
    numbers = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = [
        Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for inside in (numbers == number for number in np.unique(numbers))
    ]
    error = sum(part.tracks * abs(part.confidence - part.accuracy) for part in bins) / len(confidence)
    return Calibration(error, bins)


def coverage(confidence: Floats, right: NDArray[np.bool_], threshold: float) -> Coverage:
    """Return the figures of a threshold for predictions with that confidence, shape (tracks,)."""
    answered = confidence >= threshold
    return Coverage(
        threshold,
        float(answered.mean()),
        float(right[answered].mean()) if answered.any() else None,
        float(answered[right].mean()) if right.any() else 1.0,
    )

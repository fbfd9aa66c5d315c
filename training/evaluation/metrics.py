"""Evaluation of a bundle on tracks that it was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix

from inference.card import ModelCard, Scores
from inference.classifier import GenreClassifier
from training.data.groups import count_songs
from training.data.tracks import Track
from training.evaluation.calibration import (
    THRESHOLDS,
    Calibration,
    Coverage,
    coverage,
    reliability,
    track_logits,
    track_probabilities,
    true_genres,
)

# The quantile of the normal distribution between whose positive and negative lie 95%.
_Z95 = 1.959964


@dataclass(frozen=True)
class Evaluation:
    """How well answers fit the truth, one prediction per track.

    `ci95` holds the bounds of accuracy's 95% interval (see `wilson_interval`), as wide as if each of the `songs` were
    asked once: of own music, several tracks may be pieces of one. `confusion` counts tracks, with a row a
    true genre and a column an answer, in the order of `genres`. `right` says of each track whether its most probable
    genre is the true one, in the order of the tracks.

    `calibration` is that of the probabilities as they are served, `calibration_before` that without the temperature.
    `served` has the figures of the card's own threshold, `coverage` of every twentieth, as far as a track is answered.
    Answers without probabilities have none of these.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    ci95: tuple[float, float]
    tracks: int
    songs: int
    genres: tuple[str, ...]
    confusion: list[list[int]]
    right: list[bool] = field(repr=False)
    calibration: Calibration | None = None
    calibration_before: Calibration | None = None
    served: Coverage | None = None
    coverage: list[Coverage] = field(default_factory=list)

    def scores(self) -> Scores:
        """Return the part of it that a model card has."""
        return Scores(round(self.accuracy, 4), round(self.macro_f1, 4), self.tracks)

    def __str__(self) -> str:
        low, high = self.ci95
        figures = (
            f"accuracy {self.accuracy:.3f} (95% interval {low:.3f} to {high:.3f}), macro precision "
            f"{self.macro_precision:.3f}, recall {self.macro_recall:.3f}, F1 {self.macro_f1:.3f}, {self.tracks} tracks"
            f"{f' of {self.songs} songs' if self.songs < self.tracks else ''}"
        )
        if self.calibration and self.calibration_before and self.served:
            sure = "" if self.served.accuracy is None else f", {self.served.accuracy:.3f} of them right"
            figures += (
                f"; calibration error {self.calibration.error:.3f} ({self.calibration_before.error:.3f} without the "
                f"temperature); sure of {self.served.answered:.3f} of the tracks{sure}"
            )
        return figures


def evaluate(classifier: GenreClassifier, tracks: Sequence[Track]) -> Evaluation:
    """Return how well a loaded bundle predicts tracks: the mean over a track's windows, as it is served.

    Raises BadData for a track of a genre that the bundle does not have.
    """
    truth = true_genres(classifier.card, tracks)
    return evaluate_logits(classifier.card, track_logits(classifier, tracks), truth, count_songs(tracks))


def evaluate_logits(
    card: ModelCard, logits: Sequence[NDArray[np.floating]], truth: Sequence[int], songs: int
) -> Evaluation:
    """Return how well the logits of tracks, each (windows, genres), fit their true genres, given by number."""
    before = track_probabilities(logits, 1.0)
    probabilities = track_probabilities(logits, card.temperature)
    confidence, answers = probabilities.max(axis=1), probabilities.argmax(axis=1)
    return replace(
        compare(card.genres, truth, answers, songs),
        calibration=reliability(confidence, answers == truth),
        calibration_before=reliability(before.max(axis=1), before.argmax(axis=1) == truth),
        served=coverage(confidence, answers == truth, card.abstain_threshold),
        coverage=[coverage(confidence, answers == truth, step) for step in THRESHOLDS if step <= confidence.max()],
    )


def compare(genres: Sequence[str], truth: Sequence[int], answers: ArrayLike, songs: int | None = None) -> Evaluation:
    """Return how well answers fit the truth, both as indices into genres; a genre without a track does not count.

    `songs` is how many songs the tracks are, if some are pieces of one.
    """
    confusion = confusion_matrix(truth, answers, labels=range(len(genres)))
    precision, recall, f1 = macro_scores(confusion)
    right = np.asarray(truth) == np.asarray(answers)
    return Evaluation(
        accuracy=float(right.mean()),
        macro_precision=precision,
        macro_recall=recall,
        macro_f1=f1,
        ci95=wilson_interval(float(right.mean()), songs or len(right)),
        tracks=len(right),
        songs=songs or len(right),
        genres=tuple(genres),
        confusion=confusion.tolist(),
        right=right.tolist(),
    )


def macro_scores(confusion: NDArray[np.int64]) -> tuple[float, float, float]:
    """Return the means of precision, recall and F1 over the genres that have tracks, from true rows and answer columns.

    A genre that is never answered has a precision of 0.
    """
    true, answered, hits = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    scores = np.stack(
        [hits / np.maximum(answered, 1), hits / np.maximum(true, 1), 2 * hits / np.maximum(true + answered, 1)]
    )
    precision, recall, f1 = scores[:, true > 0].mean(axis=1)
    return float(precision), float(recall), float(f1)


def wilson_interval(accuracy: float, tracks: int) -> tuple[float, float]:
    """Return the bounds of the 95% interval of an accuracy over some tracks (Wilson, 1927, doi 10.2307/2276774).

    It holds for few tracks, too: of 8 that are all right, it is 0.676 to 1.
    """
    shrunk = 1 + _Z95**2 / tracks
    middle = (accuracy + _Z95**2 / (2 * tracks)) / shrunk
    half = _Z95 * np.sqrt(accuracy * (1 - accuracy) / tracks + _Z95**2 / (4 * tracks**2)) / shrunk
    return round(max(0.0, float(middle - half)), 4), round(min(1.0, float(middle + half)), 4)

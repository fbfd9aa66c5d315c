"""What a bundle is worth: its answers on tracks it has not learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from tqdm import tqdm

from inference.card import Scores
from inference.classifier import GenreClassifier
from training.tracks import BadData, Track

_RESAMPLINGS = 2000


@dataclass(frozen=True)
class Evaluation:
    """How well answers fit the truth, one answer a track.

    `ci95` holds the bounds of accuracy's 95 % interval, by bootstrap over tracks (Efron, 1979). `confusion` counts
    tracks, with a row a true genre and a column an answer, in the order of `genres`.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    ci95: tuple[float, float]
    tracks: int
    genres: tuple[str, ...]
    confusion: list[list[int]]

    def scores(self) -> Scores:
        """Return the part of it that a model card has."""
        return Scores(round(self.accuracy, 4), round(self.macro_f1, 4), self.tracks)

    def __str__(self) -> str:
        low, high = self.ci95
        return (
            f"accuracy {self.accuracy:.3f} (95 % interval {low:.3f} to {high:.3f}), macro precision "
            f"{self.macro_precision:.3f}, recall {self.macro_recall:.3f}, F1 {self.macro_f1:.3f}, {self.tracks} tracks"
        )


def evaluate(classifier: GenreClassifier, tracks: Sequence[Track]) -> Evaluation:
    """Return how well a loaded bundle answers for tracks: the mean over a track's windows, as it is served.

    Raises BadData for a track of a genre that the bundle does not have.
    """
    genres = classifier.card.genres
    if unknown := sorted({track.genre for track in tracks} - set(genres)):
        raise BadData(f"{classifier.card.name} knows no genre {', '.join(unknown)}; it knows {', '.join(genres)}.")
    answers = [
        int(_probabilities(classifier, track).argmax())
        for track in tqdm(tracks, f"scoring {classifier.card.name}", unit="track")
    ]
    return compare(genres, [genres.index(track.genre) for track in tracks], answers)


def compare(genres: Sequence[str], truth: Sequence[int], answers: Sequence[int]) -> Evaluation:
    """Return how well answers fit the truth, both as indices into genres; a genre without a track does not count."""
    confusion = confusion_matrix(truth, answers, labels=range(len(genres)))
    precision, recall, f1 = macro_scores(confusion)
    right = np.asarray(truth) == np.asarray(answers)
    return Evaluation(
        accuracy=float(right.mean()),
        macro_precision=precision,
        macro_recall=recall,
        macro_f1=f1,
        ci95=bootstrap_interval(right),
        tracks=len(right),
        genres=tuple(genres),
        confusion=confusion.tolist(),
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


def bootstrap_interval(right: NDArray[np.number]) -> tuple[float, float]:
    """Return the bounds of the 95 % interval of a mean over tracks, shape (n,), by bootstrap (Efron, 1979)."""
    resampled = np.random.default_rng(0).choice(right, (_RESAMPLINGS, len(right))).mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def _probabilities(classifier: GenreClassifier, track: Track) -> NDArray[np.float64]:
    return np.asarray(classifier.window_probabilities(track.windows(classifier.card.mel)).mean(axis=0))

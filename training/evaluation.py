"""What a bundle is worth: its answers on tracks it has not learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
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
    labels = np.unique(np.asarray(truth))
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, answers, labels=labels, average="macro", zero_division=0
    )
    right = np.asarray(truth) == np.asarray(answers)
    resampled = np.random.default_rng(0).choice(right, (_RESAMPLINGS, len(right))).mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Evaluation(
        accuracy=float(right.mean()),
        macro_precision=float(precision),
        macro_recall=float(recall),
        macro_f1=float(f1),
        ci95=(round(float(low), 4), round(float(high), 4)),
        tracks=len(right),
        genres=tuple(genres),
        confusion=confusion_matrix(truth, answers, labels=range(len(genres))).tolist(),
    )


def _probabilities(classifier: GenreClassifier, track: Track) -> NDArray[np.float64]:
    return np.asarray(classifier.window_probabilities(track.windows(classifier.card.mel)).mean(axis=0))

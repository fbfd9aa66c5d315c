"""What a bundle is worth: its answers on tracks it has not learned from."""

import numpy as np
from sklearn.metrics import accuracy_score, f1_score
from tqdm import tqdm

from features.windows import cut_windows
from inference.card import Scores
from inference.classifier import GenreClassifier
from training.gtzan import Track


def score(classifier: GenreClassifier, tracks: list[Track]) -> Scores:
    """Return how well a loaded bundle answers, one answer a track: the mean over its windows, as it is served."""
    genres = classifier.card.genres
    answers = [
        genres[
            np.concatenate([classifier.window_probabilities(cut_windows(c, classifier.card.mel)) for c in track.clips])
            .mean(axis=0)
            .argmax()
        ]
        for track in tqdm(tracks, desc=f"scoring {classifier.card.name}", unit="track")
    ]
    truth = [track.genre for track in tracks]
    return Scores(
        accuracy=round(float(accuracy_score(truth, answers)), 4),
        macro_f1=round(float(f1_score(truth, answers, average="macro")), 4),
        tracks=len(tracks),
    )

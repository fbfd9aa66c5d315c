"""Classical models on `mel_statistics`."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tqdm import tqdm

from features.settings import MelSettings
from features.statistics import mel_statistics
from training.data.splits import Split
from training.data.tracks import Track
from training.models.classical_graphs import knn_graph, linear_graph, svm_graph
from training.models.export import check_agreement

# Chosen on GTZAN's fault-filtered validation tracks.
_COMPONENTS = 60
_MARGIN_C = 0.01
_FOLDS = 5
# Rounding to float32 adds up over the vectors: of 18,000 to 0.0009 of a probability.
_SVM_TOLERANCE = 2e-3
# Megabytes in which libsvm keeps rows of the kernel: a quarter of those of 18,000 windows.
_KERNEL_CACHE_MB = 700
_N_NEIGHBOURS = 5
# Between the distances of the last neighbour that counts and the next, far more than rounding changes.
_CLEAR_GAP = 1e-3

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


def train_svm(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph of a support vector machine (RBF, gamma scale), C chosen on the validation tracks.

    C is the one that gets most tracks right by scikit-learn's votes. Then a logistic regression turns the margins
    between pairs of genres into probabilities: the votes jump when a margin changes its sign, and the same song in
    another format could get another answer. It learns from margins of windows held out, a track's windows together.
    """
    statistics, labels, tracks = _features(split.train, genres, settings)
    held_out, *valid = _features(split.valid, genres, settings)
    scale = _scale(_COMPONENTS, statistics, seed)
    points, valid_points = scale.transform(statistics), scale.transform(held_out)
    points, steps = _rounded(points)
    fitted = {c: _svc(c).fit(points, labels) for c in tqdm([0.3, 1.0, 3.0, 10.0], "fitting", unit="model")}
    best = max(fitted, key=lambda c: _accuracy_by_track(_votes(fitted[c], valid_points), *valid))
    svm = fitted[best].set_params(decision_function_shape="ovo")
    logistic = LogisticRegression(C=_MARGIN_C, max_iter=3000).fit(
        _held_out_margins(best, points, labels, tracks, seed), labels
    )
    probabilities = logistic.predict_proba(_columns(svm.decision_function(valid_points)))
    weights = svm_graph(scale, svm, logistic, steps)
    check_agreement(weights, {"mel_statistics": held_out}, probabilities, _SVM_TOLERANCE)
    return weights


def train_logistic(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph of a logistic regression (L2, saga), C chosen on the validation tracks."""
    statistics, labels, _ = _features(split.train, genres, settings)
    held_out, *valid = _features(split.valid, genres, settings)
    scale = _scale(None, statistics, seed)
    points, valid_points = scale.transform(statistics), scale.transform(held_out)
    fitted: Mapping[float, LogisticRegression] = {
        c: LogisticRegression(C=c, solver="saga", max_iter=2000, random_state=seed).fit(points, labels)
        for c in tqdm([0.001, 0.003, 0.01, 0.03], "fitting", unit="model")
    }
    probabilities = {c: logistic.predict_proba(valid_points) for c, logistic in fitted.items()}
    best = min(fitted, key=lambda c: _log_loss_by_track(probabilities[c], *valid))
    weights = linear_graph(scale, fitted[best])
    check_agreement(weights, {"mel_statistics": held_out}, probabilities[best])
    return weights


def train_knn(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph of k nearest neighbours (5, Manhattan, weights by distance).

    The number of components is the one that gets most validation tracks right.
    """
    statistics, labels, _ = _features(split.train, genres, settings)
    held_out, *valid = _features(split.valid, genres, settings)
    fitted = {}
    for components in tqdm([10, 20, 30, 45], "fitting", unit="model"):
        scale = _scale(components, statistics, seed)
        points, steps = _rounded(scale.transform(statistics))
        knn = KNeighborsClassifier(_N_NEIGHBOURS, metric="manhattan", weights="distance").fit(points, labels)
        fitted[components] = scale, knn, steps, knn.predict_proba(scale.transform(held_out))
    scale, knn, steps, probabilities = max(fitted.values(), key=lambda model: _accuracy_by_track(model[3], *valid))
    weights = knn_graph(scale, knn, steps)
    clear = _neighbours_are_clear(knn, scale.transform(held_out))
    check_agreement(weights, {"mel_statistics": held_out[clear]}, probabilities[clear])
    return weights


def _scale(components: int | None, statistics: Features, seed: int) -> Pipeline:
    """Return a fitted transformer that standardizes statistics (n, 400) and projects them onto principal components."""
    reduction = [PCA(min(components, *statistics.shape), random_state=seed)] if components else []
    return make_pipeline(StandardScaler(), *reduction).fit(statistics)


def _rounded(points: Features) -> tuple[Features, Features]:
    """Return points (n, components) in whole steps, up to 127, and the steps (components,).

    So a graph keeps them in 8 bits. Rounded before the fit, they cost no agreement, and no accuracy on validation.
    """
    steps = np.abs(points).max(axis=0) / np.float32(127)
    return np.round(points / steps) * steps, steps


def _svc(c: float) -> SVC:
    return SVC(C=c, cache_size=_KERNEL_CACHE_MB)


def _held_out_margins(c: float, points: Features, labels: Labels, tracks: Labels, seed: int) -> Probabilities:
    """Return the margins of points (n, components) between pairs of genres, by machines fitted to other tracks."""
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed).split(points, labels, tracks)
    places, margins = [], []
    for rest, held_out in tqdm(list(folds), "cross-validating", unit="fold"):
        svm = _svc(c).set_params(decision_function_shape="ovo").fit(points[rest], labels[rest])
        places.append(held_out)
        margins.append(_columns(svm.decision_function(points[held_out])))
    return np.concatenate(margins)[np.argsort(np.concatenate(places))]


def _votes(svm: SVC, points: Features) -> Probabilities:
    """Return scikit-learn's votes (n, genres); of two genres it has the margin of the second only."""
    votes = _columns(svm.decision_function(points))
    return votes if votes.shape[1] > 1 else np.concatenate([-votes, votes], axis=1)


def _columns(margins: Probabilities) -> Probabilities:
    return margins.reshape(len(margins), -1)


def _neighbours_are_clear(knn: KNeighborsClassifier, points: Features) -> NDArray[np.bool_]:
    """Return for which points (n, components) rounding does not decide who is the last neighbour that counts, (n,)."""
    distances, _ = knn.kneighbors(points, _N_NEIGHBOURS + 1)
    return np.asarray(distances[:, -1] - distances[:, -2] > _CLEAR_GAP)


def _features(tracks: Sequence[Track], genres: Sequence[str], settings: MelSettings) -> tuple[Features, Labels, Labels]:
    """Return the statistics of all windows (n, 400), and the number of the genre and of the track of each (n,)."""
    windows = [track.windows(settings) for track in tracks]
    counts = [len(cut) for cut in windows]
    labels = np.repeat([genres.index(track.genre) for track in tracks], counts)
    return mel_statistics(np.concatenate(windows)), labels, np.repeat(np.arange(len(tracks)), counts)


def _log_loss_by_track(probabilities: Probabilities, labels: Labels, tracks: Labels) -> float:
    """Return the log loss of the tracks' mean probabilities, shape (n, genres), for windows' labels and tracks (n,)."""
    by_track, by_track_labels = _by_track(probabilities, labels, tracks)
    return float(log_loss(by_track_labels, by_track, labels=range(probabilities.shape[1])))


def _accuracy_by_track(scores: Probabilities, labels: Labels, tracks: Labels) -> float:
    """Return the share of tracks whose greatest mean score, of windows' scores (n, genres), is their genre's."""
    by_track, by_track_labels = _by_track(scores, labels, tracks)
    return float((by_track.argmax(axis=1) == by_track_labels).mean())


def _by_track(scores: Probabilities, labels: Labels, tracks: Labels) -> tuple[Probabilities, Labels]:
    """Return the mean scores (tracks, genres) and the labels (tracks,) of the windows' tracks."""
    numbers, first = np.unique(tracks, return_index=True)
    return np.stack([scores[tracks == number].mean(axis=0) for number in numbers]), labels[first]

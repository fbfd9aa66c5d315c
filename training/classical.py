"""Classical models on `mel_statistics`, each as one scikit-learn pipeline."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tqdm import tqdm

from features.mel import MelSettings
from features.statistics import mel_statistics
from training.export import check_agreement
from training.splits import Split
from training.tracks import Track

# Chosen on GTZAN's fault-filtered validation tracks.
_COMPONENTS = 60
_MARGIN_C = 0.01
_FOLDS = 5
_OPSET = 18

Features = NDArray[np.float32]
Labels = NDArray[np.int64]


def train_svm(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph of a support vector machine (RBF, gamma scale), C chosen on the validation tracks.

    A logistic regression turns its margins between pairs of genres into probabilities. The votes that scikit-learn
    would count instead jump when a margin changes its sign: the same song in another format could get another answer.
    The regression learns from margins of windows held out, a track's windows together.
    """

    def model(c: float, labels: Labels, tracks: Labels) -> ClassifierMixin:
        folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed).split(labels, labels, tracks)
        return StackingClassifier(
            [("svm", SVC(C=c, decision_function_shape="ovo"))],
            LogisticRegression(C=_MARGIN_C, max_iter=3000),
            cv=list(folds),
            stack_method="decision_function",
        )

    return _train(split, genres, settings, seed, model, [1.0, 3.0, 10.0, 30.0])


def train_logistic(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph of a logistic regression (L2, saga), C chosen on the validation tracks."""

    def model(c: float, _: Labels, __: Labels) -> ClassifierMixin:
        return LogisticRegression(C=c, solver="saga", max_iter=2000, random_state=seed)

    return _train(split, genres, settings, seed, model, [0.001, 0.003, 0.01, 0.03], components=None)


def _train(
    split: Split,
    genres: Sequence[str],
    settings: MelSettings,
    seed: int,
    model: Callable[[float, Labels, Labels], ClassifierMixin],
    grid: Sequence[float],
    components: int | None = _COMPONENTS,
) -> bytes:
    """Return the graph of the model with the C from the grid that leaves the least log loss a validation track."""
    statistics, labels, tracks = _features(split.train, genres, settings)
    scale: list[object] = [StandardScaler()]
    if components:
        scale.append(PCA(min(components, len(statistics)), random_state=seed))
    fitted: Mapping[float, Pipeline] = {
        c: make_pipeline(*scale, model(c, labels, tracks)).fit(statistics, labels)
        for c in tqdm(grid, "fitting", unit="model")
    }
    held_out, valid_labels, valid_tracks = _features(split.valid, genres, settings)
    probabilities = {c: pipeline.predict_proba(held_out) for c, pipeline in fitted.items()}
    best = min(grid, key=lambda c: _log_loss_by_track(probabilities[c], valid_labels, valid_tracks))
    weights = _export(fitted[best])
    check_agreement(weights, "mel_statistics", held_out, probabilities[best])
    return weights


def _features(tracks: Sequence[Track], genres: Sequence[str], settings: MelSettings) -> tuple[Features, Labels, Labels]:
    """Return the statistics of all windows (n, 400), and the number of the genre and of the track of each (n,)."""
    windows = [track.windows(settings) for track in tracks]
    counts = [len(cut) for cut in windows]
    labels = np.repeat([genres.index(track.genre) for track in tracks], counts)
    return mel_statistics(np.concatenate(windows)), labels, np.repeat(np.arange(len(tracks)), counts)


def _log_loss_by_track(probabilities: NDArray[np.float64], labels: Labels, tracks: Labels) -> float:
    """Return the log loss of the tracks' mean probabilities, shape (n, genres), for windows' labels and tracks (n,)."""
    numbers, first = np.unique(tracks, return_index=True)
    by_track = np.stack([probabilities[tracks == number].mean(axis=0) for number in numbers])
    return float(log_loss(labels[first], by_track, labels=range(probabilities.shape[1])))


def _export(pipeline: Pipeline) -> bytes:
    """Return the pipeline as a graph that ends in logarithms of probabilities, which softmax turns back into them."""
    inputs = [("mel_statistics", FloatTensorType([None, pipeline.n_features_in_]))]
    model = to_onnx(pipeline, initial_types=inputs, options={"zipmap": False}, target_opset=_OPSET)
    graph = model.graph
    probabilities = graph.output[1].name
    graph.initializer.append(helper.make_tensor("least", TensorProto.FLOAT, [], [1e-7]))
    graph.node.append(helper.make_node("Max", [probabilities, "least"], ["positive"]))
    graph.node.append(helper.make_node("Log", ["positive"], ["logits"]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, len(pipeline.classes_)]))
    checker.check_model(model)
    return bytes(model.SerializeToString())

"""A support vector machine on `mel_statistics`, as one scikit-learn pipeline."""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from features.mel import MelSettings
from features.statistics import mel_statistics
from features.windows import cut_windows
from training.export import check_agreement
from training.gtzan import GENRES, Track

# Chosen on the validation tracks of the fault-filtered split.
_C = 10.0
_COMPONENTS = 60
_LOGISTIC_C = 0.01
_FOLDS = 5
_OPSET = 18


def train_svm(tracks: list[Track], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph, "mel_statistics" -> "logits", fitted on all windows of the training tracks."""
    by_clip = [(number, track.genre, clip) for number, track in enumerate(tracks) for clip in track.clips]
    windows = [cut_windows(clip, settings) for _, _, clip in by_clip]
    counts = [len(cut) for cut in windows]
    numbers = np.repeat([number for number, _, _ in by_clip], counts)
    genres = np.repeat([GENRES.index(genre) for _, genre, _ in by_clip], counts)
    statistics = mel_statistics(np.concatenate(windows))
    pipeline = _fit(statistics, genres, numbers, seed)
    weights = _export(pipeline)
    check_agreement(weights, "mel_statistics", statistics, pipeline.predict_proba(statistics))
    return weights


def _fit(statistics: NDArray[np.float32], genres: NDArray[np.int64], tracks: NDArray[np.int64], seed: int) -> Pipeline:
    """Return the machine, with a logistic regression that turns its margins between pairs of genres into probabilities.

    The votes that scikit-learn would count instead jump when a margin changes its sign: the same song in another
    format could get another answer. The regression learns from margins of windows held out, a track's windows together.
    """
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed).split(statistics, genres, tracks)
    machine = StackingClassifier(
        [("svm", SVC(C=_C, decision_function_shape="ovo"))],
        LogisticRegression(C=_LOGISTIC_C, max_iter=3000),
        cv=list(folds),
        stack_method="decision_function",
    )
    return make_pipeline(StandardScaler(), PCA(min(_COMPONENTS, len(statistics)), random_state=seed), machine).fit(
        statistics, genres
    )


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

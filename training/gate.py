"""A gate before any model: what does not sound like music gets no genre.

P(genre | window) = P(music | window) · P(genre | window, music) + (1 - P(music | window)) / genres

P(music | window) is a logistic regression on `mel_statistics`, standardised over songs, and on their absolute values:
how far out a statistic lies tells more than on which side. It learns from the songs and from generated sounds (outlier
exposure, see `training/non_music.py`). Which genre is the most probable, the gate does not change.
"""

from collections.abc import Sequence

import numpy as np
import onnx
import onnx.utils
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from features.settings import MelSettings
from features.statistics import mel_statistics
from features.windows import cut_windows
from inference.classifier import OUTPUT
from training.non_music import non_music_clips
from training.tracks import Track

_INPUT = "mel_statistics"
_GENRE_LOGITS = "genre_logits"
# Chosen by GTZAN's fault-filtered validation songs, and by kinds of generated sound held out in turn.
_NON_MUSIC_CLIPS = 400
_C = 0.01
# Of a probability, so that it has a logarithm.
_LEAST = 1e-7


def add_gate(weights: bytes, tracks: Sequence[Track], settings: MelSettings) -> bytes:
    """Return a bundle's graph with the gate in it, which learns from the tracks; it also takes "mel_statistics"."""
    songs = mel_statistics(np.concatenate([track.windows(settings) for track in tracks]))
    clips = non_music_clips(settings, _NON_MUSIC_CLIPS, seed=0)
    others = mel_statistics(np.concatenate([cut_windows(clip, settings) for clip in clips]))
    return _with_gate(weights, *_fit(songs, others))


def before_gate(weights: bytes, inputs: Sequence[str]) -> bytes:
    """Return the graph that a gate was added to, which takes these inputs."""
    model = onnx.load_from_string(weights)
    (logits,) = model.graph.output
    logits.name = _GENRE_LOGITS
    extracted = onnx.utils.Extractor(model).extract_model(list(inputs), [_GENRE_LOGITS])
    extracted.graph.output[0].name = OUTPUT
    extracted.graph.node.append(helper.make_node("Identity", [_GENRE_LOGITS], [OUTPUT]))
    return bytes(extracted.SerializeToString())


def _fit(songs: NDArray[np.float32], others: NDArray[np.float32]) -> tuple[NDArray[np.floating], ...]:
    """Return what standardises statistics (k,), (k,), and what weighs them and their absolute values (2k, 1), (1,)."""
    standardise = StandardScaler().fit(songs)
    regression = make_pipeline(
        FunctionTransformer(lambda values: np.concatenate([values, np.abs(values)], axis=1)),
        StandardScaler(),
        LogisticRegression(C=_C, class_weight="balanced", max_iter=2000),
    )
    statistics = standardise.transform(np.concatenate([songs, others]))
    regression.fit(statistics, np.repeat([1, 0], [len(songs), len(others)]))
    _, scaler, logistic = (step for _, step in regression.steps)
    weights = logistic.coef_[0] / scaler.scale_
    bias = logistic.intercept_ - weights @ scaler.mean_
    return standardise.mean_, standardise.scale_, weights[:, None], bias


def _with_gate(
    model_bytes: bytes,
    means: NDArray[np.floating],
    spreads: NDArray[np.floating],
    weights: NDArray[np.floating],
    bias: NDArray[np.floating],
) -> bytes:
    model = onnx.load_from_string(model_bytes)
    graph = model.graph
    (logits,) = graph.output
    for node in graph.node:
        node.output[:] = [_GENRE_LOGITS if name == OUTPUT else name for name in node.output]
        node.input[:] = [_GENRE_LOGITS if name == OUTPUT else name for name in node.input]
    if _INPUT not in [graph_input.name for graph_input in graph.input]:
        graph.input.append(helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, ["n", len(means)]))
    n_genres = logits.type.tensor_type.shape.dim[1].dim_value
    constants = {
        "gate_means": means,
        "gate_spreads": spreads,
        "gate_weights": weights,
        "gate_bias": bias,
        "gate_genres": np.asarray(n_genres),
        "gate_least": np.asarray(_LEAST),
    }
    for name, value in constants.items():
        graph.initializer.append(onnx.numpy_helper.from_array(value.astype(np.float32), name))
    steps = [
        ("Sub", [_INPUT, "gate_means"], "gate_centred"),
        ("Div", ["gate_centred", "gate_spreads"], "gate_standardised"),
        ("Abs", ["gate_standardised"], "gate_absolute"),
        ("Concat", ["gate_standardised", "gate_absolute"], "gate_statistics"),
        ("Gemm", ["gate_statistics", "gate_weights", "gate_bias"], "gate_logit"),
        ("Sigmoid", ["gate_logit"], "gate_music"),
        ("Softmax", [_GENRE_LOGITS], "gate_genre_if_music"),
        ("Mul", ["gate_genre_if_music", "gate_music"], "gate_genre_and_music"),
        # 1 - sigmoid(x), without the loss of what is small.
        ("Neg", ["gate_logit"], "gate_negated"),
        ("Sigmoid", ["gate_negated"], "gate_other"),
        ("Div", ["gate_other", "gate_genres"], "gate_share"),
        ("Add", ["gate_genre_and_music", "gate_share"], "gate_probabilities"),
        ("Max", ["gate_probabilities", "gate_least"], "gate_positive"),
        ("Log", ["gate_positive"], OUTPUT),
    ]
    for operator, inputs, output in steps:
        node = helper.make_node(operator, inputs, [output])
        if operator in ("Concat", "Softmax"):
            node.attribute.append(helper.make_attribute("axis", 1))
        graph.node.append(node)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())

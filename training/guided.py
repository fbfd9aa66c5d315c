"""The perceptron with more to see, band by band, and more to learn: embeddings of the audio beside the genre.

The embeddings are the output of a network with more training than ours for the real audio (privileged information:
Vapnik and Vashist, 2009, doi 10.1016/j.neunet.2009.06.042). They shape the hidden layer and are not needed to answer.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from features.settings import MelSettings
from inference.classifier import INPUTS, softmax
from training.export import Inputs, check_agreement, halve, parse_graph
from training.perceptron import (
    LABEL_SMOOTHING,
    MOST_DEVIATIONS,
    WINDOWS_PER_CLIP,
    Floats,
    augment,
    genre_targets,
    learn,
)
from training.splits import Split
from training.tracks import Track

# Of the embeddings' mean squared error, in standard deviations, beside the genre's cross-entropy. Compared with 1 and
# 10 by cross-validation over artists, on FMA-Small's tracks that are on no test side of block-random and official.
_EMBEDDING_WEIGHT = 3.0

_GRAPH = """
model (
    float[n, {bands}, {frames}, 1] windows,
    float[n, {statistics}] mel_statistics,
    float[n, {modulations}] mel_modulations
) => (float[n, {genres}] logits) {{
    level = ReduceMean (windows, time_axis)
    swing = Sub (windows, level)
    power = Mul (swing, swing)
    variance = ReduceMean (power, time_axis)
    spread = Sqrt (variance)
    levels = Flatten (level)
    spreads = Flatten (spread)
    numbers = Concat <axis = 1> (mel_statistics, mel_modulations, levels, spreads)
    centred = Sub (numbers, mean)
    scaled = Div (centred, deviation)
    points = Clip (scaled, least, most)
    products = MatMul (points, hidden_weights)
    sums = Add (products, hidden_bias)
    hidden = Relu (sums)
    outputs = MatMul (hidden, output_weights)
    logits = Add (outputs, output_bias)
}}
"""


def train_guided(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph of a perceptron, "windows", "mel_statistics" and "mel_modulations" -> "logits".

    It learns as `train_perceptron`; all training tracks must have embeddings.
    """
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    numbers = augment(split.train, settings, random, _describe)
    mean, deviation = numbers.mean(axis=0), numbers.std(axis=0) + np.float32(1e-6)
    points = np.clip((numbers - mean) / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    targets = np.concatenate([genre_targets(split.train, genres), _embeddings(split.train)], axis=1)
    network = learn(points, np.repeat(targets, WINDOWS_PER_CLIP, axis=0), _loss(len(genres)), random)
    windows = np.concatenate([track.windows(settings) for track in split.valid])
    held_out = _inputs(windows)
    hidden_weights, hidden_bias, output_weights, output_bias = network.get_weights()
    tables = {
        "time_axis": np.array([2]),
        "mean": mean,
        "deviation": deviation,
        "least": np.float32(-MOST_DEVIATIONS),
        "most": np.float32(MOST_DEVIATIONS),
        "hidden_weights": hidden_weights,
        "hidden_bias": hidden_bias,
        "output_weights": output_weights[:, : len(genres)],
        "output_bias": output_bias[: len(genres)],
    }
    weights = parse_graph(
        _GRAPH,
        tables,
        bands=windows.shape[1],
        frames=windows.shape[2],
        statistics=held_out["mel_statistics"].shape[1],
        modulations=held_out["mel_modulations"].shape[1],
        genres=len(genres),
    )
    points = np.clip((_describe(windows) - mean) / deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    check_agreement(weights, held_out, softmax(network.predict(points, verbose=0)[:, : len(genres)]))
    return halve(weights, held_out)


def _inputs(windows: Floats) -> Inputs:
    return {name: INPUTS[name](windows) for name in ("windows", "mel_statistics", "mel_modulations")}


def _describe(windows: Floats) -> Floats:
    """Return statistics, modulations, and mean and spread of each band, shape (n, bands, frames, 1) -> (n, numbers)."""
    inputs = _inputs(windows)
    bands = windows[..., 0]
    parts = (inputs["mel_statistics"], inputs["mel_modulations"], bands.mean(axis=-1), bands.std(axis=-1))
    return np.concatenate(parts, axis=1)


def _embeddings(tracks: Sequence[Track]) -> Floats:
    """Return the embedding of each clip's track, each number standardised, shape (clips, size)."""
    embeddings = np.stack([track.embedding for track in tracks for _ in track.clips if track.embedding is not None])
    return np.asarray((embeddings - embeddings.mean(axis=0)) / (embeddings.std(axis=0) + np.float32(1e-6)))


def _loss(genres: int) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Return the loss of outputs that are logits of genres, and after them an embedding."""

    def loss(targets: keras.KerasTensor, outputs: keras.KerasTensor) -> keras.KerasTensor:
        by_genre = keras.losses.categorical_crossentropy(
            targets[:, :genres], outputs[:, :genres], from_logits=True, label_smoothing=LABEL_SMOOTHING
        )
        by_embedding = ops.mean(ops.square(targets[:, genres:] - outputs[:, genres:]), axis=-1)
        return by_genre + _EMBEDDING_WEIGHT * by_embedding

    return loss

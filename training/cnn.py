"""A small convolutional network over windows: it folds the bands away step by step, then pools over time."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import onnx
from keras import layers
from numpy.typing import NDArray
from tqdm import tqdm

from features.mel import MelSettings
from inference.classifier import softmax
from training.export import check_agreement
from training.splits import Split
from training.tracks import Track

# Chosen on the validation tracks of the fault-filtered split.
_BATCH_SIZE = 32
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 1e-2
_DROPOUT = 0.3
_LABEL_SMOOTHING = 0.1
_OPSET = 15


def train_cnn(split: Split, genres: Sequence[str], settings: MelSettings, seed: int, steps: int = 1300) -> bytes:
    """Return an ONNX graph, "windows" -> "logits", trained on `steps` batches of augmented crops."""
    keras.utils.set_random_seed(seed)
    model = _build(settings, len(genres))
    warmup_steps = steps // 10
    learning_rate = keras.optimizers.schedules.CosineDecay(
        _LEARNING_RATE / 20,
        steps - warmup_steps,
        alpha=0.01,
        warmup_target=_LEARNING_RATE,
        warmup_steps=warmup_steps,
    )
    model.compile(
        keras.optimizers.AdamW(learning_rate, weight_decay=_WEIGHT_DECAY),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_LABEL_SMOOTHING),
    )
    batches = islice(_batches(split.train, genres, settings, seed), steps)
    for crops, one_hot in tqdm(batches, "training", steps, unit="batch"):
        model.train_on_batch(crops, one_hot)
    weights = _export(model)
    check_agreement(weights, "windows", crops, softmax(model.predict(crops, verbose=0)))
    return weights


def _build(settings: MelSettings, n_genres: int) -> keras.Model:
    windows = keras.Input((settings.n_mels, settings.window_frames, 1), name="windows")
    x = layers.Rescaling(4.0, -2.0)(windows)
    x = layers.MaxPooling2D((2, 2))(_convolve(x, 32, (3, 3), strides=(2, 1)))
    x = layers.MaxPooling2D((2, 2))(_convolve(x, 48, (3, 3)))
    x = layers.MaxPooling2D((4, 2))(_convolve(x, 64, (3, 3)))
    x = _convolve(x, 96, (4, 3))
    # As tall as what is left of the bands: the network may place a genre's tones, but not its moments.
    x = _convolve(x, 96, (x.shape[1], 1), padding="valid")
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    return keras.Model(windows, layers.Dense(n_genres, name="logits")(layers.Dropout(_DROPOUT)(x)))


def _convolve(
    x: keras.KerasTensor,
    filters: int,
    kernel: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    padding: str = "same",
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False)(x)
    # Keras' momentum of 0.99 needs more steps than an epoch has here.
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def _batches(
    tracks: Sequence[Track], genres: Sequence[str], settings: MelSettings, seed: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield crops (32, n_mels, window_frames, 1) and one-hot genres (32, genres) without end, each clip in its turn."""
    rng = np.random.default_rng(seed)
    clips = [(clip, genres.index(track.genre)) for track in tracks for clip in track.clips]
    one_hot = np.eye(len(genres), dtype=np.float32)
    queue: list[int] = []
    while True:
        while len(queue) < _BATCH_SIZE:
            queue.extend(rng.permutation(len(clips)).tolist())
        batch, queue = [clips[number] for number in queue[:_BATCH_SIZE]], queue[_BATCH_SIZE:]
        crops = np.stack([_augmented_crop(clip, settings.window_frames, rng) for clip, _ in batch])
        yield crops[..., None], one_hot[[genre for _, genre in batch]]


def _augmented_crop(clip: NDArray[np.float32], frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a random window of a clip, shape (n_mels, t) -> (n_mels, frames), changed as recordings differ.

    Played slower or faster, begun elsewhere, transposed by up to 3 bands, equalised, turned up or down; and with some
    bands and some frames masked (SpecAugment, Park et al. 2019).
    """
    bands = len(clip)
    played = rng.integers(round(0.8 * frames), round(1.2 * frames)) if rng.random() < 0.5 else frames
    start = rng.integers(0, max(0, clip.shape[1] - played) + 1)
    columns = (start + np.linspace(0, played - 1, frames).round().astype(int)) % clip.shape[1]
    rows = np.clip(np.arange(bands) - rng.integers(-3, 4), 0, bands - 1)
    crop = np.roll(clip[np.ix_(rows, columns)], rng.integers(frames), axis=1)
    equaliser = np.interp(np.arange(bands), np.linspace(0, bands - 1, 6), rng.normal(0, 0.06, 6))[:, None]
    crop = np.clip(crop * rng.uniform(0.85, 1.15) + rng.uniform(-0.075, 0.075) + equaliser, 0, 1)
    level = crop.mean()
    height, width = rng.integers(0, bands // 8 + 1), rng.integers(0, frames // 5)
    top, left = rng.integers(0, bands - height), rng.integers(0, frames - width)
    crop[top : top + height] = level
    crop[:, left : left + width] = level
    return crop.astype(np.float32)


def _export(model: keras.Model) -> bytes:
    """Return the network as a graph with the names a bundle's graph must have, for any number of windows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(path, format="onnx", opset_version=_OPSET, verbose=False)
        exported = onnx.load(path)
    (windows,), (logits,) = exported.graph.input, exported.graph.output
    for node in exported.graph.node:
        node.output[:] = ["logits" if name == logits.name else name for name in node.output]
    logits.name = "logits"
    for value in (windows, logits):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.checker.check_model(exported, full_check=True)
    return bytes(exported.SerializeToString())

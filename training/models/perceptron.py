"""A fast model: a perceptron with one hidden layer on statistics and modulations, learned from augmented windows."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from features.settings import MelSettings
from inference.classifier import INPUTS, softmax
from training.data.splits import Split
from training.data.tracks import Track
from training.models.backend import keras, layers
from training.models.export import Inputs, check_agreement, parse_graph, to_float16
from training.progress import fit_progress

# Compared on GTZAN's fault-filtered and FMA-Small's block-random training and validation tracks.
_WINDOWS_PER_CLIP = 12
_HIDDEN_UNITS = 256
_INPUT_DROPOUT = 0.3
_HIDDEN_DROPOUT = 0.5
# As many as show each window ten times, within these bounds.
_STEPS = (1500, 4000)
_WARMUP_STEPS = 100
_BATCH_SIZE = 128
_LEARNING_RATE = 2e-3
_WEIGHT_DECAY = 0.1
_LABEL_SMOOTHING = 0.05
# Mixup's beta distribution (Zhang et al., 2018, arXiv 1710.09412).
_MIXUP = 0.2
# Standard deviations beyond which a number of the description says no more.
_MOST_DEVIATIONS = 5.0

# The most that augmentation changes a window by: tempo and gain as parts, pitch in bands, levels of full scale.
_TEMPO = 0.2
_PITCH_BANDS = 3
_GAIN = 0.15
_LEVEL = 0.075
# The standard deviation, of full scale, of an equaliser's points.
_EQUALISER = 0.06
_EQUALISER_POINTS = 6

_GRAPH = """
model (float[n, {statistics}] mel_statistics, float[n, {modulations}] mel_modulations) => (float[n, {genres}] logits) {{
    numbers = Concat <axis = 1> (mel_statistics, mel_modulations)
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

Floats = NDArray[np.float32]


def train_perceptron(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph of a perceptron, "mel_statistics" and "mel_modulations" -> "logits".

    It learns batches of augmented windows of the training tracks, with mixup, smoothed labels and dropout; nothing
    is chosen on the validation tracks.
    """
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    numbers = _augmented(split.train, settings, random)
    targets = np.repeat(_targets(split.train, genres), _WINDOWS_PER_CLIP, axis=0)
    mean, deviation = numbers.mean(axis=0), numbers.std(axis=0) + np.float32(1e-6)
    network = keras.Sequential(
        [
            keras.Input(numbers.shape[1:]),
            layers.Dropout(_INPUT_DROPOUT),
            layers.Dense(_HIDDEN_UNITS, activation="relu"),
            layers.Dropout(_HIDDEN_DROPOUT),
            layers.Dense(len(genres)),
        ]
    )
    points = np.clip((numbers - mean) / deviation, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
    steps = int(np.clip(10 * len(points) // _BATCH_SIZE, *_STEPS))
    rate = keras.optimizers.schedules.CosineDecay(
        _LEARNING_RATE / 20, steps - _WARMUP_STEPS, warmup_target=_LEARNING_RATE, warmup_steps=_WARMUP_STEPS
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=_WEIGHT_DECAY, beta_2=0.99),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=_LABEL_SMOOTHING),
    )
    with fit_progress() as progress:
        network.fit(_Mixtures(points, targets, steps, random), callbacks=[progress], verbose=0)
    held_out = _inputs(np.concatenate([track.windows(settings) for track in split.valid or split.test]))
    weights = _graph(network, mean, deviation, {name: numbers.shape[1] for name, numbers in held_out.items()})
    points = np.clip((_joined(held_out) - mean) / deviation, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)
    check_agreement(weights, held_out, softmax(network.predict(points, verbose=0)))
    return to_float16(weights, held_out)


class _Mixtures(keras.utils.PyDataset):
    """Batches of points (128, numbers) and targets (128, genres), each mixed from two that were drawn at random."""

    def __init__(self, points: Floats, targets: Floats, steps: int, random: np.random.Generator) -> None:
        super().__init__()
        self._points, self._targets, self._steps, self._random = points, targets, steps, random

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, _: int) -> tuple[Floats, Floats]:
        one, other = self._random.integers(len(self._points), size=(2, _BATCH_SIZE))
        share = self._random.beta(_MIXUP, _MIXUP, (_BATCH_SIZE, 1)).astype(np.float32)
        points = share * self._points[one] + (1 - share) * self._points[other]
        return points, share * self._targets[one] + (1 - share) * self._targets[other]


def _targets(tracks: Sequence[Track], genres: Sequence[str]) -> Floats:
    """Return the probabilities of genres to learn for each clip, shape (clips, genres)."""
    return np.eye(len(genres), dtype=np.float32)[[genres.index(track.genre) for track in tracks for _ in track.clips]]


def _augmented(tracks: Sequence[Track], settings: MelSettings, random: np.random.Generator) -> Floats:
    """Return the numbers of augmented windows, clip after clip, shape (clips * 12, numbers)."""
    numbers = []
    for track in tqdm(tracks, "augmenting", unit="track"):
        for clip in track.clips:
            windows = np.stack([_window(clip, settings.window_frames, random) for _ in range(_WINDOWS_PER_CLIP)])
            numbers.append(_joined(_inputs(windows[..., None])))
    return np.concatenate(numbers)


def _inputs(windows: Floats) -> dict[str, Floats]:
    return {name: INPUTS[name](windows) for name in ("mel_statistics", "mel_modulations")}


def _joined(inputs: Inputs) -> Floats:
    return np.concatenate(list(inputs.values()), axis=1)


def _window(clip: Floats, frames: int, random: np.random.Generator) -> Floats:
    """Return a window (n_mels, frames) from anywhere in a clip, in another tempo, pitch, gain, level and equalisation.

    Beyond the clip's end, it continues with the beginning.
    """
    n_mels = len(clip)
    played = round(frames * random.uniform(1 - _TEMPO, 1 + _TEMPO))
    columns = random.integers(max(1, clip.shape[1] - played + 1)) + np.linspace(0, played - 1, frames).round()
    bands = np.clip(np.arange(n_mels) - random.integers(-_PITCH_BANDS, _PITCH_BANDS + 1), 0, n_mels - 1)
    window = clip[np.ix_(bands, columns.astype(np.intp) % clip.shape[1])]
    curve = random.normal(0, _EQUALISER, _EQUALISER_POINTS)
    level = np.interp(np.linspace(0, _EQUALISER_POINTS - 1, n_mels), np.arange(_EQUALISER_POINTS), curve)
    level += random.uniform(-_LEVEL, _LEVEL)
    changed = window * random.uniform(1 - _GAIN, 1 + _GAIN) + level[:, None]
    return np.clip(changed, 0, 1).astype(np.float32)


def _graph(network: keras.Model, mean: Floats, deviation: Floats, numbers: Mapping[str, int]) -> bytes:
    hidden_weights, hidden_bias, output_weights, output_bias = network.get_weights()
    tables = {
        "mean": mean,
        "deviation": deviation,
        "least": np.float32(-_MOST_DEVIATIONS),
        "most": np.float32(_MOST_DEVIATIONS),
        "hidden_weights": hidden_weights,
        "hidden_bias": hidden_bias,
        "output_weights": output_weights,
        "output_bias": output_bias,
    }
    return parse_graph(
        _GRAPH,
        tables,
        statistics=numbers["mel_statistics"],
        modulations=numbers["mel_modulations"],
        genres=len(output_bias),
    )

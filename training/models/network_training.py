"""How networks learn: with the study's settings, from windows and changed copies of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.settings import MelSettings
from features.windows import cut_windows
from training.data.splits import Split
from training.data.tracks import Track
from training.models.augmentation import augmented_tracks
from training.models.backend import keras, tf
from training.models.checkpoint import Checkpoint
from training.progress import fit_progress

EPOCHS = 50
_BATCH_SIZE = 32
_LEARNING_RATE = 1e-3
# The loss begins to grow, as answers become too sure, while more of them are right; a temperature mends that later.
_WATCHED = "val_accuracy"
_CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")
# The share of windows that are augmented.
_AUGMENTED = 0.5
# Changed copies of each song that is there as audio.
_COPIES = 4
# What pictures are moved by at most, in bands, and the largest standard deviation of their noise, of full scale.
_PITCH_BANDS = 3
_NOISE = 0.05

Floats = NDArray[np.float32]
Build = Callable[[MelSettings, int], keras.Model]


@dataclass(frozen=True)
class Learned:
    """A network with the weights of its best epoch.

    `curves` has "loss", "accuracy", "val_loss" and "val_accuracy" after each epoch.
    """

    network: keras.Model
    curves: dict[str, list[float]]


def learn(
    build: Build,
    split: Split,
    genres: Sequence[str],
    settings: MelSettings,
    seed: int,
    folder: Path,
    epochs: int = EPOCHS,
) -> Learned:
    """Return the network as it was after the epoch with the most right windows of the validation tracks.

    Categorical cross-entropy, batches of 32, Adam at 1e-3: halved after 3 epochs without progress, ended after 7 or
    `epochs`. A call that was interrupted goes on after the last whole epoch when it is repeated with the same `folder`,
    which must be this call's alone, and ends in the same network, bit for bit.
    """
    keras.utils.set_random_seed(seed)
    # Costs 2 to 4% of the CPU time.
    tf.config.experimental.enable_op_determinism()
    network = build(settings, len(genres))
    network.compile(
        keras.optimizers.Adam(_LEARNING_RATE),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    counters = [
        keras.callbacks.ReduceLROnPlateau(_WATCHED, mode="max", patience=3, factor=0.5),
        keras.callbacks.EarlyStopping(_WATCHED, mode="max", patience=7),
    ]
    checkpoint = Checkpoint(folder / "checkpoint.npz", _WATCHED, counters)
    if not checkpoint.has_ended(epochs):
        batches = _Batches(split.train, genres, settings, seed)
        begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: batches.begin(epoch))
        with fit_progress() as progress:
            network.fit(
                batches,
                validation_data=_windows_and_targets(split.valid, genres, settings),
                epochs=epochs,
                initial_epoch=len(checkpoint.epochs),
                # The batches have an order of their own for each epoch.
                shuffle=False,
                callbacks=[begin, *counters, checkpoint, progress],
                verbose=0,
            )
    network.set_weights(checkpoint.best)
    curves = {column: [round(figures[column], 4) for figures in checkpoint.epochs] for column in _CURVES}
    return Learned(network, curves)


class _Batches(keras.utils.PyDataset):
    """Batches of windows (32, n_mels, window_frames, 1) and targets (32, genres).

    An epoch shows every window once: as it is or, half of them by chance, another that augmentation makes of its clip.
    Chance is a function of the seed, the epoch and the batch alone: Keras asks for some batches early, or twice.
    """

    def __init__(self, tracks: Sequence[Track], genres: Sequence[str], settings: MelSettings, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._frames = settings.window_frames
        self._windows, self._targets = _windows_and_targets(tracks, genres, settings)
        # For each window, its clip, or copies of its song that were changed as audio.
        self._sources: list[Floats | list[Floats]] = []
        for track, augmented in zip(tracks, augmented_tracks(tracks, settings, _COPIES, seed), strict=True):
            copies = augmented.clips[len(track.clips) :]
            for clip in track.clips:
                self._sources += [copies or clip] * len(cut_windows(clip, settings))
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Turn to an epoch: each shows the windows in an order of its own."""
        self._epoch = epoch
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._sources))

    def __len__(self) -> int:
        return -(-len(self._order) // _BATCH_SIZE)

    def __getitem__(self, batch: int) -> tuple[Floats, Floats]:
        random = np.random.default_rng([self._seed, self._epoch, batch])
        numbers = self._order[batch * _BATCH_SIZE : (batch + 1) * _BATCH_SIZE]
        windows = self._windows[numbers]
        for place in np.flatnonzero(random.random(len(numbers)) < _AUGMENTED):
            windows[place, ..., 0] = _augmented(self._sources[numbers[place]], self._frames, random)
        return windows, self._targets[numbers]


def _augmented(source: Floats | list[Floats], frames: int, random: np.random.Generator) -> Floats:
    """Return a window (n_mels, frames) of a copy that was changed as audio, or of a clip, then changed."""
    if isinstance(source, list):
        return _window(source[random.integers(len(source))], frames, random)
    return _changed(_window(source, frames, random), random)


def _window(clip: Floats, frames: int, random: np.random.Generator) -> Floats:
    """Return a window (n_mels, frames) that begins anywhere in a clip; behind the clip's end comes its beginning."""
    start = random.integers(clip.shape[1])
    return np.asarray(np.take(clip, np.arange(start, start + frames) % clip.shape[1], axis=1))


def _changed(window: Floats, random: np.random.Generator) -> Floats:
    """Return a window (n_mels, frames) moved up or down by some bands, with Gaussian noise."""
    bands = np.arange(len(window)) + random.integers(-_PITCH_BANDS, _PITCH_BANDS + 1)
    moved = window[np.clip(bands, 0, len(window) - 1)]
    noise = random.standard_normal(window.shape, np.float32) * np.float32(random.uniform(0, _NOISE))
    return np.asarray(np.clip(moved + noise, 0, 1))


def _windows_and_targets(
    tracks: Sequence[Track], genres: Sequence[str], settings: MelSettings
) -> tuple[Floats, Floats]:
    """Return all windows as they are served (n, n_mels, window_frames, 1) and one-hot genres (n, genres)."""
    windows = [track.windows(settings) for track in tracks]
    labels = np.repeat([genres.index(track.genre) for track in tracks], [len(cut) for cut in windows])
    return np.concatenate(windows), np.eye(len(genres), dtype=np.float32)[labels]

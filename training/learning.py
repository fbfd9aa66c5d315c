"""How networks learn: with the study's settings, from windows and changed copies of them."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from features.settings import MelSettings
from features.windows import cut_windows
from training.augmentation import augmented_tracks
from training.splits import Split
from training.tracks import Track

EPOCHS = 50
_BATCH_SIZE = 32
_LEARNING_RATE = 1e-3
# The loss begins to grow, as answers become too sure, while more of them are right; a temperature mends that later.
_WATCHED = "val_accuracy"
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
    which must be this call's alone; its patience then begins anew.
    """
    best, log, ended = folder / "best.keras", folder / "epochs.csv", folder / "ended"
    if ended.exists():
        return Learned(keras.models.load_model(best), _curves(log))
    keras.utils.set_random_seed(seed)
    network = build(settings, len(genres))
    network.compile(
        keras.optimizers.Adam(_LEARNING_RATE),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(
        _Batches(split.train, genres, settings, seed),
        validation_data=_windows_and_targets(split.valid, genres, settings),
        epochs=epochs,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(_WATCHED, mode="max", patience=3, factor=0.5),
            keras.callbacks.EarlyStopping(_WATCHED, mode="max", patience=7),
            keras.callbacks.ModelCheckpoint(
                best,
                _WATCHED,
                mode="max",
                save_best_only=True,
                initial_value_threshold=max(_curves(log)[_WATCHED], default=None),
            ),
            keras.callbacks.CSVLogger(log, append=True),
            keras.callbacks.BackupAndRestore(folder / "backup", double_checkpoint=True),
        ],
        verbose=2,
    )
    ended.touch()
    return Learned(keras.models.load_model(best), _curves(log))


class _Batches(keras.utils.PyDataset):
    """Batches of windows (32, n_mels, window_frames, 1) and targets (32, genres).

    An epoch shows every window once: as it is or, half of them by chance, another that augmentation makes of its clip.
    """

    def __init__(self, tracks: Sequence[Track], genres: Sequence[str], settings: MelSettings, seed: int) -> None:
        super().__init__()
        self._random = np.random.default_rng(seed)
        self._frames = settings.window_frames
        self._windows, self._targets = _windows_and_targets(tracks, genres, settings)
        # For each window, its clip, or copies of its song that were changed as audio.
        self._sources: list[Floats | list[Floats]] = []
        for track, augmented in zip(tracks, augmented_tracks(tracks, settings, _COPIES, seed), strict=True):
            copies = augmented.clips[len(track.clips) :]
            for clip in track.clips:
                self._sources += [copies or clip] * len(cut_windows(clip, settings))
        self._order = self._random.permutation(len(self._sources))

    def __len__(self) -> int:
        return -(-len(self._order) // _BATCH_SIZE)

    def __getitem__(self, batch: int) -> tuple[Floats, Floats]:
        numbers = self._order[batch * _BATCH_SIZE : (batch + 1) * _BATCH_SIZE]
        windows = self._windows[numbers]
        for place in np.flatnonzero(self._random.random(len(numbers)) < _AUGMENTED):
            windows[place, ..., 0] = self._augmented(self._sources[numbers[place]])
        return windows, self._targets[numbers]

    def on_epoch_end(self) -> None:
        self._order = self._random.permutation(self._order)

    def _augmented(self, source: Floats | list[Floats]) -> Floats:
        if isinstance(source, list):
            return _window(source[self._random.integers(len(source))], self._frames, self._random)
        return _changed(_window(source, self._frames, self._random), self._random)


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


def _curves(log: Path) -> dict[str, list[float]]:
    """Return what the log of epochs holds, a list a column; an epoch that was repeated counts once."""
    columns = ("loss", "accuracy", "val_loss", "val_accuracy")
    rows: dict[str, dict[str, str]] = {}
    if log.exists():
        with open(log, newline="", encoding="utf-8") as file:
            rows = {row["epoch"]: row for row in csv.DictReader(file)}
    return {column: [round(float(row[column]), 4) for row in rows.values()] for column in columns}

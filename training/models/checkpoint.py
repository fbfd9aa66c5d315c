"""Checkpoints after each epoch, so that an interrupted training ends in the same model, bit for bit.

A checkpoint is one file, written in one step: all variables of the network and its optimizer (weights, slots, learning
rate, seeds of dropout), the best weights so far, and the figures of each epoch. Callbacks that count epochs, such as
early stopping, have no state of their own in it: they are shown the figures of the epochs again.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.bundle import atomic_write
from training.data.tracks import BadData
from training.models.backend import keras


class Checkpoint(keras.callbacks.Callback):
    """Keeps a training in a file after each epoch, and takes it up again from there.

    `watched` names the figure of an epoch whose greatest value makes its weights the best. `counters` are the callbacks
    that count epochs; they must come before this one in the list given to `fit`. Raises BadData if the file cannot be
    read.
    """

    def __init__(self, file: Path, watched: str, counters: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__()
        self._file = file
        self._watched = watched
        self._counters = counters
        self._variables: list[NDArray[np.generic]] = []
        self._stopped = False
        # The best weights so far, as `get_weights` returns them, and the figures of each epoch.
        self.best: list[NDArray[np.generic]] = []
        self.epochs: list[dict[str, float]] = []
        if file.exists():
            self._read()

    def has_ended(self, epochs: int) -> bool:
        """Return whether nothing is left to train, of so many epochs at most."""
        return self._stopped or len(self.epochs) >= epochs

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002 - as Keras calls it
        """Bring the network, the optimizer and the counters to where the file left them."""
        for epoch, figures in enumerate(self.epochs):
            for counter in self._counters:
                counter.on_epoch_end(epoch, dict(figures))
        # After the counters: they may have changed the learning rate.
        self.model.optimizer.build(self.model.trainable_variables)
        for variable, value in zip(self._all_variables(), self._variables, strict=bool(self._variables)):
            variable.assign(value)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Write the file."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        if figures[self._watched] > max((past[self._watched] for past in self.epochs), default=-np.inf):
            self.best = self.model.get_weights()
        self.epochs.append(figures)
        self._stopped = self.model.stop_training
        variables = [keras.ops.convert_to_numpy(variable) for variable in self._all_variables()]
        arrays: dict[str, Any] = {f"variable {number}": value for number, value in enumerate(variables)}
        arrays |= {f"best {number}": value for number, value in enumerate(self.best)}
        arrays["state"] = np.array(json.dumps({"epochs": self.epochs, "stopped": self._stopped}))
        content = io.BytesIO()
        np.savez(content, **arrays)
        # A training of the same model beside this one, which ended first, has removed the folder.
        self._file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self._file, content.getvalue())

    def _read(self) -> None:
        try:
            with np.load(self._file, allow_pickle=False) as kept:
                state = json.loads(str(kept["state"]))
                self._variables, self.best = (
                    [kept[name] for name in kept.files if name.startswith(prefix)] for prefix in ("variable ", "best ")
                )
            self.epochs, self._stopped = state["epochs"], state["stopped"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BadData(
                f"{self._file}, which an interrupted training has kept, cannot be read ({error!r}). "
                "Remove it: the training then starts from its first epoch."
            ) from error

    def _all_variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]

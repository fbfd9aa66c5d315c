"""The progress of `keras.Model.fit`."""

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm.keras import TqdmCallback


@contextmanager
def fit_progress() -> Iterator[TqdmCallback]:
    """Return a callback that shows epochs and batches as bars, which end with the block, however it ends."""
    progress = TqdmCallback(desc="training", mininterval=0.5)
    try:
        yield progress
    finally:
        progress.on_train_end()

"""The data sets there are to learn from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from features.settings import MelSettings
from training import fma_small, gtzan
from training.tracks import Track, read_tracks


@dataclass(frozen=True)
class Dataset:
    """A data set: how it is read from a folder, and what its bundles' cards say of it.

    The first of its protocols is the one that its shipped bundles are of.
    """

    title: str
    settings: MelSettings
    licence: str
    protocols: tuple[str, ...]
    read: Callable[[Path], list[Track]]

    def protocols_in(self, data: Path) -> tuple[str, ...]:
        """Return the protocols that the data in a folder is enough for."""
        return tuple(name for name in self.protocols if name != "official" or fma_small.has_table(data))


DATASETS = {
    "gtzan": Dataset(
        gtzan.TITLE,
        gtzan.SETTINGS,
        gtzan.LICENCE,
        ("fault-filtered", "artist-3fold", "track-random", "window-random"),
        gtzan.read_gtzan,
    ),
    "fma-small": Dataset(
        fma_small.TITLE,
        fma_small.SETTINGS,
        fma_small.LICENCE,
        ("block-random", "official", "track-random", "window-random"),
        fma_small.read_fma_small,
    ),
    "folder": Dataset(
        "own music",
        MelSettings(),
        "Trained on music of its maker's own.",
        ("track-random", "window-random"),
        lambda data: read_tracks(data, MelSettings()),
    ),
}

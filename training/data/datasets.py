"""The data sets there are to learn from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from features.settings import MelSettings
from training.data import fma_small, gtzan
from training.data.own_music import read_music_to_learn
from training.data.tracks import BadData, Track


@dataclass(frozen=True)
class Dataset:
    """A data set: how it is read from a folder, and its description for the cards of bundles.

    `pictures` is the file of pictures that takes the place of audio, and `tags` that of an encoder's published outputs
    for them. The first of its protocols is the one that its shipped bundles are of.
    `own` is the user's own music, with groups for the splits, which a table may name.
    """

    title: str
    settings: MelSettings
    license: str
    protocols: tuple[str, ...]
    read: Callable[[Path], list[Track]]
    pictures: str | None = None
    tags: str | None = None
    own: bool = False

    def read_with(self, table: Path | None, data: Path) -> list[Track]:
        """Return the tracks in a folder, with the groups of a table where there is one; raise BadData."""
        if table is None:
            return self.read(data)
        if not self.own:
            raise BadData(f"{self.title} has splits of its own. A table of groups (--groups) is for --dataset folder.")
        return read_music_to_learn(data, self.settings, table)

    def protocols_in(self, data: Path) -> tuple[str, ...]:
        """Return the protocols that the data in a folder is enough for."""
        return tuple(name for name in self.protocols if name != "official" or fma_small.has_table(data))

    def has_tags(self, data: Path) -> bool:
        """Return whether the data in a folder is enough for models with an encoder: audio, or published tags."""
        if self.pictures is None or not (data / self.pictures).exists():
            return True
        return self.tags is not None and (data / self.tags).exists()


DATASETS = {
    "gtzan": Dataset(
        gtzan.TITLE,
        gtzan.SETTINGS,
        gtzan.LICENCE,
        ("fault-filtered", "artist-3fold", "track-random", "window-random"),
        gtzan.read_gtzan,
        gtzan.PICTURES,
        gtzan.TAGS_FILE,
    ),
    "fma-small": Dataset(
        fma_small.TITLE,
        fma_small.SETTINGS,
        fma_small.LICENCE,
        ("block-random", "official", "track-random", "window-random"),
        fma_small.read_fma_small,
        fma_small.PICTURES,
    ),
    "folder": Dataset(
        "own music",
        MelSettings(),
        "Trained on music of its maker's own.",
        ("group-random", "track-random", "window-random"),
        lambda data: read_music_to_learn(data, MelSettings()),
        own=True,
    ),
}

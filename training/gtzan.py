"""GTZAN (Tzanetakis and Cook, 2002): 1000 clips of 30 seconds at 22,050 Hz mono, 100 in each of 10 genres.

Read from the audio, `<genre>/<genre>.<number>.wav` (or any other audio format) in a folder, or from pictures of its
log-mel spectrograms, `<genre>/<genre>.<number>.jpg` in a zip: 128 bands high with the highest band on top, 387 frames
wide for the whole clip, grey from 0 for the clip's least value to 255 for its greatest. jazz.00054 is unreadable in
all copies in circulation, so there are 999. The data set carries no licence; weights trained on it name it on their
card.

The splits come from a table with one row a track, tab-separated: `track`, `genre`, `fault_filtered_split` (train,
valid, test, or empty for a track left out). The fault-filtered split is that of Kereliuk, Sturm and Larsen (2015):
443, 197 and 290 tracks, without the repetitions and damaged clips that Sturm found (arXiv 1306.1461) and with no
artist known to stand on two sides.
"""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from features.audio import UnreadableAudio
from features.mel import MelSettings
from features.windows import song_clips

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
PICTURE_SIZE = (387, 128)

Side = Literal["train", "valid", "test"]
SIDES: tuple[Side, ...] = ("train", "valid", "test")
# Of each genre. The support vector machine holds a fifth of the training tracks out at a time.
LEAST_TRACKS: dict[Side, int] = {"train": 5, "valid": 1, "test": 1}


class BadData(ValueError):
    """Training data that cannot be used; the message says what is wrong with it and what to do."""


@dataclass(frozen=True)
class Track:
    """One song: `clips` are its scaled log-mel spectrograms, float32 of shape (n_mels, frames) in [0, 1]."""

    name: str
    genre: str
    side: Side
    clips: list[NDArray[np.float32]]


def load_tracks(source: Path, table: Path, settings: MelSettings) -> list[Track]:
    """Return the tracks that the table puts on a side, from a zip of pictures or a folder of audio.

    Tracks of the table that the source lacks are left out. Raises BadData, before any training, for a source that is
    neither, for a file in it that cannot be read, and for a genre with too few tracks on one of the sides.
    """
    sides = _read_sides(table)
    if zipfile.is_zipfile(source):
        clips = _clips_from_zip(source, sides)
    elif source.is_dir():
        clips = _clips_from_folder(source, sides, settings)
    else:
        raise BadData(f"{source} is neither a zip of spectrogram pictures nor a folder of audio.")
    tracks = [Track(name, name.partition(".")[0], sides[name], track_clips) for name, track_clips in clips]
    counts = Counter((track.genre, track.side) for track in tracks)
    lacking = [
        f"{genre} ({side}: {counts[genre, side]})"
        for genre in GENRES
        for side in SIDES
        if counts[genre, side] < LEAST_TRACKS[side]
    ]
    if lacking:
        needed = ", ".join(f"{count} to {side}" for side, count in LEAST_TRACKS.items())
        raise BadData(f"{source} has too few tracks of {', '.join(lacking)}. Every genre needs {needed}.")
    return tracks


def _read_sides(table: Path) -> dict[str, Side]:
    """Return the side of each track that stands on one."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        if not {"track", "fault_filtered_split"} <= set(rows.fieldnames or ()):
            raise BadData(f"{table} must be a tab-separated table with the columns track and fault_filtered_split.")
        return {row["track"]: side for row in rows for side in SIDES if row["fault_filtered_split"] == side}


def _clips_from_zip(source: Path, sides: dict[str, Side]) -> Iterator[tuple[str, list[NDArray[np.float32]]]]:
    with zipfile.ZipFile(source) as archive:
        names = [name for name in sorted(archive.namelist()) if Path(name).stem in sides]
        for name in tqdm(names, desc="reading spectrograms", unit="track"):
            try:
                picture = Image.open(io.BytesIO(archive.read(name))).convert("L")
            except (zipfile.BadZipFile, UnidentifiedImageError, OSError) as error:
                raise BadData(f"{name} in {source} cannot be read: {error}") from error
            if picture.size != PICTURE_SIZE:
                raise BadData(
                    f"{name} in {source} is {picture.size} pixels; {PICTURE_SIZE} (frames, bands) are needed."
                )
            # A picture's first row is the highest band.
            yield Path(name).stem, [np.flipud(np.asarray(picture, np.float32)) / np.float32(255)]


def _clips_from_folder(
    source: Path, sides: dict[str, Side], settings: MelSettings
) -> Iterator[tuple[str, list[NDArray[np.float32]]]]:
    paths = [path for path in sorted(source.glob("*/*")) if path.stem in sides]
    for path in tqdm(paths, desc="reading audio", unit="track"):
        try:
            yield path.stem, song_clips(path, settings).clips
        except (UnreadableAudio, OSError) as error:
            raise BadData(f"{path}: {error}") from error

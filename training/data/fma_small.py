"""FMA-Small (Defferrard et al., 2017, arXiv 1612.01840): 8000 clips of 30 seconds, 1000 in each of 8 genres.

The data folder holds one of two:
- `fma_small_mel.zip`, pictures of spectrograms, 128 frames per clip, `<genre>/<track id>.jpg`, of 6,994 of the tracks;
- `fma_small/`, the MP3 files as published, such as `fma_small/000/000002.mp3`, nearly all at 44,100 Hz in stereo.
`fma_metadata/tracks.csv`, which the second needs, or `fma_small_tracks.tsv` names artists and the official split: 6400
tracks to train, 800 to validate, 800 to test, each artist on one side. Of the pictures that is 5,597, 713 and 684. The
second table is tab-separated, one row per track, with the columns `track_id`, `genre`, `official_split` (training,
validation or test) and `artist_id`, which may be empty. The first one counts where there are both. The tracks are under
Creative Commons licences, one each. 107535 is silent.

Ids were given album by album. Neighbours in one genre, at most 20 apart, are a block. `block-random` splits by blocks,
with a table and without one, so that its figures stay comparable. Blocks are a fair guess at artists, no more: of 1,939
blocks of pictures 329 hold several artists, and of 2,035 artists 287 have tracks in several blocks. 183 artists stand
on two sides of `block-random`, and 434 of its 1,399 test tracks are by an artist who is also learned from; with tracks
split at random it is 1,092. In `official` no artist stands on two sides.

The pictures show single frames and native bands. Enlarged from fewer columns or averaged over time, they would lack
the fast changes from column to column that they have: above 0.37 cycles a column lies .17 of the power over time (the
median picture's). In clips of other music computed with `SETTINGS` it is .13, enlarged from 99 columns .03.

SHA-256 of the files that the shipped models learned from:
8e984799021c2bf2bc5071194f37a0b60c0d2a3d57a21cb59579349d485d0b0c  fma_small_mel.zip
90f522cc7ceca5db25da549b6efb7db9ac0c8e59dfc15b004c6d4b621b01a39d  fma_small_tracks.tsv
SHA-1 of the published archives (github.com/mdeff/fma):
ade154f733639d52e35e32f5593efe5be76c6d70  fma_small.zip
f0df49ffe5f2a6008d7dc83c6915b31835dfe733  fma_metadata.zip
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from features.settings import MelSettings
from training.data.tracks import BadData, Track, read_audio, read_tracks

TITLE = "FMA-Small"
PICTURES = "fma_small_mel.zip"
# 30 seconds in 128 frames, up to half the sample rate of the files. Four windows of 7.5 seconds per clip did better on
# validation tracks of block-random than two or one.
SETTINGS = MelSettings(
    sample_rate_hz=44_100, hop_length=10_335, fmax_hz=22_050.0, window_frames=32, window_hop_frames=32
)
LICENCE = "Trained on FMA-Small, tracks under Creative Commons licences; no audio of it is contained."

_SILENT = 107_535
_LARGEST_GAP = 20
_SIDES = {"training": "train", "validation": "valid", "test": "test"}
# The table's first two rows name a column together, and the third says that the first column is the id.
_SPLIT, _SUBSET, _GENRE, _ARTIST = ("set", "split"), ("set", "subset"), ("track", "genre_top"), ("artist", "id")
_SHORT_COLUMNS = {"track_id", "genre", "official_split", "artist_id"}
# Biographies of artists are among the columns.
_LONGEST_FIELD = 2**24


@dataclass(frozen=True)
class _Row:
    genre: str
    artist: str | None
    side: str


def has_table(data: Path) -> bool:
    """Return whether a data folder has a table of artists and of the official split."""
    return any(table.is_file() for table in _tables(data))


def _tables(data: Path) -> tuple[Path, Path]:
    return data / "fma_metadata" / "tracks.csv", data / "fma_small_tracks.tsv"


def read_fma_small(data: Path) -> list[Track]:
    """Return the tracks in a data folder, the silent one left out; the pictures, where there are both.

    Raises BadData as `read_tracks`, for audio without a table, and for a table of another kind.
    """
    rows = _read_rows(data)
    pictures = data / PICTURES
    if pictures.exists():
        tracks = read_tracks(pictures, SETTINGS)
    elif not (data / "fma_small").is_dir():
        raise BadData(f"There is neither fma_small_mel.zip nor the folder fma_small in {data}.")
    elif not rows:
        table, _ = _tables(data)
        raise BadData(f"There is no {table}, which names the genres. Unpack fma_metadata.zip into {data}.")
    else:
        tracks = _read_songs(data / "fma_small", rows)
    tracks = _with_blocks(tracks)
    return [_with_row(track, rows.get(int(track.name))) for track in tracks if int(track.name) != _SILENT]


def _read_songs(folder: Path, rows: Mapping[int, _Row]) -> list[Track]:
    names = {number: f"{number:06}" for number in rows}
    paths = {number: folder / name[:3] / f"{name}.mp3" for number, name in names.items()}
    there = [path for _, path in sorted(paths.items()) if path.is_file()]
    tracks = read_audio(there, SETTINGS)
    if not tracks:
        raise BadData(f"There is no song that can be read in {folder}. Unpack fma_small.zip beside fma_metadata.")
    if missing := len(rows) - len(there):
        tqdm.write(f"{missing} of {len(rows)} tracks in the table are not in {folder}.")
    tracks = [replace(track, genre=rows[int(track.name)].genre) for track in tracks]
    return sorted(tracks, key=lambda track: (track.genre, track.name))


def _read_rows(data: Path) -> dict[int, _Row]:
    """Return the rows of FMA-Small by track id, from FMA's own table or else from the short one; empty without both."""
    published, short = _tables(data)
    if published.is_file():
        return _read_table(published)
    return _read_short_table(short) if short.is_file() else {}


def _read_table(table: Path) -> dict[int, _Row]:
    """Return the rows of FMA-Small in FMA's table of all tracks, by track id."""
    csv.field_size_limit(_LONGEST_FIELD)
    with open(table, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        columns = list(zip(next(reader, []), next(reader, []), strict=False))
        try:
            next(reader, None)
            split, subset, genre, artist = (columns.index(name) for name in (_SPLIT, _SUBSET, _GENRE, _ARTIST))
            return {
                int(row[0]): _Row(row[genre], row[artist], _SIDES[row[split]])
                for row in reader
                if row[subset] == "small"
            }
        except (ValueError, LookupError, csv.Error) as error:
            raise BadData(
                f"{table} is not FMA's table of tracks ({error}): it must have the columns set/split, set/subset, "
                "track/genre_top and artist/id in its first two rows. Unpack fma_metadata.zip again."
            ) from error


def _read_short_table(table: Path) -> dict[int, _Row]:
    with open(table, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter="\t")
        if not set(reader.fieldnames or ()) >= _SHORT_COLUMNS:
            raise BadData(
                f"{table} must be a tab-separated table with the columns {', '.join(sorted(_SHORT_COLUMNS))}."
            )
        try:
            return {
                int(row["track_id"]): _Row(row["genre"], row["artist_id"] or None, _SIDES[row["official_split"]])
                for row in reader
            }
        except (ValueError, LookupError) as error:
            raise BadData(
                f"{table} has a row without an id or an official split ({error!r}). Get the file again."
            ) from error


def _with_row(track: Track, row: _Row | None) -> Track:
    return replace(track, artist=row.artist, published={"official": row.side}) if row else track


def _with_blocks(tracks: list[Track]) -> list[Track]:
    """Return the tracks sorted by genre and id, each row of neighbouring ids in a genre as one block."""
    with_blocks: list[Track] = []
    for track in sorted(tracks, key=lambda track: (track.genre, int(track.name))):
        former = with_blocks[-1] if with_blocks else None
        if former and former.genre == track.genre and int(track.name) - int(former.name) <= _LARGEST_GAP:
            block = former.block
        else:
            block = f"{track.genre}-{track.name}"
        with_blocks.append(replace(track, block=block))
    return with_blocks

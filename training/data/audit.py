"""Audit: leakage between the parts of a split."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from inference.bundle import atomic_write
from training.data.splits import SIDES, Split, require_enough
from training.data.tracks import CACHE, Track

# Correlation of two clips' fingerprints from which they are one recording, or versions of it. GTZAN's 14 byte-identical
# pairs have 1, repetitions that Sturm lists by ear 0.7 to 1, and of some 500,000 other pairs none has 0.7.
DUPLICATE = 0.7
# How far one clip may begin after the other.
_LARGEST_LAG_SECONDS = 2.5
_BANDS_PER_GROUP = 4


@dataclass(frozen=True)
class Duplicate:
    """Two tracks that are one recording, with the correlation of their fingerprints."""

    one: str
    other: str
    correlation: float


def find_duplicates(
    tracks: Sequence[Track], frame_seconds: float, cache: Path = CACHE / "duplicates"
) -> list[Duplicate]:
    """Return the exact and near duplicates among tracks, by their first clips, the most alike first.

    The fingerprint of a clip is its spectrogram, bands taken together by four, less the mean of each frame and of each
    band: which notes are played when, not how bright the sound is or how loud the beat. Clips too short for it (a
    fifth over the largest lag) are skipped. The result is kept in `cache`.
    """
    largest_lag = round(_LARGEST_LAG_SECONDS / frame_seconds)
    frames = min((track.clips[0].shape[1] for track in tracks), default=0)
    frames = max(frames, round(1.2 * largest_lag))
    tracks = [track for track in tracks if track.clips[0].shape[1] >= frames]
    if not tracks:
        return []
    bands = np.stack([_group(track.clips[0][:, :frames]) for track in tracks])
    key = hashlib.sha256(bands.tobytes() + repr((largest_lag, DUPLICATE, [track.name for track in tracks])).encode())
    kept = cache / f"{key.hexdigest()}.json"
    if kept.exists():
        return [Duplicate(**pair) for pair in json.loads(kept.read_text(encoding="utf-8"))]
    greatest = np.zeros((len(tracks), len(tracks)), np.float32)
    for lag in tqdm(range(largest_lag + 1), "comparing", unit="lag"):
        late, early = _fingerprints(bands[..., lag:]), _fingerprints(bands[..., : frames - lag])
        np.maximum(greatest, late @ early.T, out=greatest)
    greatest = np.maximum(greatest, greatest.T)
    pairs = np.argwhere(np.triu(greatest >= DUPLICATE, k=1))
    found = [Duplicate(tracks[i].name, tracks[j].name, round(float(greatest[i, j]), 3)) for i, j in pairs]
    found.sort(key=lambda pair: (-pair.correlation, pair.one, pair.other))
    cache.mkdir(parents=True, exist_ok=True)
    atomic_write(kept, json.dumps([asdict(pair) for pair in found]).encode())
    return found


def across_sides(split: Split, duplicates: Iterable[Duplicate]) -> list[tuple[str, str, Duplicate]]:
    """Return the duplicates whose tracks stand on two sides of a split, with the side of each."""
    side_of = {track.name: side for side in SIDES for track in getattr(split, side)}
    return [
        (side_of[pair.one], side_of[pair.other], pair)
        for pair in duplicates
        if pair.one in side_of and pair.other in side_of and side_of[pair.one] != side_of[pair.other]
    ]


def drop_duplicates(split: Split, duplicates: Iterable[Duplicate]) -> Split:
    """Return the split without the tracks that another side's duplicate gives away.

    A test track stays, whatever it is like; its likeness leaves the training or the validation side.
    """
    dropped = {
        pair.one if SIDES.index(side) < SIDES.index(other_side) else pair.other
        for side, other_side, pair in across_sides(split, duplicates)
    }
    return replace(
        split,
        train=[track for track in split.train if track.name not in dropped],
        valid=[track for track in split.valid if track.name not in dropped],
    )


def without_duplicates(split: Split, duplicates: Sequence[Duplicate], protocol: str) -> Split:
    """Return the split as `drop_duplicates`, and print how many tracks that leaves out.

    Raises BadData if too few remain.
    """
    kept = drop_duplicates(split, duplicates)
    if dropped := len(split.train) + len(split.valid) - len(kept.train) - len(kept.valid):
        reason = f"{dropped} tracks were left out, for a recording on another side is the same."
        tqdm.write(reason)
        genres = {track.genre for side in SIDES for track in getattr(split, side)}
        require_enough(kept, genres, protocol, SIDES if kept.valid else ("train", "test"), reason)
    return kept


def shared_artists(split: Split) -> dict[str, set[str]]:
    """Return the artists with tracks on more than one side, with those sides."""
    sides: dict[str, set[str]] = defaultdict(set)
    for side in SIDES:
        for track in getattr(split, side):
            if track.artist:
                sides[track.artist].add(side)
    return {artist: on for artist, on in sides.items() if len(on) > 1}


def shared_songs(split: Split) -> int:
    """Return how many songs have windows on more than one side, where windows were split and not songs."""
    return _on_two_sides([{track.part_of or track.name for track in getattr(split, side)} for side in SIDES])


def shared_groups(split: Split) -> int:
    """Return how many groups of own music have tracks on more than one side."""
    return _on_two_sides([{track.block for track in getattr(split, side)} - {None} for side in SIDES])


def _on_two_sides(names: Sequence[Set[str | None]]) -> int:
    return len(set().union(*(one & other for one, other in combinations(names, 2))))


def _group(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    bands, frames = clip.shape
    return np.asarray(clip.reshape(bands // _BANDS_PER_GROUP, _BANDS_PER_GROUP, frames).mean(axis=1))


def _fingerprints(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors, shape (n, groups, frames) -> (n, groups * frames); zeros for constants."""
    centred = bands - bands.mean(axis=1, keepdims=True)
    flat = (centred - centred.mean(axis=2, keepdims=True)).reshape(len(bands), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.where(length > 0, length, 1))

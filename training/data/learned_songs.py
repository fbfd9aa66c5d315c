"""Which songs a bundle has learned from, as hashes: scores on them say nothing.

A song has two, of its file and of its clips: the first is the same on every machine, the second also after the tags of
the file have changed. Each is the first 64 bits of a SHA-256.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.bundle import songs_file
from inference.card import ModelCard
from training.data.groups import count_songs
from training.data.tracks import Track
from training.evaluation.metrics import Evaluation, wilson_interval

_DIGITS = 16


def song_hashes(track: Track) -> set[str]:
    """Return the hashes of a track: of its clips and, where it came from audio, of the file."""
    levels = b"".join(np.round(clip * 255).astype(np.uint8).tobytes() for clip in track.clips)
    hashes = {hashlib.sha256(levels).hexdigest()[:_DIGITS]}
    if track.audio:
        with open(track.audio, "rb") as file:
            hashes.add(hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS])
    return hashes


def all_hashes(tracks: Iterable[Track]) -> frozenset[str]:
    """Return the hashes of all tracks."""
    return frozenset().union(*map(song_hashes, tracks))


@dataclass(frozen=True)
class Others:
    """The tracks that a bundle has not learned from: how many, and the accuracy with its 95% interval, if any is left.

    `learned` counts the tracks that it has learned from.
    """

    learned: int
    tracks: int
    accuracy: float | None
    ci95: tuple[float, float] | None


def find_learned(bundle: Path, card: ModelCard, tracks: Sequence[Track]) -> list[bool] | None:
    """Return for each track whether the bundle has learned from it; None where that is not recorded."""
    file = songs_file(bundle, card)
    if not file.is_file():
        return None
    learned = set(file.read_text(encoding="utf-8").split())
    return [not learned.isdisjoint(song_hashes(track)) for track in tracks]


def score_others(evaluation: Evaluation, tracks: Sequence[Track], learned: Sequence[bool] | None) -> Others | None:
    """Return the evaluation of those tracks that the model has not learned from."""
    if learned is None:
        return None
    others = [track for track, known in zip(tracks, learned, strict=True) if not known]
    right = [hit for hit, known in zip(evaluation.right, learned, strict=True) if not known]
    if not right:
        return Others(sum(learned), 0, None, None)
    accuracy = sum(right) / len(right)
    return Others(sum(learned), len(right), accuracy, wilson_interval(accuracy, count_songs(others)))


def describe_learned(name: str, evaluation: Evaluation, others: Others | None) -> str:
    """Return for a person how many of the evaluated tracks a bundle has learned from, and how it does on the others."""
    if others is None:
        return f"Which songs {name} has learned from is unknown: if some of these are among them, the figures flatter."
    if not others.learned:
        return f"{name} has learned from none of these files."
    text = f"{name} has learned from {others.learned} of these {evaluation.tracks} tracks: the figures above flatter."
    if others.accuracy is None or others.ci95 is None:
        return f"{text} None is left to score it by."
    low, high = others.ci95
    return f"{text} The other {others.tracks}: accuracy {others.accuracy:.3f} (95% interval {low:.3f} to {high:.3f})."

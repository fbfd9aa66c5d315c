"""Predicted genres as tags of the songs themselves: planned and made, so that they can be undone."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring.replacement import replacement
from scoring.tag_io import Untaggable, genre_in, lasts, with_genre
from scoring.undo import Entry, UndoJournal

# Why a file is left as it is; a genre that has no name is said as well.
NOT_SURE, NOT_CONFIDENT = "not sure", "not confident enough"
HAS_GENRE, HAS_THAT_GENRE = "has a genre", "has that genre already"
NO_FILE, CHANGED_SINCE = "no file", "changed meanwhile"
UNREADABLE, UNWRITABLE, UNTAGGABLE = "cannot be read", "cannot be written", "cannot be tagged"

# A file is in memory up to three times while it is tagged.
_LARGEST_BYTES = 1 << 30


class BadNames(ValueError):
    """Names of genres that cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class TagSettings:
    """Which files get a tag, and how.

    `names` has the user's names of our genres: one that is not there keeps ours, one whose name is empty is not
    written. A genre under `least_confidence` is not written either, nor over another genre unless `overwrite`. With
    `keep_time` the file keeps its time of modification.
    """

    names: Mapping[str, str]
    least_confidence: float = 0.6
    overwrite: bool = False
    keep_time: bool = False


@dataclass(frozen=True)
class Change:
    """A file, the genre that stands in it ("" for none) and the one to be written."""

    path: Path
    before: str
    after: str


@dataclass(frozen=True)
class Skipped:
    """A file that is left as it is, and why: in a few words, with more in `detail`."""

    path: Path
    reason: str
    detail: str = ""


def read_genre(path: Path) -> str:
    """Return the genre that stands in a file, "" if there is none; raise Untaggable, or OSError if it is not read."""
    with open(path, "rb") as file:
        return genre_in(file)


def plan(path: Path, genre: str | None, confidence: float, settings: TagSettings) -> Change | Skipped:
    """Return the change of a file for which a genre was predicted, or the reason for none."""
    if genre is None:
        return Skipped(path, NOT_SURE)
    if confidence < settings.least_confidence:
        return Skipped(path, NOT_CONFIDENT)
    name = settings.names.get(genre, genre)
    if not name:
        return Skipped(path, f"no name for {genre}")
    try:
        if not path.is_file():
            return Skipped(path, NO_FILE)
        if path.stat().st_size > _LARGEST_BYTES:
            return Skipped(path, UNTAGGABLE, "It has over 1 GB, which takes too much memory. Tag it by hand.")
        before = read_genre(path)
    except Untaggable as error:
        return Skipped(path, UNTAGGABLE, str(error))
    except OSError as error:
        return Skipped(path, UNREADABLE, f"{error.strerror or error}.")
    if before == name:
        return Skipped(path, HAS_THAT_GENRE)
    if before and not settings.overwrite:
        return Skipped(path, HAS_GENRE, before)
    return Change(path, before, name)


def write(change: Change, journal: UndoJournal, *, keep_time: bool = False) -> Change | Skipped:
    """Make a change, and return it, or why it was not made.

    The file is replaced in one step, after the journal has the undo of the change: killed at any moment, the
    process leaves it as it was or as it is to be. Mode, owner and extended attributes stay, and with `keep_time` the
    time of modification. Behind a symbolic link, the file that it leads to changes; of several hard links, the others
    keep the old content. Raises BadUndoJournal if the journal cannot be written; the file is then unchanged.
    """
    try:
        path = Path(os.path.realpath(change.path, strict=True))
        # For writing too: a file that is protected shall not change only because its folder is not.
        with open(path, "r+b") as file:
            found = os.fstat(file.fileno())
            content = file.read()
        if genre_in(io.BytesIO(content)) != change.before:
            return Skipped(change.path, CHANGED_SINCE)
        tagged = with_genre(content, change.after)
        entry = Entry.of(path, content, tagged, found.st_mtime_ns)
        with replacement(path, tagged, found.st_mtime_ns if keep_time else None) as ready:
            if _moment(path.stat()) != _moment(found):
                return Skipped(change.path, CHANGED_SINCE)
            journal.append(entry)
            ready.replace(path)
    except FileNotFoundError:
        return Skipped(change.path, NO_FILE)
    except Untaggable as error:
        return Skipped(change.path, UNTAGGABLE, str(error))
    except OSError as error:
        return Skipped(change.path, UNWRITABLE, f"{error.strerror or error}.")
    return change


def _moment(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_names(path: Path, genres: Sequence[str]) -> dict[str, str]:
    """Return the user's names of our genres from a file; an empty name means that the genre is not written.

    The file is a JSON object, if its name ends in .json, or CSV with the columns `genre` and `name`. Raises BadNames
    if it cannot be read, lacks a genre, has one that does not exist, or a name that would not be read as it is written.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        pairs = _from_json(text) if path.suffix.lower() == ".json" else _from_csv(text)
    except (OSError, ValueError, csv.Error) as error:
        raise BadNames(
            f"{path} cannot be read: {error}. Give a CSV file with the columns genre and name, or a JSON object."
        ) from error
    counts = Counter(genre for genre, _ in pairs)
    names = dict(pairs)
    faults = {
        "names no": [genre for genre in genres if genre not in names],
        "names genres that do not exist:": [genre for genre in names if genre not in genres],
        "names more than once:": [genre for genre, count in counts.items() if count > 1],
        "has names that would be read as others:": [name for name in names.values() if name and not lasts(name)],
    }
    for fault, which in faults.items():
        if which:
            raise BadNames(f"{path} {fault} {', '.join(which)}. The genres are: {', '.join(genres)}.")
    return names


def _from_json(text: str) -> list[tuple[str, str]]:
    # As the pairs they are written as, so that a genre that comes twice is noticed.
    pairs = json.loads(text, object_pairs_hook=tuple)
    if not isinstance(pairs, tuple) or not all(isinstance(name, str) for _, name in pairs):
        raise ValueError("it is not an object of texts")
    return [(genre.strip(), name.strip()) for genre, name in pairs]


def _from_csv(text: str) -> list[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not {"genre", "name"} <= set(rows.fieldnames or ()):
        raise ValueError("it lacks the columns genre and name")
    return [((row["genre"] or "").strip(), (row["name"] or "").strip()) for row in rows]

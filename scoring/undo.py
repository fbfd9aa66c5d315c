"""The journal of changes in files, and their undo.

An undo journal has one line of JSON for each change: the file's path, the SHA-256 of its content before and after, its
former time of modification in ns, and what makes the old bytes out of the new ones. The line is on the disk before the
file changes. A file is in memory whole, three times at the most: some hundred MB are no trouble.
"""

import base64
import fcntl
import hashlib
import io
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from scoring.binary_delta import apply, difference, pack, unpack
from scoring.replacement import clear_leftovers, replacement

# What became of a file.
RESTORED, AS_IT_WAS = "restored", "already as it was"
CHANGED_SINCE, NO_FILE, DAMAGED = "changed since", "no file", "its line in the journal is damaged"

_HEADER = b'{"undo journal": 1}\n'


class BadUndoJournal(ValueError):
    """A file that is no undo journal, or one that cannot be written; the message names it and the remedy."""


@dataclass(frozen=True)
class Undone:
    """The result of undoing a change: `path` is the file's, or the journal's if that is damaged."""

    path: Path
    outcome: str

    @property
    def succeeded(self) -> bool:
        """Whether the file is now as it was before the change."""
        return self.outcome in (RESTORED, AS_IT_WAS)


@dataclass(frozen=True)
class Entry:
    """A line of the journal. Bytes of a path that are not UTF-8 are surrogates in Python, and in JSON."""

    path: str
    before: str
    after: str
    mtime_ns: int
    difference: str

    @classmethod
    def of(cls, path: Path, old: bytes, new: bytes, mtime_ns: int) -> "Entry":
        """Return the entry for a file whose content is about to change; the path is absolute."""
        packed = base64.b64encode(pack(difference(old, new))).decode()
        return cls(str(path), _sha256(old), _sha256(new), mtime_ns, packed)

    @classmethod
    def from_line(cls, line: bytes) -> "Entry":
        """Return the entry in a line; raise ValueError if it is damaged."""
        try:
            return cls(**json.loads(line))
        except TypeError as error:
            raise ValueError(str(error)) from error

    def former(self, content: bytes) -> bytes:
        """Return the old bytes, given the new ones; raise ValueError if the entry is damaged."""
        old = apply(unpack(base64.b64decode(self.difference)), content)
        if _sha256(old) != self.before:
            raise ValueError("The difference does not lead to the former content.")
        return old


class UndoJournal:
    """A journal to append to, a new one or one of former runs; several processes may do so at once.

    Raises BadUndoJournal if the file is something else, or cannot be written: then no file may be changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._append(b"")

    def append(self, entry: Entry) -> None:
        """Put an entry on the disk; raise BadUndoJournal if that fails."""
        self._append(json.dumps(asdict(entry)).encode() + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            with open(self.path, "a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                _check_header(file, self.path)
                # A line that a crash cut short: its file was not changed yet.
                file.truncate(_whole_bytes(file))
                is_new = file.seek(0, io.SEEK_END) == 0
                file.write(_HEADER + line if is_new else line)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise BadUndoJournal(
                f"The undo journal {self.path} cannot be written: {error.strerror or error}. "
                "Make room or choose another place; no file is changed without it."
            ) from error


def undo(journal: Path) -> list[Undone]:
    """Undo all changes of a journal, the newest first, and return the result of each.

    A file gets its former bytes and time of modification, if it still is as the change left it; a file that changed
    since is left alone. Temporary files of killed runs beside these are removed. Undoing again does no harm. Raises
    BadUndoJournal if it is no undo journal, and OSError if it cannot be read.
    """
    with open(journal, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        _check_header(file, journal)
        places = [file.tell()]
        contents: defaultdict[str, list[str]] = defaultdict(list)
        while (line := file.readline()).endswith(b"\n"):
            places.append(file.tell())
            try:
                entry = Entry.from_line(line)
            except ValueError:
                continue
            contents[entry.path].append(entry.before)
        for folder in {Path(path).parent for path in contents}:
            clear_leftovers(folder)
        undone = []
        for place in reversed(places[:-1]):
            file.seek(place)
            try:
                entry = Entry.from_line(file.readline())
            except ValueError:
                undone.append(Undone(journal, DAMAGED))
                continue
            undone.append(Undone(Path(entry.path), _take_back(entry, contents[entry.path])))
            contents[entry.path].pop()
        return undone


def _take_back(entry: Entry, formers: Sequence[str]) -> str:
    """Return the result for the file; `formers` are the hashes of its content before this change and earlier ones."""
    try:
        path = Path(os.path.realpath(entry.path, strict=True))
        # For writing too: a file that was protected since stays as it is.
        with open(path, "r+b") as file:
            content = file.read()
        found = _sha256(content)
        if found != entry.after:
            return AS_IT_WAS if found in formers else CHANGED_SINCE
        with replacement(path, entry.former(content), entry.mtime_ns) as ready:
            ready.replace(path)
    except FileNotFoundError:
        return NO_FILE
    except OSError as error:
        return f"cannot be undone: {error.strerror or error}"
    except ValueError:
        return DAMAGED
    return RESTORED


def _check_header(file: BinaryIO, path: Path) -> None:
    """Read the first line, or the part that a crash left; raise BadUndoJournal if the file begins otherwise."""
    file.seek(0)
    if not _HEADER.startswith(file.read(len(_HEADER))):
        raise BadUndoJournal(f"{path} is not an undo journal. Name another file.")


def _whole_bytes(file: BinaryIO) -> int:
    """Return the size of the lines that are whole."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 1))
    if file.read() == b"\n":
        return size
    file.seek(0)
    return file.read().rfind(b"\n") + 1


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

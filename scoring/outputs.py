"""The files that runs have written: nothing else is replaced or removed."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring import s3
from scoring.row import in_bucket
from scoring.sources import look
from scoring.writing import naming

_TABLE = "CREATE TABLE outputs (address TEXT PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID"
# While a file is being written: the former one is there, or the new one.
_BEING_WRITTEN = ""
# In a journal that is older than this record, any file beside it may be its own.
_ANY = "*"


class ForeignFile(ValueError):
    """A file that no run with this journal wrote; the message names it and the remedy."""


class Outputs:
    """The record of these files, in a run's journal: their addresses, and their versions when they were written."""

    def __init__(self, database: sqlite3.Connection, *, is_new: bool) -> None:
        self._database = database
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'outputs'").fetchone():
            database.execute(_TABLE)
            if not is_new:
                self._put(_ANY, _BEING_WRITTEN)

    def is_ours(self, address: str) -> bool:
        """Return whether the file at an address was written by a run with this journal, and not changed since."""
        known = dict(self._database.execute("SELECT * FROM outputs WHERE address IN (?, ?)", (_key(address), _ANY)))
        return _ANY in known or known.get(_key(address)) in (_BEING_WRITTEN, _version(address))

    def check(self, address: str, *, force: bool = False) -> None:
        """Raise ForeignFile if another file is at an address, unless it is to be replaced by force."""
        if not force and _version(address) is not None and not self.is_ours(address):
            raise ForeignFile(
                f"{address} is there: this journal did not write it, or it was changed since. Choose another place, or "
                "replace it with --force."
            )

    @contextmanager
    def writing(self, address: str) -> Iterator[None]:
        """Record the file that the block writes; raise WriteFailed or BucketError if that fails."""
        self.begin(address)
        with naming(address):
            yield
        self.end(address)

    def begin(self, address: str) -> None:
        """Note that a file is about to be written."""
        self._put(_key(address), _BEING_WRITTEN)

    def end(self, address: str) -> None:
        """Note that a file has been written as it is now; forget it if it is gone."""
        version = _version(address)
        if version is None:
            self._database.execute("DELETE FROM outputs WHERE address = ?", (_key(address),))
        else:
            self._put(_key(address), version)

    def _put(self, address: str, version: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO outputs VALUES (?, ?)", (address, version))


def _key(address: str) -> str:
    whole = address if in_bucket(address) else str(Path(address).absolute())
    return whole.encode("utf-8", "surrogateescape").decode("latin-1")


def _version(address: str) -> str | None:
    """Return the version of a file, None if there is no file."""
    if in_bucket(address):
        return s3.version(address)
    return look(address, by_content=False).version or None

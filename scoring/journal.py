"""What a run has found out so far, in a file beside its table: a run that was killed goes on from there."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scoring.outputs import Outputs
from scoring.row import Row, SongFile
from scoring.scorer import FINAL_ERRORS

_VERSION = 1
_FINAL = (None, *FINAL_ERRORS)
_TABLES = """
CREATE TABLE listed (path BLOB PRIMARY KEY, size INTEGER NOT NULL, version TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (
    path BLOB PRIMARY KEY, version TEXT NOT NULL, final INTEGER NOT NULL, row BLOB NOT NULL
) WITHOUT ROWID;
"""
_PENDING = """
SELECT listed.path, size, listed.version FROM listed LEFT JOIN rows USING (path, version)
WHERE rows.path IS NULL AND listed.path > ? ORDER BY listed.path LIMIT 1000
"""
_ROWS = """
SELECT path, row FROM listed JOIN rows USING (path, version) WHERE path > ? ORDER BY path LIMIT 1000
"""


class JournalInUse(RuntimeError):
    """Another run works on the same journal; the message says what to do."""


class BadJournal(ValueError):
    """A file that is no journal of this version; the message says what to do."""


class Journal:
    """The files of a run, and the row of each that has been scored: on disk as soon as `keep` returns.

    Rows are kept by path. They count for a file as it was (`SongFile.version`) and for `settings`, the hash of what
    else they depend on. `outputs` are the files that runs have written. Whatever the number of files, memory holds some
    thousand. Only one process may have a journal open: raises JournalInUse for the second, and BadJournal if the file
    is something else.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self._settings = settings
        self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            # Held until the process ends, however it ends.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("BEGIN EXCLUSIVE")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version == 0 and self._number("SELECT count(*) FROM sqlite_master"):
                raise sqlite3.DatabaseError("It is another program's database.")
            if version == 0:
                for statement in filter(str.strip, _TABLES.split(";")):
                    self._database.execute(statement)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
            if version in (0, _VERSION):
                self.outputs = Outputs(self._database, is_new=version == 0)
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" in str(error):
                raise JournalInUse(f"Another run works on {path}. Wait for it, or choose another --out.") from error
            raise BadJournal(f"{path} cannot be used: {error}. Remove it to begin anew.") from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise BadJournal(f"{path} is no journal of a run. Remove it, or choose another --out.") from error
        if version not in (0, _VERSION):
            self._database.close()
            raise BadJournal(f"{path} is of another version of this program. Remove it to begin anew.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def list_anew(self, files: Iterable[SongFile]) -> int:
        """Take these files, each once, in place of those of former runs, and return how many there are."""
        with self._transaction():
            self._database.execute("DELETE FROM listed")
            self._database.executemany(
                "INSERT OR REPLACE INTO listed VALUES (?, ?, ?)",
                ((_bytes(file.path), file.size, self._version(file)) for file in files),
            )
        return self._number("SELECT count(*) FROM listed")

    def forget(self) -> None:
        """Forget the rows of all files that are listed."""
        self._database.execute("DELETE FROM rows WHERE path IN (SELECT path FROM listed)")

    def forget_passing_errors(self) -> None:
        """Forget the rows with an error that another run may not find."""
        self._database.execute("DELETE FROM rows WHERE NOT final")

    def done(self) -> int:
        """Return how many of the files listed have their row."""
        return self._number("SELECT count(*) FROM listed JOIN rows USING (path, version)")

    def pending(self) -> Iterator[SongFile]:
        """Yield the files listed that lack their row, in the order of their paths."""
        for path, size, version in self._all(_PENDING):
            yield SongFile(_text(path), size, version.removeprefix(self._settings))

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the files listed, in the order of their paths."""
        for _, packed in self._all(_ROWS):
            yield Row.unpack(packed)

    def keep(self, scored: Iterable[tuple[SongFile, Row]]) -> None:
        """Keep the rows of files: all of them, or none if the process is killed meanwhile."""
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)",
                (
                    (_bytes(file.path), self._version(file), row.error_kind in _FINAL, row.pack())
                    for file, row in scored
                ),
            )

    def renew(self, file: SongFile) -> None:
        """Let the row of a file count for a new version of it, whose sound is the same."""
        with self._transaction():
            for table in ("listed", "rows"):
                self._database.execute(
                    f"UPDATE {table} SET version = ? WHERE path = ?",  # noqa: S608 - our own tables
                    (self._version(file), _bytes(file.path)),
                )

    def _all(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """Yield what a statement finds a thousand at a time after a path, so that the tables may change meanwhile."""
        after = b""
        while found := self._database.execute(statement, (after,)).fetchall():
            yield from found
            after = found[-1][0]

    def _version(self, file: SongFile) -> str:
        return self._settings + file.version

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _number(self, statement: str) -> int:
        found: tuple[int] = self._database.execute(statement).fetchone()
        return found[0]


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")

"""The rows of a run so far, in a file beside its table: a run that was killed resumes from it."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scoring.failures import FINAL_ERRORS, TIMEOUT_ERRORS
from scoring.outputs import Outputs
from scoring.row import Row, SongFile
from scoring.writing import WriteFailed

_VERSION = 2
_FINAL = (None, *FINAL_ERRORS)
# Rows are not WITHOUT ROWID: those of over a kilobyte, as of songs of some minutes, would each take pages of their own.
_TABLES = """
CREATE TABLE listed (path BLOB PRIMARY KEY, size INTEGER NOT NULL, version TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rows (
    path BLOB PRIMARY KEY, version TEXT NOT NULL, final INTEGER NOT NULL, row BLOB NOT NULL, timeout_seconds REAL
);
"""
# `timeout_seconds` is that of rows with an error that a longer one may avoid. Version 1 lacked it.
_FROM_VERSION_1 = "ALTER TABLE rows ADD COLUMN timeout_seconds REAL"
# A version of 80 characters is that of a file known by its content: 16 of `settings`, 64 of a SHA-256. No other is as
# long. Of the files listed so, `known` have a row at another path, and `twins` wait for the row of another one.
_CONTENTS = "CREATE INDEX IF NOT EXISTS contents ON rows (version) WHERE length(version) = 80"
_TEMPORARY = """
CREATE TEMP TABLE known (path BLOB PRIMARY KEY, row_of BLOB NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE twins (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP VIEW unscored AS SELECT listed.path AS path, listed.version AS version
FROM listed LEFT JOIN rows USING (path, version) WHERE rows.path IS NULL AND length(listed.version) = 80;
"""
_FIND_KNOWN = """
INSERT INTO known SELECT path, row_of FROM (
    SELECT path, (
        SELECT path FROM rows WHERE length(version) = 80 AND version = unscored.version AND final LIMIT 1
    ) AS row_of FROM unscored
) WHERE row_of IS NOT NULL
"""
_KNOWN = """
SELECT known.path, size, listed.version, row, timeout_seconds FROM known JOIN listed USING (path)
JOIN rows ON rows.path = row_of AND rows.version = listed.version
WHERE known.path > ? ORDER BY known.path LIMIT 1000
"""
_FIND_TWINS = """
INSERT INTO twins SELECT path FROM (
    SELECT path, row_number() OVER (PARTITION BY version ORDER BY path) AS place FROM unscored
) WHERE place > 1
"""
_PENDING = """
SELECT listed.path, size, listed.version FROM listed LEFT JOIN rows USING (path, version)
WHERE rows.path IS NULL AND listed.path > ? AND listed.path NOT IN twins ORDER BY listed.path LIMIT 1000
"""
_ROWS = """
SELECT path, row FROM listed JOIN rows USING (path, version) WHERE path > ? ORDER BY path LIMIT 1000
"""


class JournalInUse(RuntimeError):
    """Another run works on the same journal; the message has the remedy."""


class BadJournal(ValueError):
    """A file that is no journal of this version; the message has the remedy."""


class Journal:
    """The files of a run, and the row of each that has been scored: on disk as soon as `keep` returns.

    Rows are kept by path. They count for a file as it was (`SongFile.version`) and for `settings`, the hash of what
    else they depend on. `outputs` are the files that runs have written. Whatever the number of files, memory holds some
    thousand. Only one process may have a journal open: raises JournalInUse for the second, and BadJournal if the file
    is something else. As a context manager, it raises WriteFailed if the file could not be read or written meanwhile.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self._path = path
        self._settings = settings
        try:
            self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise BadJournal(f"The journal {path} cannot be opened: {error}. Choose another --journal.") from error
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
            if version == 1:
                self._database.execute(_FROM_VERSION_1)
                self._database.execute(f"PRAGMA user_version = {_VERSION}")
            if version <= _VERSION:
                for statement in filter(str.strip, f"{_CONTENTS};{_TEMPORARY}".split(";")):
                    self._database.execute(statement)
                self.outputs = Outputs(self._database, is_new=version == 0)
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" in str(error):
                raise JournalInUse(f"Another run works on {path}. Wait for it, or choose another --journal.") from error
            raise BadJournal(
                f"The journal {path} cannot be used: {error}. Make room, choose another --journal, or remove it to "
                "begin anew."
            ) from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise BadJournal(f"{path} is no journal of a run. Remove it, or choose another --journal.") from error
        if version > _VERSION:
            self._database.close()
            raise BadJournal(f"{path} is of another version of this program. Remove it to begin anew.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        if isinstance(error, sqlite3.OperationalError):
            raise WriteFailed(f"The journal {self._path} cannot be read or written: {error}") from error

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Undo at the end all changes that the block makes to the journal."""
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

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
        """Forget the rows of all files that are listed, and those of other files with the same content."""
        self._database.execute(
            "DELETE FROM rows WHERE path IN (SELECT path FROM listed) "
            "OR (length(version) = 80 AND version IN (SELECT version FROM listed))"
        )

    def forget_passing_errors(self, timeout_seconds: float) -> None:
        """Forget the rows with an error that another run, or one with this timeout, may not find."""
        self._database.execute("DELETE FROM rows WHERE NOT final OR timeout_seconds < ?", (timeout_seconds,))

    def forget_errors(self) -> None:
        """Forget the rows with an error of all files that are listed, and of others with the same content."""
        failed = ((_bytes(row.path),) * 2 for row in self.rows() if row.error_kind)
        with self._transaction():
            self._database.executemany(
                "DELETE FROM rows WHERE path = ? "
                "OR (length(version) = 80 AND version = (SELECT version FROM listed WHERE path = ?))",
                failed,
            )

    def new(self) -> int:
        """Return how many of the files listed were never scored."""
        return self._number("SELECT count(*) FROM listed WHERE path NOT IN (SELECT path FROM rows)")

    def take_over(self) -> Iterator[Row]:
        """Give files that lack their row the row of a file with the same content, and yield these rows.

        That is known of files that are listed by their content. Of several pending ones with the same content, only the
        first is yielded by `pending` afterwards: when it has its row, this gives it to the others.
        """
        with self._transaction():
            self._database.execute("DELETE FROM known")
            self._database.execute(_FIND_KNOWN)
        for path, size, version, packed, timeout_seconds in self._all(_KNOWN):
            file = SongFile(_text(path), size, version.removeprefix(self._settings))
            row = replace(Row.unpack(packed), path=file.path)
            self.keep([(file, row)], timeout_seconds or 0.0)
            yield row
        with self._transaction():
            self._database.execute("DELETE FROM twins")
            self._database.execute(_FIND_TWINS)

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

    def keep(self, scored: Iterable[tuple[SongFile, Row]], timeout_seconds: float) -> None:
        """Keep the rows of files: all of them, or none if the process is killed meanwhile.

        An error that a longer timeout may avoid counts until a run has one.
        """
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)",
                (
                    (
                        _bytes(file.path),
                        self._version(file),
                        row.error_kind in _FINAL,
                        row.pack(),
                        timeout_seconds if row.error_kind in TIMEOUT_ERRORS else None,
                    )
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
        """Yield the rows of a statement, a thousand at a time after a path, so that the tables may change meanwhile."""
        after = b""
        while found := self._database.execute(statement, (after,)).fetchall():
            yield from found
            after = found[-1][0]

    def _version(self, file: SongFile) -> str:
        return self._settings + file.version

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        # Not BEGIN, which a rehearsal has begun with.
        self._database.execute("SAVEPOINT change")
        try:
            yield
        except BaseException:
            # A full disk has rolled it back already.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK TO change")
                self._database.execute("RELEASE change")
            raise
        self._database.execute("RELEASE change")

    def _number(self, statement: str) -> int:
        found: tuple[int] = self._database.execute(statement).fetchone()
        return found[0]


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")

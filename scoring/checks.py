"""Checks before the first song is scored, so that a run does not fail at its end."""

import os
import shutil
from pathlib import Path

from inference.card import ModelCard
from scoring import table
from scoring.addresses import local_path
from scoring.options import ScoreOptions
from scoring.outputs import ForeignFile, Outputs
from scoring.playlists import playlist_paths
from scoring.row import in_bucket
from scoring.undo import UndoJournal

# The journal grows by this with the row of a song of four minutes, with tags.
JOURNAL_BYTES_PER_FILE = 1_700
# SQLite's write-ahead log beside it: some pages per row, until it is reused from its beginning.
_LOG_BYTES_PER_FILE, _LOG_BYTES = 16_000, 4_200_000


class NoRoom(OSError):
    """A disk that will not hold the journal; the message names it and the remedy."""


def check_outputs(outputs: Outputs, options: ScoreOptions, card: ModelCard) -> None:
    """Raise ForeignFile or BadTable for a file that cannot be written, or that would replace one of somebody else's."""
    files = [Path(out) for out in options.tables if not in_bucket(out)]
    files += [options.report] if options.report else []
    sources = [path for path in (Path(local_path(source) or source) for source in options.sources) if path.is_file()]
    for path in files:
        _check_folder(path)
        if path.exists() and any(path.samefile(source) for source in sources):
            raise ForeignFile(f"{path} is one of the sources. Choose another place for it.")
    for out in options.out:
        table.check_free(out, outputs, force=options.force)
    others = [options.report] if options.report else []
    if options.playlists:
        if options.playlists.exists() and not options.playlists.is_dir():
            raise table.BadTable(f"{options.playlists} is no folder. Choose another --playlists.")
        others += playlist_paths(options.playlists, card.genres).values()
    for path in others:
        outputs.check(str(path), force=options.force)


def check_undo_journal(path: Path) -> None:
    """Raise BadUndoJournal or BadTable if the undo journal could not be written when the first file is tagged."""
    _check_folder(path)
    if path.exists():
        UndoJournal(path)


def check_room(journal: Path, files: int) -> None:
    """Raise NoRoom if the disk of the journal will not hold the rows of so many files more."""
    needed = files * JOURNAL_BYTES_PER_FILE + min(files * _LOG_BYTES_PER_FILE, _LOG_BYTES)
    free = shutil.disk_usage(journal.absolute().parent).free
    if needed > free:
        raise NoRoom(
            f"The journal {journal} needs about {_megabytes(needed)} for {files} files, and its disk has "
            f"{_megabytes(free)}. Make room, or choose a --journal on another disk. Nothing is scored yet."
        )


def _check_folder(path: Path) -> None:
    """Raise BadTable if no file can be made at a path."""
    if not path.parent.is_dir():
        raise table.BadTable(f"There is no folder {path.parent} for {path.name}. Make it, or choose another place.")
    if not os.access(path.parent, os.W_OK):
        raise table.BadTable(f"The folder {path.parent} may not be written to. Allow it, or choose another place.")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"

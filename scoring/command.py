"""The command: what `python -m scoring` and `genre-score` do."""

import argparse
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from inference.bundle import BadBundle, Bundle, find_card, list_cards, load_bundle
from inference.card import ModelCard
from scoring import table
from scoring.arguments import UNDO, read
from scoring.journal import BadJournal, Journal, JournalInUse
from scoring.outputs import ForeignFile, Outputs
from scoring.playlists import playlist_paths, write_playlists
from scoring.progress import Progress
from scoring.replacement import clear_leftovers
from scoring.report import write_report
from scoring.row import BucketError, Row, SongFile, in_bucket, readable
from scoring.scorer import settings_hash
from scoring.sources import BadSource, list_files, look
from scoring.summary import summarise
from scoring.tags import (
    UNREADABLE,
    UNTAGGABLE,
    UNWRITABLE,
    BadNames,
    Change,
    TagSettings,
    plan,
    read_names,
    write,
)
from scoring.undo import BadUndoJournal, UndoJournal, undo
from scoring.workers import DeadWorker, Workers

ALL_SCORED, SOME_FAILED, WRONG_USAGE, STOPPED = 0, 1, 2, 130
_USAGE_ERRORS = (
    BadBundle,
    BadJournal,
    BadNames,
    BadSource,
    BadUndoJournal,
    ForeignFile,
    JournalInUse,
    table.BadTable,
)


def run(arguments: Sequence[str]) -> int:
    """Run the command with its arguments; return 0 if every file was scored, 1 if some failed, 2 for wrong usage."""
    asked = read(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        return _undo(asked.journal) if asked.command == UNDO else _score(asked)
    except KeyboardInterrupt:
        _say("Stopped. What is scored is kept: the same command goes on from there.")
        return STOPPED
    except _USAGE_ERRORS as error:
        _say(str(error))
        return WRONG_USAGE
    except (BucketError, DeadWorker, OSError, sqlite3.OperationalError) as error:
        _say(f"{error}. What is scored is kept: the same command goes on from there.")
        return SOME_FAILED


def _undo(journal: Path) -> int:
    try:
        undone = undo(journal)
    except FileNotFoundError as error:
        raise BadUndoJournal(f"There is no {journal}.") from error
    for outcome, count in Counter(one.outcome for one in undone).most_common():
        _say(f"{count} {outcome}")
    failed = [one for one in undone if not one.succeeded]
    for one in failed:
        _say(f"{str(one.path)!r}: {one.outcome}")
    return SOME_FAILED if failed else ALL_SCORED


def _score(asked: argparse.Namespace) -> int:
    table.check(asked.out)
    card = find_card(asked.model, list_cards(asked.models))
    bundle = load_bundle(asked.models / card.name)
    names = read_names(asked.names, card.genres) if asked.names else {}
    settings = TagSettings(names, asked.least_confidence, asked.overwrite, asked.keep_time)
    with Journal(asked.journal or _beside(asked.out, ".journal"), settings_hash(card)) as journal:
        _say("Listing the files.")
        _check_outputs(journal.outputs, asked, card)
        total = journal.list_anew(list_files(asked.sources, by_content=asked.by_content))
        if asked.force:
            journal.forget()
        journal.forget_passing_errors()
        _work(journal, total, asked, bundle)
        table.write(journal.rows(), asked.out, card.genres, journal.outputs, force=asked.force)
        if asked.write_tags:
            _write_tags(journal, asked, settings)
        return _finish(journal, asked, card)


def _check_outputs(outputs: Outputs, asked: argparse.Namespace, card: ModelCard) -> None:
    """Raise ForeignFile or BadTable for a file that cannot be written, or that would replace one of somebody else's."""
    written = [asked.out] if not asked.out.endswith("/") and not in_bucket(asked.out) else []
    if asked.report:
        written.append(str(asked.report))
        if not asked.report.parent.is_dir():
            raise table.BadTable(f"There is no folder {asked.report.parent}. Make it, or choose another --report.")
    sources = [Path(source) for source in asked.sources if Path(source).is_file()]
    for path in map(Path, written):
        if path.exists() and any(path.samefile(source) for source in sources):
            raise ForeignFile(f"{path} is one of the sources. Choose another place for what is written.")
    table.check_free(asked.out, outputs, force=asked.force)
    others = [asked.report] if asked.report else []
    if asked.playlists:
        if asked.playlists.exists() and not asked.playlists.is_dir():
            raise table.BadTable(f"{asked.playlists} is no folder. Choose another --playlists.")
        others += playlist_paths(asked.playlists, card.genres).values()
    for path in others:
        outputs.check(str(path), force=asked.force)


def _work(journal: Journal, total: int, asked: argparse.Namespace, bundle: Bundle) -> None:
    """Score what is pending, and keep each row as it comes."""
    done = journal.done()
    if done == total:
        return
    progress = Progress(total, done)
    try:
        for file, row in _scored(journal.pending(), asked, bundle):
            journal.keep([(file, row)])
            progress.add(row)
    finally:
        progress.close()


def _scored(files: Iterable[SongFile], asked: argparse.Namespace, bundle: Bundle) -> Iterator[tuple[SongFile, Row]]:
    if asked.engine == "ray":
        # Here, as it takes seconds, and not everybody has it.
        from scoring.cluster import score_on_ray

        yield from score_on_ray(files, bundle, asked.timeout, asked.address)
    else:
        with Workers(asked.workers, bundle, asked.timeout) as workers:
            yield from workers.score(files)


def _write_tags(journal: Journal, asked: argparse.Namespace, settings: TagSettings) -> None:
    """Write the genres into the files, or list what would be written, and say what became of how many."""
    undo_journal = asked.undo_journal or _beside(asked.out, ".tags")
    outcomes: Counter[str] = Counter()
    cleared: set[Path] = set()
    for row in journal.rows():
        if row.confidence is None or in_bucket(row.path):
            outcomes["without an answer" if row.confidence is None else "in a bucket"] += 1
            continue
        folder = Path(row.path).parent
        if folder not in cleared and not asked.dry_run:
            cleared.add(folder)
            outcomes["left by a killed run, removed"] += clear_leftovers(folder)
        change = plan(Path(row.path), row.genre, row.confidence, settings)
        if isinstance(change, Change) and not asked.dry_run:
            change = write(change, UndoJournal(undo_journal), keep_time=settings.keep_time)
            if isinstance(change, Change):
                # Its sound is what it was.
                journal.renew(look(row.path, by_content=asked.by_content))
        if isinstance(change, Change):
            outcomes["to be tagged" if asked.dry_run else "tagged"] += 1
            if asked.dry_run:
                print(f"{readable(row.path)}: {change.before or 'no genre'} -> {change.after}")
        else:
            outcomes[change.reason] += 1
            if change.reason in (UNTAGGABLE, UNREADABLE, UNWRITABLE):
                _say(f"{row.path!r}: {change.reason}. {change.detail}")
    for outcome, count in outcomes.most_common():
        if count:
            _say(f"  {outcome}: {count}")


def _finish(journal: Journal, asked: argparse.Namespace, card: ModelCard) -> int:
    summary = summarise(journal.rows())
    if asked.playlists:
        write_playlists(journal.rows(), playlist_paths(asked.playlists, card.genres), journal.outputs)
    if asked.report:
        journal.outputs.begin(str(asked.report))
        write_report(summary, card, asked.report)
        journal.outputs.end(str(asked.report))
    for line in summary.lines():
        _say(line)
    for row in summary.errors:
        _say(f"{row.path!r}: {row.error}")
    if more := summary.failed - len(summary.errors):
        _say(f"{more} more with an error stand in the table.")
    return SOME_FAILED if summary.failed else ALL_SCORED


def _beside(out: str, suffix: str) -> Path:
    """Return the file beside a table that belongs to it; of a table in a bucket, it is here."""
    name = out.rstrip("/")
    return Path((name.rpartition("/")[2] if in_bucket(out) else name) + suffix)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as Python calls it
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, file=sys.stderr)

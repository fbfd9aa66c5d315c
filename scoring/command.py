"""The command: `genre-score`, or `python -m scoring`."""

import argparse
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from inference.bundle import BadBundle, Bundle, find_card, list_cards, load_bundle
from inference.card import ModelCard
from scoring import table
from scoring.addresses import Addresses
from scoring.arguments import UNDO, read
from scoring.checks import NoRoom, check_outputs, check_room, check_undo_journal
from scoring.cluster_address import NoCluster, find_cluster
from scoring.console import Console
from scoring.journal import BadJournal, Journal, JournalInUse
from scoring.outputs import ForeignFile
from scoring.playlists import playlist_paths, write_playlists
from scoring.progress import Progress, counted
from scoring.report import write_report
from scoring.row import BucketError, Row, SongFile, in_bucket, settings_hash
from scoring.selection import Selection
from scoring.sources import BadSource, list_files
from scoring.summary import summarise
from scoring.table import STANDARD_OUTPUT
from scoring.tagging import write_tags
from scoring.tags import BadNames, TagSettings, read_names
from scoring.undo import BadUndoJournal, undo
from scoring.workers import DeadWorker, Workers
from scoring.writing import naming

ALL_SCORED, SOME_FAILED, WRONG_USAGE, STOPPED = 0, 1, 2, 130
_USAGE_ERRORS = (
    BadBundle,
    BadJournal,
    BadNames,
    BadSource,
    BadUndoJournal,
    ForeignFile,
    JournalInUse,
    NoCluster,
    NoRoom,
    table.BadTable,
)


def run(arguments: Sequence[str]) -> int:
    """Run the command with its arguments; return its exit status, as the help lists them."""
    signal.signal(signal.SIGTERM, _stop)
    # Errors of arguments are written in any case.
    console = Console()
    try:
        asked = read(arguments)
        console = Console(quiet=asked.quiet)
        if asked.command == UNDO:
            return _undo(asked.journal, console)
        return _dry_run(asked, console) if asked.dry_run and not asked.write_tags else _score(asked, console)
    except KeyboardInterrupt:
        console.error("Stopped. The same command goes on from there.")
        return STOPPED
    except _USAGE_ERRORS as error:
        console.error(str(error))
        return WRONG_USAGE
    except (BucketError, DeadWorker, OSError) as error:
        console.error(f"{str(error).rstrip('.')}. All results are kept: the same command goes on from there.")
        return SOME_FAILED


def _undo(journal: Path, console: Console) -> int:
    try:
        undone = undo(journal)
    except FileNotFoundError as error:
        raise BadUndoJournal(f"There is no {journal}.") from error
    for outcome, count in Counter(one.outcome for one in undone).most_common():
        console.say(f"{count} {outcome}")
    failed = [one for one in undone if not one.succeeded]
    for one in failed:
        console.error(f"{str(one.path)!r}: {one.outcome}")
    return SOME_FAILED if failed else ALL_SCORED


def _dry_run(asked: argparse.Namespace, console: Console) -> int:
    """Write how many files would be scored; change nothing."""
    card = _card(asked)
    path = _journal_path(asked)
    with (
        Journal(path if path.exists() else Path(":memory:"), settings_hash(card, asked.excerpts)) as journal,
        journal.rehearsal(),
    ):
        total, _ = _list(journal, asked, card, console)
        new = journal.new()
        _forget(journal, asked)
        new -= sum(1 for _ in journal.take_over())
        pending = total - journal.done()
        console.result(f"{total} files listed, {total - pending} of them scored already")
        console.result(f"{pending} files to score: {new} new, {pending - new} again")
        check_room(path, pending)
    return ALL_SCORED


def _score(asked: argparse.Namespace, console: Console) -> int:
    card = _card(asked)
    bundle = load_bundle(asked.models / card.name)
    names = read_names(asked.names, card.genres) if asked.names else {}
    settings = TagSettings(names, asked.least_confidence, asked.overwrite, asked.keep_time)
    if asked.engine == "ray":
        asked.address = find_cluster(asked.address)
    undo_journal = asked.undo_journal or _beside(asked, ".tags")
    if asked.write_tags and not asked.dry_run:
        check_undo_journal(undo_journal)
    with Journal(_journal_path(asked), settings_hash(card, asked.excerpts)) as journal:
        total, selection = _list(journal, asked, card, console)
        _forget(journal, asked)
        check_room(_journal_path(asked), total - journal.done())
        _work(journal, total, asked, bundle, console)
        _write_tables(journal, [out for out in asked.out if out != STANDARD_OUTPUT], asked, card)
        untagged = 0
        if asked.write_tags:
            rows = counted(journal.rows(), "Tagging", console, total)
            untagged = write_tags(
                rows, journal, settings, undo_journal, console, dry_run=asked.dry_run, by_content=asked.by_content
            )
        failed = _finish(journal, asked, card, selection, console)
        # Last, as its reader may go before the end.
        _write_tables(journal, [out for out in asked.out if out == STANDARD_OUTPUT], asked, card)
    return SOME_FAILED if failed or untagged else ALL_SCORED


def _write_tables(journal: Journal, outs: Iterable[str], asked: argparse.Namespace, card: ModelCard) -> None:
    addresses = Addresses(asked.relative_to)
    for out in outs:
        rows = (replace(row, path=addresses.in_table(row.path)) for row in journal.rows())
        table.write(rows, out, card.genres, journal.outputs, force=asked.force)


def _card(asked: argparse.Namespace) -> ModelCard:
    """Return the card of the model, after a look at the tables' names, which costs less."""
    for out in asked.out:
        table.check(out)
    return find_card(asked.model, list_cards(asked.models))


def _list(journal: Journal, asked: argparse.Namespace, card: ModelCard, console: Console) -> tuple[int, Selection]:
    """Take the files of all sources into the journal, and return how many there are, and the selection."""
    console.say("Listing the files.")
    check_outputs(journal.outputs, asked, card)
    selection = Selection(asked.include, asked.exclude)
    files = list_files(asked.sources, by_content=asked.by_content, selection=selection)
    total = journal.list_anew(counted(files, "Listing", console))
    console.say(f"{total} files found.")
    return total, selection


def _forget(journal: Journal, asked: argparse.Namespace) -> None:
    """Forget the rows of files to score again."""
    if asked.force:
        journal.forget()
    if asked.retry_errors:
        journal.forget_errors()
    journal.forget_passing_errors(asked.timeout)


def _work(journal: Journal, total: int, asked: argparse.Namespace, bundle: Bundle, console: Console) -> None:
    """Score the pending files, and keep each row as it comes."""
    if moved := sum(1 for _ in journal.take_over()):
        console.say(f"{moved} files have the content of others that are scored already.")
    done = journal.done()
    if done == total:
        return
    progress = Progress(total, done, console)
    try:
        # Once more only if one of several files with the same content had an error that the others may not have.
        while journal.done() < total:
            processes = min(asked.workers, total - journal.done())
            for file, row in _scored(journal.pending(), processes, asked, bundle):
                journal.keep([(file, row)], asked.timeout)
                progress.add(row)
            for row in journal.take_over():
                progress.add(row)
    finally:
        progress.close()


def _scored(
    files: Iterable[SongFile], processes: int, asked: argparse.Namespace, bundle: Bundle
) -> Iterator[tuple[SongFile, Row]]:
    if asked.engine == "ray":
        # Here, as it takes seconds, and not everybody has it.
        from scoring.cluster import score_on_ray

        yield from score_on_ray(files, bundle, asked.timeout, asked.address, processes, asked.excerpts)
    else:
        with Workers(processes, bundle, asked.timeout, asked.excerpts) as workers:
            yield from workers.score(files)


def _finish(
    journal: Journal, asked: argparse.Namespace, card: ModelCard, selection: Selection, console: Console
) -> int:
    """Write the playlists, the report and the last messages; return how many files failed."""
    summary = summarise(journal.rows(), selection)
    if asked.playlists:
        paths = playlist_paths(asked.playlists, card.genres)
        with naming(str(asked.playlists)):
            write_playlists(journal.rows(), paths, journal.outputs, Addresses(asked.relative_to))
    if asked.report:
        with journal.outputs.writing(str(asked.report)):
            write_report(summary, card, asked.report)
    for line in summary.lines():
        console.say(line)
    for row in summary.errors:
        console.error(f"{row.path!r}: {row.error}")
    if more := summary.failed - len(summary.errors):
        console.error(f"{more} more with an error stand in the table.")
    return summary.failed


def _journal_path(asked: argparse.Namespace) -> Path:
    return asked.journal or _beside(asked, ".journal")


def _beside(asked: argparse.Namespace, suffix: str) -> Path:
    """Return the file beside the first table that belongs to the run; for a table in a bucket, it is here.

    Where the only table goes to standard output, it is beside the journal.
    """
    out = next((out for out in asked.out if out != STANDARD_OUTPUT), str(asked.journal))
    name = out.rstrip("/")
    return Path((name.rpartition("/")[2] if in_bucket(out) else name) + suffix)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as Python calls it
    raise KeyboardInterrupt

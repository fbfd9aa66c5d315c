"""The command: `genre-score`, or `python -m scoring`."""

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
from scoring.arguments import read
from scoring.checks import NoRoom, check_outputs, check_room, check_undo_journal
from scoring.cluster_address import NoCluster, find_cluster
from scoring.console import Console
from scoring.journal import BadJournal, Journal, JournalInUse
from scoring.options import ScoreOptions, UndoOptions
from scoring.outputs import ForeignFile
from scoring.playlists import playlist_paths, write_playlists
from scoring.progress import Progress, counted
from scoring.report import write_report
from scoring.row import BucketError, Row, SongFile, settings_hash
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
        options = read(arguments)
        console = Console(quiet=options.quiet)
        if isinstance(options, UndoOptions):
            return _undo(options.journal, console)
        return _dry_run(options, console) if options.dry_run and not options.write_tags else _score(options, console)
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


def _dry_run(options: ScoreOptions, console: Console) -> int:
    """Write how many files would be scored; change nothing."""
    card = _card(options)
    path = options.journal_path
    with (
        Journal(path if path.exists() else Path(":memory:"), settings_hash(card, options.excerpts)) as journal,
        journal.rehearsal(),
    ):
        total, _ = _list(journal, options, card, console)
        new = journal.new()
        _forget(journal, options)
        new -= sum(1 for _ in journal.take_over())
        pending = total - journal.done()
        console.result(f"{total} files listed, {total - pending} of them scored already")
        console.result(f"{pending} files to score: {new} new, {pending - new} again")
        check_room(path, pending)
    return ALL_SCORED


def _score(options: ScoreOptions, console: Console) -> int:
    card = _card(options)
    bundle = load_bundle(options.models / card.name)
    names = read_names(options.names, card.genres) if options.names else {}
    settings = TagSettings(names, options.least_confidence, options.overwrite, options.keep_time)
    if options.engine == "ray":
        options = replace(options, address=find_cluster(options.address))
    if options.write_tags and not options.dry_run:
        check_undo_journal(options.undo_journal_path)
    with Journal(options.journal_path, settings_hash(card, options.excerpts)) as journal:
        total, selection = _list(journal, options, card, console)
        _forget(journal, options)
        check_room(options.journal_path, total - journal.done())
        _work(journal, total, options, bundle, console)
        _write_tables(journal, options.tables, options, card)
        untagged = 0
        if options.write_tags:
            rows = counted(journal.rows(), "Tagging", console, total)
            untagged = write_tags(
                rows,
                journal,
                settings,
                options.undo_journal_path,
                console,
                dry_run=options.dry_run,
                by_content=options.by_content,
            )
        failed = _finish(journal, options, card, selection, console)
        # Last, as its reader may go before the end.
        _write_tables(journal, [out for out in options.out if out == STANDARD_OUTPUT], options, card)
    return SOME_FAILED if failed or untagged else ALL_SCORED


def _write_tables(journal: Journal, outs: Iterable[str], options: ScoreOptions, card: ModelCard) -> None:
    addresses = Addresses(options.relative_to)
    for out in outs:
        rows = (replace(row, path=addresses.in_table(row.path)) for row in journal.rows())
        table.write(rows, out, card.genres, journal.outputs, force=options.force)


def _card(options: ScoreOptions) -> ModelCard:
    """Return the card of the model, after a look at the tables' names, which costs less."""
    for out in options.out:
        table.check(out)
    return find_card(options.model, list_cards(options.models))


def _list(journal: Journal, options: ScoreOptions, card: ModelCard, console: Console) -> tuple[int, Selection]:
    """Take the files of all sources into the journal, and return how many there are, and the selection."""
    console.say("Listing the files.")
    check_outputs(journal.outputs, options, card)
    selection = Selection(options.include, options.exclude)
    files = list_files(options.sources, by_content=options.by_content, selection=selection)
    total = journal.list_anew(counted(files, "Listing", console))
    console.say(f"{total} files found.")
    return total, selection


def _forget(journal: Journal, options: ScoreOptions) -> None:
    """Forget the rows of files to score again."""
    if options.force:
        journal.forget()
    if options.retry_errors:
        journal.forget_errors()
    journal.forget_passing_errors(options.timeout)


def _work(journal: Journal, total: int, options: ScoreOptions, bundle: Bundle, console: Console) -> None:
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
            processes = min(options.workers, total - journal.done())
            for file, row in _scored(journal.pending(), processes, options, bundle):
                journal.keep([(file, row)], options.timeout)
                progress.add(row)
            for row in journal.take_over():
                progress.add(row)
    finally:
        progress.close()


def _scored(
    files: Iterable[SongFile], processes: int, options: ScoreOptions, bundle: Bundle
) -> Iterator[tuple[SongFile, Row]]:
    if options.engine == "ray":
        # Here, as it takes seconds, and not everybody has it.
        from scoring.cluster import score_on_ray

        yield from score_on_ray(files, bundle, options.timeout, options.address, processes, options.excerpts)
    else:
        with Workers(processes, bundle, options.timeout, options.excerpts) as workers:
            yield from workers.score(files)


def _finish(journal: Journal, options: ScoreOptions, card: ModelCard, selection: Selection, console: Console) -> int:
    """Write the playlists, the report and the last messages; return how many files failed."""
    summary = summarise(journal.rows(), selection)
    if options.playlists:
        paths = playlist_paths(options.playlists, card.genres)
        with naming(str(options.playlists)):
            write_playlists(journal.rows(), paths, journal.outputs, Addresses(options.relative_to))
    if options.report:
        with journal.outputs.writing(str(options.report)):
            write_report(summary, card, options.report)
    for line in summary.lines():
        console.say(line)
    for row in summary.errors:
        console.error(f"{row.path!r}: {row.error}")
    if more := summary.failed - len(summary.errors):
        console.error(f"{more} more with an error stand in the table.")
    return summary.failed


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as Python calls it
    raise KeyboardInterrupt

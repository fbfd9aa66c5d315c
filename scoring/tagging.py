"""Predicted genres written into the files of a run, or listed."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from scoring.addresses import one_line
from scoring.console import Console
from scoring.journal import Journal
from scoring.replacement import clear_leftovers
from scoring.row import Row, in_bucket
from scoring.sources import look
from scoring.tags import UNREADABLE, UNTAGGABLE, UNWRITABLE, Change, Skipped, TagSettings, plan, write
from scoring.undo import BadUndoJournal, UndoJournal
from scoring.writing import WriteFailed

_FAILED = (UNREADABLE, UNTAGGABLE, UNWRITABLE)


def write_tags(
    rows: Iterable[Row],
    journal: Journal,
    settings: TagSettings,
    undo_journal: Path,
    console: Console,
    *,
    dry_run: bool,
    by_content: bool,
) -> int:
    """Write the genres of rows into their files, or list them; return how many could not be written.

    Raises WriteFailed if the undo journal cannot be written.
    """
    outcomes: Counter[str] = Counter()
    cleared: set[Path] = set()
    for row in rows:
        if row.confidence is None or in_bucket(row.path):
            outcomes["without an answer" if row.confidence is None else "in a bucket"] += 1
            continue
        folder = Path(row.path).parent
        if folder not in cleared and not dry_run:
            cleared.add(folder)
            outcomes["left by a killed run, removed"] += clear_leftovers(folder)
        change = plan(Path(row.path), row.genre, row.confidence, settings)
        if isinstance(change, Change) and not dry_run:
            change = _write(change, undo_journal, keep_time=settings.keep_time)
            if isinstance(change, Change):
                # Its sound is the same.
                journal.renew(look(row.path, by_content=by_content))
        if isinstance(change, Change):
            outcomes["to be tagged" if dry_run else "tagged"] += 1
            if dry_run:
                console.result(f"{one_line(row.path)}: {change.before or 'no genre'} -> {change.after}")
        else:
            outcomes[change.reason] += 1
            if change.reason in _FAILED:
                console.error(f"{row.path!r}: {change.reason}. {change.detail}")
    for outcome, count in outcomes.most_common():
        if count:
            console.say(f"  {outcome}: {count}")
    return sum(outcomes[reason] for reason in _FAILED)


def _write(change: Change, undo_journal: Path, *, keep_time: bool) -> Change | Skipped:
    try:
        return write(change, UndoJournal(undo_journal), keep_time=keep_time)
    except BadUndoJournal as error:
        raise WriteFailed(str(error)) from error

"""The command: what `python -m scoring` and `genre-score` do."""

import argparse
import os
import signal
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from inference.bundle import MODELS, BadBundle, Bundle, find_card, list_cards, load_bundle
from inference.card import ModelCard
from scoring import table
from scoring.journal import BadJournal, Journal, JournalInUse
from scoring.playlists import write_playlists
from scoring.progress import Progress
from scoring.report import write_report
from scoring.row import BucketError, Row, SongFile, in_bucket
from scoring.scorer import settings_hash
from scoring.sources import BadSource, list_files
from scoring.summary import summarise
from scoring.workers import Workers

ALL_SCORED, SOME_FAILED, WRONG_USAGE, STOPPED = 0, 1, 2, 130
_USAGE_ERRORS = (BadBundle, BadJournal, BadSource, JournalInUse, table.BadTable)


def run(arguments: Sequence[str]) -> int:
    """Run the command with its arguments; return 0 if every file was scored, 1 if some failed, 2 for wrong usage."""
    asked = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        return _score(asked)
    except KeyboardInterrupt:
        _say("Stopped. What is scored is kept: the same command goes on from there.")
        return STOPPED
    except _USAGE_ERRORS as error:
        _say(str(error))
        return WRONG_USAGE
    except (BucketError, OSError, sqlite3.OperationalError) as error:
        _say(f"{error}. What is scored is kept: the same command goes on from there.")
        return SOME_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scoring",
        description="Score songs: a row of a table for each, with its genre and how sure that is.",
        epilog="A run that was stopped goes on when it is started again; one that was finished scores what is new or "
        "has changed. Exit status: 0, every file is scored; 1, some failed, and their rows say why; 2, wrong usage.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a song, a folder, a list of paths (.txt, .m3u8, or .csv with a column 'path'), or s3://bucket/prefix",
    )
    parser.add_argument(
        "--out", required=True, help="table.parquet, .csv or .jsonl, or folder/ for Parquet in parts; s3:// as well"
    )
    parser.add_argument("--model", help="name of the bundle; default: the service's")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of bundles (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="score again what is scored already")
    parser.add_argument(
        "--by-content", action="store_true", help="know a changed file by its content, not by size and time"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=300.0,
        metavar="SECONDS",
        help="the most for one song (default: %(default)g)",
    )
    parser.add_argument(
        "--journal", type=Path, help="file of what is done (default: beside the table, or here for one in a bucket)"
    )
    engine = parser.add_argument_group("where it is done")
    engine.add_argument(
        "--workers", type=_count, default=len(os.sched_getaffinity(0)), help="processes (default: one a core)"
    )
    engine.add_argument("--engine", choices=("local", "ray"), default="local")
    engine.add_argument("--address", help="a Ray cluster; default: one on this machine")
    more = parser.add_argument_group("what is made of it beside the table")
    more.add_argument("--playlists", type=Path, metavar="FOLDER", help="write a playlist a genre (M3U8)")
    more.add_argument("--report", type=Path, metavar="FILE", help="write a page about the run (HTML)")
    return parser


def _score(asked: argparse.Namespace) -> int:
    table.check(asked.out)
    card = find_card(asked.model, list_cards(asked.models))
    bundle = load_bundle(asked.models / card.name)
    with Journal(asked.journal or _journal_of(asked.out), settings_hash(card)) as journal:
        _say("Listing the files.")
        total = journal.list_anew(list_files(asked.sources, by_content=asked.by_content))
        if asked.force:
            journal.forget()
        journal.forget_passing_errors()
        _work(journal, total, asked, bundle)
        table.write(journal.rows(), asked.out, card.genres)
        return _finish(journal, asked, card)


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


def _finish(journal: Journal, asked: argparse.Namespace, card: ModelCard) -> int:
    summary = summarise(journal.rows())
    if asked.playlists:
        write_playlists(journal.rows(), asked.playlists)
    if asked.report:
        write_report(summary, card, asked.report)
    for line in summary.lines():
        _say(line)
    for row in summary.errors:
        _say(f"{row.path!r}: {row.error}")
    return SOME_FAILED if summary.failed else ALL_SCORED


def _journal_of(out: str) -> Path:
    if in_bucket(out):
        out = out.rstrip("/").rpartition("/")[2]
    return Path(f"{out.rstrip('/')}.journal")


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be over 0, not {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text}")
    return value


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as Python calls it
    raise KeyboardInterrupt


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")

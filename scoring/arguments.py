"""The command line of scoring: what may be asked for."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from inference.bundle import MODELS

UNDO = "undo"


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what is asked for, with `command` UNDO or "score"; end the process with status 2 for wrong usage."""
    if arguments[:1] == [UNDO]:
        return _undo_parser().parse_args(arguments)
    parser = _score_parser()
    asked = parser.parse_args(arguments)
    if asked.dry_run and not asked.write_tags:
        parser.error("--dry-run lists what --write-tags would write: give both")
    return asked


def _score_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scoring",
        description="Score songs: a row of a table for each, with its genre and how sure that is.",
        epilog="A run that was stopped goes on when it is started again; one that was finished scores what is new or "
        "has changed. `undo JOURNAL` brings tagged files back to what they were. Exit status: 0, every file is scored; "
        "1, some failed, and their rows say why; 2, wrong usage.",
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
    engine.add_argument("--workers", type=_count, default=_cores(), help="processes (default: one a core)")
    engine.add_argument("--engine", choices=("local", "ray"), default="local")
    engine.add_argument("--address", help="a Ray cluster; default: one on this machine")
    more = parser.add_argument_group("what is made of it beside the table")
    more.add_argument("--playlists", type=Path, metavar="FOLDER", help="write a playlist a genre (M3U8)")
    more.add_argument("--report", type=Path, metavar="FILE", help="write a page about the run (HTML)")
    tags = parser.add_argument_group("tags")
    tags.add_argument("--write-tags", action="store_true", help="write the genre into each file that has none")
    tags.add_argument("--overwrite", action="store_true", help="also where another genre stands")
    tags.add_argument(
        "--least-confidence",
        type=_share,
        default=0.6,
        metavar="SHARE",
        help="of a genre written (default: %(default)g)",
    )
    tags.add_argument("--names", type=Path, metavar="FILE", help="your names of the genres: CSV genre,name, or JSON")
    tags.add_argument("--dry-run", action="store_true", help="list what would be written, and write no tag")
    tags.add_argument("--keep-time", action="store_true", help="tagged files keep their time of modification")
    tags.add_argument("--undo-journal", type=Path, metavar="FILE", help="what `undo` takes (default: beside the table)")
    parser.set_defaults(command="score")
    return parser


def _undo_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scoring",
        description="Bring files back to what they were before their tags were written, bit for bit. "
        "Exit status: 0, all are; 1, some were changed since, and are left alone; 2, wrong usage.",
    )
    parser.add_argument("command", choices=[UNDO])
    parser.add_argument("journal", type=Path, metavar="JOURNAL")
    return parser


def _cores() -> int:
    """Return how many cores this process may use; macOS does not say, and gives it all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be over 0, not {text}")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, not {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text}")
    return value

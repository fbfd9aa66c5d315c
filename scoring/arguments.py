"""The command line of scoring: arguments, usage and help."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from features.cores import available_cores
from inference.bundle import MODELS, find_card, list_cards
from inference.options import add_excerpts, number, whole_number
from scoring.options import ScoreOptions, UndoOptions
from scoring.table import STANDARD_OUTPUT
from scoring.version import version

_UNDO = "undo"
_MORE = """\
sources: songs in any format, folders with all in them, lists (.txt, .m3u, .m3u8;
.csv with a column "path"), and objects in S3. Of folders and S3, --include and
--exclude choose by shell patterns, for the path below the source or for the name
of the song or of a folder: '*.flac', 'Live/*', Audiobooks.

tables: NAME.parquet, NAME.csv, NAME.json, NAME.jsonl, FOLDER/ for Parquet in
parts, the same in s3://..., and - for JSON Lines on standard output, which needs
--journal. The journal of a table in s3://... is in the current folder.

A run that was stopped or killed resumes when the same command is started again.
A finished one scores only new and changed files, and those whose error may have
gone: a longer --timeout tries slow songs again. --dry-run scores and writes
nothing; with --write-tags it scores, and lists the tags instead of writing them.

exit status:
  0    every file is scored, and every tag that was asked for is written
  1    some files failed (their rows say why), or a tag, table or other output
       could not be written
  2    wrong usage, or an input or output that cannot be used; nothing is scored
  130  stopped
"""
_UNDO_MORE = """\
exit status:
  0    every file is as it was before
  1    some files have changed since, and are left alone, or cannot be written
  2    wrong usage, or no undo journal
  130  stopped
"""


def read(arguments: Sequence[str]) -> ScoreOptions | UndoOptions:
    """Return the options that arguments give; end the process with status 2 for wrong usage."""
    if arguments[:1] == [_UNDO]:
        return UndoOptions(**vars(_undo_parser().parse_args(arguments[1:])))
    parser = _score_parser()
    options = ScoreOptions(**vars(parser.parse_args(arguments)))
    if len(set(options.out)) < len(options.out):
        parser.error("--out names the same table twice")
    if options.journal is None and not options.tables:
        parser.error("--out - needs --journal FILE: the run resumes from it")
    if options.dry_run and STANDARD_OUTPUT in options.out:
        parser.error("--out - and --dry-run both write to standard output: choose another --out")
    if options.address and options.engine != "ray":
        parser.error("--address is that of a Ray cluster: it needs --engine ray")
    return options


def _score_parser() -> argparse.ArgumentParser:
    name = _program()
    parser = argparse.ArgumentParser(
        prog=name,
        usage=f"{name} SOURCE... --out TABLE [options]\n       {name} {_UNDO} JOURNAL",
        description="Predict the genre of songs, and write a table with one row per song.",
        epilog=_MORE,
        formatter_class=_Formatter,
        add_help=False,
    )
    _add_files(parser.add_argument_group("input and output"))
    _add_scoring(parser.add_argument_group("scoring"))
    _add_tags(parser.add_argument_group("tags in the song files"))
    _add_messages(parser.add_argument_group("messages"))
    return parser


def _add_files(files: "argparse._ArgumentGroup") -> None:
    files.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="song, folder, list of paths, or s3://bucket/prefix"
    )
    files.add_argument(
        "--out",
        action="append",
        required=True,
        metavar="TABLE",
        help="table; its name says the format, see below; repeatable",
    )
    files.add_argument(
        "--journal",
        type=Path,
        metavar="FILE",
        help="results so far (default: TABLE.journal)",
    )
    files.add_argument("--report", type=Path, metavar="FILE", help="write an HTML page about the run")
    files.add_argument("--playlists", type=Path, metavar="FOLDER", help="write one M3U8 playlist per genre")
    for option, action in (("--include", "take only these songs"), ("--exclude", "leave out these songs or folders")):
        files.add_argument(
            option, action="append", default=[], metavar="PATTERN", help=f"{action}, see below; repeatable"
        )
    files.add_argument("--relative-to", type=_folder, metavar="FOLDER", help="relative paths for songs in this folder")


def _add_scoring(scoring: "argparse._ArgumentGroup") -> None:
    scoring.add_argument("--model", metavar="NAME", help="model to use (default: the service's)")
    scoring.add_argument(
        "--models", type=Path, default=MODELS, metavar="FOLDER", help="folder of models (default: the shipped ones)"
    )
    add_excerpts(scoring)
    scoring.add_argument("--force", action="store_true", help="score all files again; replace files of others")
    scoring.add_argument("--retry-errors", action="store_true", help="score files with an error again")
    scoring.add_argument("--by-content", action="store_true", help="find changes by content, not size and time")
    scoring.add_argument("--dry-run", action="store_true", help="count the files to score, or list the tags")
    scoring.add_argument(
        "--timeout", type=_seconds, default=300.0, metavar="SECONDS", help="limit per song (default: %(default)g)"
    )
    scoring.add_argument(
        "--workers", type=whole_number, default=available_cores(), metavar="N", help="processes (default: one per core)"
    )
    scoring.add_argument("--engine", choices=("local", "ray"), default="local", help="local processes, or Ray")
    scoring.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="Ray cluster (default: RAY_ADDRESS or a new one)",
    )


def _add_tags(tags: "argparse._ArgumentGroup") -> None:
    tags.add_argument("--write-tags", action="store_true", help="write the genre into each file that has none")
    tags.add_argument("--overwrite", action="store_true", help="replace other genres, too")
    tags.add_argument(
        "--least-confidence",
        type=_share,
        default=0.6,
        metavar="P",
        help="least confidence to write (default: %(default)g)",
    )
    tags.add_argument("--names", type=Path, metavar="FILE", help="your names of genres: CSV genre,name; or JSON")
    tags.add_argument("--keep-time", action="store_true", help="keep the files' time of modification")
    tags.add_argument("--undo-journal", type=Path, metavar="FILE", help=f"for `{_UNDO}` (default: TABLE.tags)")


def _add_messages(messages: "argparse._ArgumentGroup") -> None:
    messages.add_argument("--quiet", action="store_true", help="write errors only")
    messages.add_argument("--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="write the version")
    messages.add_argument("-h", "--help", action="help", help="write this help")


def _undo_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{_program()} {_UNDO}",
        description="Restore files as they were before their tags were written, bit for bit.",
        epilog=_UNDO_MORE,
        formatter_class=_Formatter,
    )
    parser.add_argument("journal", type=Path, metavar="JOURNAL", help="undo journal of the run: TABLE.tags")
    parser.add_argument("--quiet", action="store_true", help="write errors only")
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with a description and an epilog as they are written, and more options on one line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=27)


class _Version(argparse.Action):
    """Writes the versions of the command and of its default model."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        card = find_card(None, list_cards(MODELS))
        sys.stdout.write(f"{parser.prog} {version()} (default model: {card.name} {card.version})\n")
        parser.exit()


def _program() -> str:
    """Return the name that the command was started by."""
    name = Path(sys.argv[0]).name
    return "python -m scoring" if name == "__main__.py" else name


def _folder(text: str) -> str:
    if not os.path.isdir(text):  # noqa: PTH112 - the text is what is needed
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return os.path.abspath(text)  # noqa: PTH100 - Path.resolve would follow links


def _seconds(text: str) -> float:
    value = number(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be over 0, not {text}")
    return value


def _share(text: str) -> float:
    value = number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, not {text}")
    return value

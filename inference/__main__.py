"""Classify songs from the command line: `python -m inference song.mp3`."""

import argparse
import json
import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

from features.audio import UnreadableAudio
from inference import load_model
from inference.bundle import MODELS, BadBundle
from inference.classifier import GenreClassifier
from inference.options import add_excerpts, whole_number
from inference.prediction import Prediction

ALL_CLASSIFIED, SOME_FAILED, WRONG_USAGE, STOPPED = 0, 1, 2, 130
STANDARD_INPUT = "-"
_MOST_INPUT_BYTES = 1 << 30
_NOT_SURE = "not sure"

# Shows the prediction for a song, which is given as it was named.
_Show = Callable[[str, Prediction], None]


def main() -> int:
    """Classify each song and show its prediction; return 1 if a song failed, 2 for a model that cannot be used."""
    arguments = _parser().parse_args()
    try:
        classifier = load_model(arguments.model, arguments.models)
    except BadBundle as error:
        print(error, file=sys.stderr)
        return WRONG_USAGE
    is_table = sys.stdout.isatty() and not arguments.json
    try:
        genres, with_probabilities = classifier.card.genres, arguments.top_k is not None
        show = _table(genres, with_probabilities=with_probabilities) if is_table else _show_json
        return _classify(arguments.songs, classifier, arguments.excerpts, arguments.top_k, show)
    except KeyboardInterrupt:
        return STOPPED
    except OSError as error:
        # A reader that stops, such as `head`, knows that.
        if not isinstance(error, BrokenPipeError):
            print(f"The output cannot be written: {error.strerror}.", file=sys.stderr)
        # Python flushes the rest when it ends, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SOME_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m inference",
        description="Classify songs: on a terminal a table, else one JSON object per line and song, as the service "
        "answers. Each comes as soon as it is there.",
        epilog="Exit status: 0, every song is classified; 1, some failed, and standard error says why; 2, wrong usage.",
    )
    parser.add_argument("songs", nargs="+", metavar="SONG", help="an audio file, or - for standard input")
    parser.add_argument("--model", help="name of the bundle; default: our own kind, the best on validation")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of bundles (default: %(default)s)")
    add_excerpts(parser)
    parser.add_argument(
        "--top-k", type=whole_number, metavar="N", help="show the N most probable genres (default: all)"
    )
    parser.add_argument("--json", action="store_true", help="JSON on a terminal, too")
    return parser


def _classify(songs: Sequence[str], classifier: GenreClassifier, excerpts: int, top_k: int | None, show: _Show) -> int:
    status = ALL_CLASSIFIED
    for song in songs:
        try:
            prediction = classifier.classify(_content(song), excerpts)
        except (UnreadableAudio, OSError) as error:
            problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            print(f"{_printable(song)}: {problem}", file=sys.stderr, flush=True)
            status = SOME_FAILED
        else:
            probabilities = dict(islice(prediction.probabilities.items(), top_k))
            show(song, replace(prediction, probabilities=probabilities))
    return status


def _content(song: str) -> str | bytes:
    """Return a song's path, or the content of standard input; raise UnreadableAudio for an endless source."""
    if song == STANDARD_INPUT:
        return _standard_input()
    mode = os.stat(song).st_mode  # noqa: PTH116 - a Path would take ./- for -
    if stat.S_ISDIR(mode):
        raise UnreadableAudio("It is a folder. Name the songs in it, or use python -m scoring.")
    if not stat.S_ISREG(mode):
        raise UnreadableAudio("It is a pipe or a device, not a file. Name it - and connect it to standard input.")
    return song


def _standard_input() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise UnreadableAudio("No song comes from standard input. Connect a file or a pipe to it.")
    content = sys.stdin.buffer.read(_MOST_INPUT_BYTES + 1)
    if len(content) > _MOST_INPUT_BYTES:
        raise UnreadableAudio("Standard input has over 1 GB. Save the song to a file, and name that.")
    return content


def _show_json(song: str, prediction: Prediction) -> None:
    print(json.dumps({"file": str(Path(song)), **asdict(prediction)}), flush=True)


def _table(genres: Sequence[str], *, with_probabilities: bool) -> _Show:
    """Print the head of a table, and return the function that prints a line of it."""
    width = max(map(len, (*genres, _NOT_SURE)))
    print(f"{'genre':{width}}  confidence  song", flush=True)

    def show(song: str, prediction: Prediction) -> None:
        line = f"{prediction.genre or _NOT_SURE:{width}}  {prediction.confidence:10.3f}  {_printable(song)}"
        if with_probabilities:
            line += f"  ({', '.join(f'{genre} {share:.3f}' for genre, share in prediction.probabilities.items())})"
        if prediction.tags:
            line += f"  [{', '.join(prediction.tags)}]"
        print(line, flush=True)

    return show


def _printable(song: str) -> str:
    """Return a song's name as it is, or quoted if something in it cannot be shown in one line."""
    return song if song.isprintable() else ascii(song)


if __name__ == "__main__":
    sys.exit(main())

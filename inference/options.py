"""Options that several commands share."""

import argparse

from features.settings import EXCERPT_SECONDS, MAX_EXCERPTS

_ALL = "all"


def add_excerpts(parser: argparse._ActionsContainer) -> None:
    """Add --excerpts to a command: the number of excerpts of a song that are heard, 0 for the whole song."""
    parser.add_argument(
        "--excerpts",
        type=_excerpts,
        default=0,
        metavar="N",
        help=f"hear only N excerpts of {EXCERPT_SECONDS:g} seconds spread over each song, 1 to {MAX_EXCERPTS}, or "
        f"'{_ALL}' of it (the default); a song that is no longer than its excerpts is heard whole",
    )


def _excerpts(text: str) -> int:
    try:
        number = 0 if text == _ALL else int(text)
    except ValueError:
        number = -1
    if not (text == _ALL or 1 <= number <= MAX_EXCERPTS):
        raise argparse.ArgumentTypeError(f"must be {_ALL}, or a whole number from 1 to {MAX_EXCERPTS}, not {text!r}")
    return number


def whole_number(text: str) -> int:
    """Return an argument that must be a whole number from 1 on; raise ArgumentTypeError for another."""
    value = number(text)
    if value < 1 or not value.is_integer():
        raise argparse.ArgumentTypeError(f"must be 1 or more, without a fraction, not {text}")
    return int(value)


def number(text: str) -> float:
    """Return an argument that must be a number; raise ArgumentTypeError for another."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from error

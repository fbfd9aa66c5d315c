"""Attack the service, its decoder and the site, and print the rows of `docs/reliability.md`.

    python -m benchmarks.reliability files --count 20000
    python -m benchmarks.reliability requests --count 10000
    python -m benchmarks.reliability faults

Ends with 1 if one was not withstood. Every file and request of a seed can be made again; `--keep FOLDER` keeps those
that led to a fault.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.reliability import api, crowds, disk, files, kills, site
from benchmarks.reliability.result import HEAD, Result

# Name -> what is done.
FAULTS: dict[str, Callable[[], Result]] = {
    "worker": lambda: kills.kill("GenreService", 5),
    "features": lambda: kills.kill("MelFeatures", 5, GENRE_MEL_FEATURES="process"),
    "apart": lambda: kills.kill("GenreService", 5, GENRE_MEL_FEATURES="process"),
    "supervisor": lambda: kills.kill_supervisor(3),
    "disk": lambda: disk.full_disk(40, bentoml=False),
    "shared-disk": lambda: disk.full_disk(10, bentoml=True),
    "crowd": lambda: crowds.crowd(200, 30.0),
    "garbage": lambda: crowds.garbage(100, 30.0),
    "two": lambda: crowds.two_services(15.0),
    "slow": lambda: site.slow(200, 30.0),
    "hanging": lambda: site.hanging(200, 30.0),
}


def results(arguments: argparse.Namespace) -> Iterator[Result]:
    """Yield the result of each requested attack."""
    if arguments.attack == "files":
        yield files.measure(arguments.count, arguments.seed, keep=arguments.keep)
    elif arguments.attack == "requests":
        yield api.measure(arguments.count, arguments.seed, keep=arguments.keep)
    else:
        for name in arguments.only or FAULTS:
            yield FAULTS[name]()


def main() -> int:
    """Print a row each, as Markdown or JSON; return 1 if one was not withstood."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    attacks = parser.add_subparsers(dest="attack", required=True, metavar="ATTACK")
    for name, what, count in (
        ("files", "mutated files, decoded in a child process", 2000),
        ("requests", "generated requests to a real server", 1000),
    ):
        command = attacks.add_parser(name, help=what, description=f"{what.capitalize()}.")
        command.add_argument("--count", type=int, default=count, help="how many (default: %(default)s)")
        command.add_argument("--seed", type=int, default=0, help="default: %(default)s")
        command.add_argument("--keep", type=Path, metavar="FOLDER", help="where those that led to a fault are kept")
    faults = attacks.add_parser(
        "faults", help="killed processes, crowds, slow clients, a full disk", description="Faults."
    )
    faults.add_argument("only", nargs="*", metavar="FAULT", help=f"default: all of {', '.join(FAULTS)}")
    for command in attacks.choices.values():
        command.add_argument("--json", action="store_true", help="print JSON lines in place of a table")
    arguments = parser.parse_args()
    if unknown := set(getattr(arguments, "only", [])) - set(FAULTS):
        parser.error(f"there is no fault {', '.join(unknown)}. Choose from {', '.join(FAULTS)}.")
    failed = False
    if not arguments.json:
        print(HEAD, flush=True)
    for result in results(arguments):
        print(result.line() if arguments.json else result.row(), flush=True)
        failed |= result.passed is False
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

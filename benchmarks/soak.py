"""Ask the service for an hour, and see whether its memory stays: mixed formats, several clients.

    python -m benchmarks.soak --minutes 60

Prints a row of `docs/reliability.md`. Memory is the proportional set size of all processes of the service, taken every
few seconds; a minute's figure is the median. From the minute `--settled` on, all of them must lie within 5%.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.reliability.result import HEAD, Result
from benchmarks.reliability.service import ROOT, serve_genres
from benchmarks.reliability.songs import FORMATS, song
from benchmarks.server import Server
from inference.bundle import atomic_write

_SAMPLE_SECONDS = 5.0
_FLAT = 0.05
# Long enough to be of several clips, short enough for some thousands of answers.
_SONG_SECONDS = (12.0, 35.0, 70.0)


def write_songs(folder: Path) -> list[Path]:
    """Write a song of each format, of several lengths."""
    paths = []
    for number, name in enumerate(FORMATS):
        path = folder / f"{number:02}.{name.split(',')[0]}"
        path.write_bytes(song(name, _SONG_SECONDS[number % len(_SONG_SECONDS)], number))
        paths.append(path)
    return paths


def soak(server: Server, songs: Sequence[Path], minutes: float, clients: int) -> tuple[list[float], dict[str, int]]:
    """Return the memory of each minute, in MB, and how many answers had which status."""
    command = [sys.executable, "-m", "benchmarks.load", f"{server.url}/classify", str(60 * minutes), str(clients)]
    samples: list[list[float]] = []
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, *map(str, songs)], cwd=ROOT, stdout=subprocess.PIPE
    ) as load:
        began = time.monotonic()
        while time.monotonic() < began + 60 * minutes:
            minute = int((time.monotonic() - began) / 60)
            samples += [[] for _ in range(minute + 1 - len(samples))]
            samples[minute].append(server.memory_mb())
            time.sleep(_SAMPLE_SECONDS)
        printed, _ = load.communicate(timeout=600)
    if load.returncode:
        raise RuntimeError(f"The clients ended with {load.returncode}; they say why above.")
    statuses: dict[str, int] = json.loads(printed)["statuses"]
    return [statistics.median(minute) for minute in samples if minute], statuses


def main() -> int:
    """Print the row, and return 1 if the memory is not flat or an answer was an error."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="default: %(default)s")
    parser.add_argument("--settled", type=float, default=15.0, help="from which minute on memory must be flat")
    parser.add_argument("--clients", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the memory of each minute is kept, too")
    arguments = parser.parse_args()
    if arguments.settled >= arguments.minutes:
        parser.error("--settled must be less than --minutes.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        songs = write_songs(folder)
        with serve_genres(folder) as server:
            memory_mb, statuses = soak(server, songs, arguments.minutes, arguments.clients)
    settled = memory_mb[int(arguments.settled) :]
    level = statistics.median(settled)
    spread = (max(settled) - min(settled)) / level
    errors = sum(statuses.values()) - statuses.get("200", 0)
    result = Result(
        f"{arguments.minutes:g} minutes of {arguments.clients} clients, songs of {len(FORMATS)} formats",
        sum(statuses.values()),
        f"{errors} errors; memory {level:.0f} MB from minute {arguments.settled:g} on, {min(settled):.0f} to "
        f"{max(settled):.0f} ({spread:.1%})",
        not errors and spread <= _FLAT,
        f"python -m benchmarks.soak --minutes {arguments.minutes:g} --settled {arguments.settled:g} "
        f"--clients {arguments.clients}",
    )
    print(f"{HEAD}\n{result.row()}")  # noqa: T201
    if arguments.json:
        atomic_write(arguments.json, json.dumps({"memory_mb": memory_mb, "statuses": statuses}).encode())
    return int(not result.passed)


if __name__ == "__main__":
    sys.exit(main())

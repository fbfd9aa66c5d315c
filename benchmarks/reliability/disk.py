"""A temporary disk that is full while songs arrive."""

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks.reliability.clients import ask
from benchmarks.reliability.leaks import leaks
from benchmarks.reliability.result import Result
from benchmarks.reliability.service import processes, serve_genres
from benchmarks.reliability.songs import song

_COMMAND = "python -m benchmarks.reliability faults"
_DISK_MB = 16
# The first stays in memory while it arrives, the second goes to the disk.
_SMALL, _LARGE = ("mp3", 8.0), ("wav", 15.0)


class NoDisk(Exception):
    """There can be no small disk on this machine; the message says why."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system in memory until the block ends; raise NoDisk if that is not allowed."""
    disk = folder / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        raise NoDisk("needs root, to mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise NoDisk(f"no small disk can be mounted: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        # A process that is still ending may have a file open.
        subprocess.run(["umount", "--lazy", disk], check=True)  # noqa: S603, S607


def fill(disk: Path) -> Path:
    """Fill a disk to its last byte, and return the file that does so."""
    file = disk / "fill"
    with open(file, "wb", buffering=0) as output:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    output.write(bytes(size))
            except OSError:
                continue
    return file


def full_disk(tries: int) -> Result:
    """Send small and large songs while the temporary disk is full, and again when it is not.

    BentoML's own files are on that disk, too, as in the containers.
    """
    during: Counter[str] = Counter()
    after: Counter[str] = Counter()
    said: set[str] = set()
    try:
        with tempfile.TemporaryDirectory() as name, small_disk(Path(name)) as disk:
            settings = {"TMPDIR": str(disk), "BENTOML_HOME": str(disk / "bentoml")}
            with serve_genres(Path(name), **settings) as server, requests.Session() as session:
                songs = [song(*_SMALL), song(*_LARGE)]
                before = Counter(ask(session, server.url, content, 60).status for content in songs)
                workers = {process.pid for several in processes(server).values() for process in several}
                filled = fill(disk)
                for turn in range(tries):
                    answer = ask(session, server.url, songs[turn % 2], 60)
                    during[f"{answer.status} ({'large' if turn % 2 else 'small'})"] += 1
                refusal = requests.post(f"{server.url}/classify", files={"audio": songs[1]}, timeout=60)
                said.add(refusal.text)
                filled.unlink()
                after.update(ask(session, server.url, songs[turn % 2], 60).status for turn in range(10))
                same = workers == {process.pid for several in processes(server).values() for process in several}
    except NoDisk as reason:
        return Result("a full temporary disk", 0, str(reason), None, _COMMAND)
    return Result(
        "a full temporary disk, songs of 0.1 and 2.6 MB",
        tries,
        f"{', '.join(f'{count} × {status}' for status, count in sorted(during.items()))}; "
        f"{'the same processes' if same else 'a process died'}; when there is room again, "
        f"{', '.join(f'{count} × {status}' for status, count in after.items())}",
        same
        and set(before) == set(after) == {"200"}
        and not any(leaks(text) for text in said)
        and not any(status.startswith("500") for status in during),
        _COMMAND,
    )

"""A temporary disk that is full while songs arrive."""

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from benchmarks.reliability.clients import ask, in_words
from benchmarks.reliability.result import Result
from benchmarks.reliability.service import processes, serve_genres
from benchmarks.reliability.songs import song
from benchmarks.server import Server

_COMMAND = "python -m benchmarks.reliability faults"
_DISK_MB = 16
# A client's patience while the disk is full, and otherwise.
_LIMIT_SECONDS, _CALM_SECONDS = 10.0, 60.0
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


def full_disk(tries: int, *, bentoml: bool) -> Result:
    """Send small and large songs while the temporary disk is full, and again when it is not.

    `bentoml` puts BentoML's own files, those of its metrics among them, on the same disk.
    """
    during: Counter[str] = Counter()
    attack = f"a full temporary disk{', with the files of BentoML on it' if bentoml else ''}; songs of 0.1 and 2.6 MB"
    try:
        with tempfile.TemporaryDirectory() as name, small_disk(Path(name)) as disk:
            settings = {"TMPDIR": str(disk)} | ({"BENTOML_HOME": str(disk / "bentoml")} if bentoml else {})
            with serve_genres(Path(name), **settings) as server, requests.Session() as session:
                songs = [song(*_SMALL), song(*_LARGE)]
                before = Counter(ask(session, server.url, content, _CALM_SECONDS).status for content in songs)
                there = _pids(server)
                filled = fill(disk)
                for turn in range(tries):
                    status = ask(session, server.url, songs[turn % 2], _LIMIT_SECONDS).status
                    during[f"{status} for {'a large' if turn % 2 else 'a small'} one"] += 1
                same = there == _pids(server)
                filled.unlink()
                after = Counter(ask(session, server.url, songs[turn % 2], _CALM_SECONDS).status for turn in range(10))
    except NoDisk as reason:
        return Result(attack, 0, str(reason), None, _COMMAND)
    return Result(
        attack,
        tries,
        f"{in_words(dict(sorted(during.items())))}; {'no process died' if same else 'a process died'}; "
        f"with room again {in_words(after)}",
        same and set(before) == set(after) == {"200"} and during["200 for a small one"] == (tries + 1) // 2,
        _COMMAND,
    )


def _pids(server: Server) -> set[int]:
    return {process.pid for several in processes(server).values() for process in several}

"""The command, in a process of its own, as a user runs it."""

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
# The smallest model, in one process: neither its accuracy nor its speed is tested.
MODEL = ("--model", "gtzan-logistic")
ONE_PROCESS = ("--workers", "1")


def command(*arguments: str | Path) -> Sequence[str]:
    """Return the command with its arguments."""
    words = list(map(str, arguments))
    if words[0] != "undo":
        for default in (MODEL, ONE_PROCESS):
            if default[0] not in words:
                words += default
    return [sys.executable, "-m", "scoring", *words]


def start(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """Start the command."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So it is where the tests run in the background of a script, and so the command would take it over.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        command(*arguments), cwd=ROOT, env=os.environ | environment, stderr=subprocess.PIPE, text=True
    )


def score(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    """Run the command; return its exit status and what it says."""
    process = start(*arguments, **environment)
    said = process.communicate(timeout=100)[1]
    return process.returncode, said


def results(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command; return what it writes to standard output as well."""
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def on_terminal(*arguments: str | Path) -> tuple[int, str]:
    """Run the command on a terminal; return its exit status and what it shows there."""
    ours, its = pty.openpty()
    # A terminal without a size has no room for a bar.
    termios.tcsetwinsize(its, (24, 80))
    process = subprocess.Popen(command(*arguments), cwd=ROOT, stdin=its, stdout=its, stderr=its)
    os.close(its)
    shown = b""
    # Reading fails when nobody can write any more.
    with suppress(OSError):
        while block := os.read(ours, 65_536):
            shown += block
    os.close(ours)
    return process.wait(timeout=100), shown.decode(errors="replace")


def worker_on(pid: int, song: Path) -> psutil.Process | None:
    """Return the process of a run that has a song open, or None; raise psutil.Error if the run has ended."""
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any(file.path == str(song) for file in child.open_files()):
                return child
    return None


def wait_for_worker(process: subprocess.Popen[str], song: Path) -> None:
    """Wait until a run works on a song."""
    deadline = time.monotonic() + 60
    while worker_on(process.pid, song) is None:
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def rows_of(table: Path) -> list[dict[str, Any]]:
    """Return the rows of a table of Parquet."""
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(table).to_pylist()
    return rows

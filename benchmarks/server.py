"""A real server process, ready to be asked; the tests run theirs so, too."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

_START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A server that is ready: its address, the process that started it, and the file it logs to."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def memory_mb(self) -> float:
        """Return the proportional set size of its processes together."""
        parent = psutil.Process(self.process.pid)
        return float(sum(one.memory_full_info().pss for one in (parent, *parent.children(recursive=True)))) / 1e6


@contextmanager
def serve(command: Sequence[str | Path], folder: Path, log: Path, **settings: str) -> Iterator[Server]:
    """Run a command from when GET /readyz answers until the block ends; "{port}" in it becomes PORT, or a free one.

    Raises RuntimeError with its log if it ends before, or is not ready in two minutes.
    """
    port = free_port(int(settings.get("PORT", 0)))
    with open(log, "wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [str(part).format(port=port) for part in command],
            cwd=folder,
            env=os.environ | settings,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not is_ready(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield Server(url, process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def free_port(wanted: int = 0) -> int:
    """Return the port that is wanted, or any, if it is free; raise OSError if not."""
    with socket.socket() as free:
        # The port may have been another server's just now.
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", wanted))
        return int(free.getsockname()[1])


def is_ready(url: str) -> bool:
    """Return whether GET /readyz answers there."""
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        return False

"""A real server process, as `make run` starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
BENTOML = Path(sys.executable).with_name("bentoml")
START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A server that is ready: its address, the process that started it, and the file it logs to."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def serve(target: str, folder: Path, log: Path, **settings: str) -> Iterator[Server]:
    """Run `bentoml serve TARGET` in a folder until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"BENTOML_DO_NOT_TRACK": "True", "ORT_DISABLE_TELEMETRY": "1"} | settings
    command: list[str | Path] = [BENTOML, "serve", target, "--host", "127.0.0.1", "--port", str(port)]
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield Server(url, process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        return False

"""A real server process, as `make run` starts it."""

import json
import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import requests

from benchmarks import server
from benchmarks.server import Server

ROOT = Path(__file__).resolve().parents[2]
BENTOML = Path(sys.executable).with_name("bentoml")


def serve(target: str, folder: Path, log: Path, **settings: str) -> AbstractContextManager[Server]:
    """Run `bentoml serve TARGET` in a folder until the block ends."""
    return server.serve(_command(target, "{port}"), folder, log, **(_quiet(log) | settings))


def serve_in_vain(log: Path, port: int | None = None, **settings: str) -> tuple[int, list[dict[str, Any]]]:
    """Run `bentoml serve service:GenreService`, which must end by itself; return its exit status and its log."""
    with open(log, "wb") as output:
        done = subprocess.run(
            _command("service:GenreService", str(port or server.free_port())),
            cwd=ROOT,
            env=os.environ | _quiet(log) | settings,
            stdout=output,
            stderr=output,
            timeout=60,
            check=False,
        )
    return done.returncode, log_lines(log)


def log_lines(log: Path) -> list[dict[str, Any]]:
    """Return the lines of a log, all of which must be JSON."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def logged(server: Server, request_id: str) -> dict[str, Any]:
    """Return the line that is logged of a request, soon after its answer."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        # Between them, libmpg123 may complain of a damaged MP3.
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        for line in lines:
            if line.get("request_id") == request_id:
                return dict(line)
        time.sleep(0.1)
    raise AssertionError(server.log.read_text())


def _command(target: str, port: str) -> list[str | Path]:
    return [BENTOML, "serve", target, "--host", "127.0.0.1", "--port", port]


def _quiet(log: Path) -> dict[str, str]:
    # Servers of one home count in the same files, and each removes the others' when it starts.
    home = {"BENTOML_HOME": str(log.with_suffix(".home"))}
    return home | {"BENTOML_DO_NOT_TRACK": "True", "ORT_DISABLE_TELEMETRY": "1"}


def classify(server: Server, audio: bytes, name: str = "song.mp3", **fields: str) -> requests.Response:
    """Ask a server for a song's genre."""
    return requests.post(f"{server.url}/classify", files={"audio": (name, audio)}, data=fields, timeout=60)

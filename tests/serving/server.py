"""A real server process, as `make run` starts it."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path

import requests

from benchmarks import server
from benchmarks.server import Server

ROOT = Path(__file__).resolve().parents[2]
BENTOML = Path(sys.executable).with_name("bentoml")


def serve(target: str, folder: Path, log: Path, **settings: str) -> AbstractContextManager[Server]:
    """Run `bentoml serve TARGET` in a folder until the block ends."""
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "ORT_DISABLE_TELEMETRY": "1"}
    # Servers of one home count in the same files, and each removes the others' when it starts.
    quiet["BENTOML_HOME"] = str(log.with_suffix(".home"))
    command: list[str | Path] = [BENTOML, "serve", target, "--host", "127.0.0.1", "--port", "{port}"]
    return server.serve(command, folder, log, **(quiet | settings))


def classify(server: Server, audio: bytes, name: str = "song.mp3", **fields: str) -> requests.Response:
    """Ask a server for a song's genre."""
    return requests.post(f"{server.url}/classify", files={"audio": (name, audio)}, data=fields, timeout=60)

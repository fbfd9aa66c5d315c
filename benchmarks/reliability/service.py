"""The service, started for an attack."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from benchmarks.server import Server, serve

ROOT = Path(__file__).resolve().parents[2]


def serve_genres(folder: Path, name: str = "service", **settings: str) -> AbstractContextManager[Server]:
    """Run the service until the block ends, with its log and BentoML's files in a folder."""
    bentoml = Path(sys.executable).with_name("bentoml")
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "ORT_DISABLE_TELEMETRY": "1", "BENTOML_HOME": str(folder / f"{name}.home")}
    command: list[str | Path] = [bentoml, "serve", "service:GenreService", "--host", "127.0.0.1", "--port", "{port}"]
    return serve(command, ROOT, folder / f"{name}.log", **(quiet | settings))


def processes(server: Server) -> dict[str, list[psutil.Process]]:
    """Return the living processes of a server by kind: supervisor, GenreService, MelFeatures, other."""
    found: dict[str, list[psutil.Process]] = {"supervisor": [psutil.Process(server.process.pid)]}
    for child in found["supervisor"][0].children(recursive=True):
        try:
            command = child.cmdline()
        except psutil.NoSuchProcess:
            # It has just ended.
            continue
        kind = next((name for name in ("MelFeatures", "GenreService") if name in command), "other")
        found.setdefault(kind, []).append(child)
    return found

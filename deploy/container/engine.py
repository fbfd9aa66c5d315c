"""The program that makes images, whichever there is."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ENGINES = ("docker", "podman", "buildah")


class EngineFailed(Exception):
    """There is no engine, or its command failed; the message has the remedy."""


def find_engine(wanted: str | None) -> str:
    """Return the wanted engine, or the first of this machine; raise EngineFailed if it is missing or does not run."""
    found = next((engine for engine in ([wanted] if wanted else ENGINES) if shutil.which(engine)), None)
    if found is None:
        missing = f"{wanted} is not installed" if wanted else "There is no engine for containers"
        raise EngineFailed(f"{missing}. Images need one of {', '.join(ENGINES)}: install it, and run this again.")
    if found != "buildah":
        asked = subprocess.run([found, "info"], capture_output=True, text=True, check=False)  # noqa: S603 - no shell
        if asked.returncode:
            said = (asked.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise EngineFailed(not_running(found, said))
    return found


def is_not_running(said: str) -> bool:
    """Return whether an engine's error says that its daemon or machine does not answer."""
    return re.search("daemon|docker api|connect to podman|error during connect", said, re.IGNORECASE) is not None


def not_running(engine: str, said: str) -> str:
    """Return the message for an engine that is installed and does not answer."""
    start = "`podman machine start`" if engine == "podman" else "`systemctl start docker`, or Docker Desktop"
    return f"{engine} is installed, but does not answer ({said.rstrip('.')}). Start it ({start}), and run this again."


def run(
    command: Sequence[str | Path],
    *,
    read: bool = False,
    folder: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a command, and return its output if that is to be read; raise EngineFailed if it fails."""
    done = subprocess.run(  # noqa: S603 - no shell
        command, stdout=subprocess.PIPE if read else None, text=True, check=False, cwd=folder, env=environment
    )
    if done.returncode:
        raise EngineFailed(f"{' '.join(map(str, command[:3]))} ... ended with {done.returncode}; it says why above.")
    return done.stdout or ""

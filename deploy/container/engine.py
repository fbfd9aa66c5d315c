"""The program that makes images, whichever there is."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ENGINES = ("docker", "podman", "buildah")


class EngineFailed(Exception):
    """There is no engine, or what it was asked to do failed; the message says what to do."""


def find_engine() -> str:
    """Return the first engine of this machine; raise EngineFailed if there is none."""
    for engine in ENGINES:
        if shutil.which(engine):
            return engine
    raise EngineFailed(f"There is no engine for containers. Install one of {', '.join(ENGINES)}.")


def run(
    command: Sequence[str | Path],
    *,
    read: bool = False,
    folder: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a command, and return what it prints if it is to be read; raise EngineFailed if it fails."""
    done = subprocess.run(  # noqa: S603 - no shell
        command, stdout=subprocess.PIPE if read else None, text=True, check=False, cwd=folder, env=environment
    )
    if done.returncode:
        raise EngineFailed(f"{' '.join(map(str, command[:3]))} ... ended with {done.returncode}; it says why above.")
    return done.stdout or ""

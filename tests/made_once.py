"""Files that take long to make, made by one of the processes of a test run for all of them."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder of that name, which `make` has filled; nobody may write to it afterwards."""
    base = factory.getbasetemp()
    # Several processes have a folder each, in one of the run.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            # A failed attempt leaves a folder of its own, and the next process tries again.
            half = factory.mktemp(name)
            make(half)
            half.rename(folder)
    return folder

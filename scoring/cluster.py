"""Scoring on a Ray cluster: the same workers, one per core of it, fed by Ray Data."""

import logging
import signal
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.data

from inference.bundle import Bundle
from scoring.row import Row, SongFile
from scoring.workers import DeadWorker, Workers

# Files of one task, which is done again as a whole if its machine is lost; and files handed to Ray Data at a time.
_FILES_A_TASK = 16
_FILES_AT_ONCE = 20_000
_PARTS = ("features", "inference", "scoring")

Batch = dict[str, Any]


def score_on_ray(
    files: Iterable[SongFile], bundle: Bundle, seconds: float, address: str | None, cores: int, excerpts: int
) -> Iterator[tuple[SongFile, Row]]:
    """Yield files with their rows as they come from a cluster, or without an address from a new one on this machine.

    A new one has so many cores. The code goes to the cluster with the job, and the model to each worker; the files must
    be where its machines find them under the same path, or in a bucket. No more than 20,000 files are handed over at a
    time, and Ray holds back where rows are not taken.
    """
    stop = signal.getsignal(signal.SIGTERM)
    try:
        _start(address, cores)
    except Exception as error:
        # Ray raises this and that, and Exception itself.
        raise DeadWorker(f"Ray does not start: {error}") from error
    finally:
        # Ray's own would end the process in the middle.
        signal.signal(signal.SIGTERM, stop)
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        waiting = iter(files)
        while some := list(islice(waiting, _FILES_AT_ONCE)):
            yield from _score(some, bundle, seconds, excerpts)
    finally:
        ray.shutdown()


def _start(address: str | None, cores: int) -> None:
    quiet: dict[str, Any] = {"logging_level": logging.WARNING, "log_to_driver": False}
    if address:
        root = Path(__file__).resolve().parent.parent
        ray.init(address, runtime_env={"py_modules": [str(root / part) for part in _PARTS]}, **quiet)
    else:
        # It finds the code where it is. Without this address, Ray would join a cluster that it once knew.
        ray.init("local", num_cpus=cores, include_dashboard=False, **quiet)


def _score(files: Sequence[SongFile], bundle: Bundle, seconds: float, excerpts: int) -> Iterator[tuple[SongFile, Row]]:
    by_path = {file.path: file for file in files}
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))  # type: ignore[no-untyped-call]
    rows = ray.data.from_items(
        [{"path": file.path.encode("utf-8", "surrogateescape"), "size": file.size} for file in files],
        override_num_blocks=max(1, len(files) // _FILES_A_TASK),
    ).map_batches(
        _Actor, fn_constructor_args=(bundle, seconds, excerpts), batch_size=None, concurrency=(1, cores), num_cpus=1
    )
    for batch in rows.iter_batches(batch_size=None):
        for packed in batch["row"]:
            row = Row.unpack(packed)
            yield by_path[row.path], row


class _Actor:
    """A worker of the cluster; the song is decoded in a process of its own, so that no song takes the actor down."""

    def __init__(self, bundle: Bundle, seconds: float, excerpts: int) -> None:
        self._workers = Workers(1, bundle, seconds, excerpts)

    def __call__(self, batch: Batch) -> Batch:
        """Return the rows of a batch of files."""
        files = [
            SongFile(path.decode("utf-8", "surrogateescape"), int(size), "")
            for path, size in zip(batch["path"], batch["size"], strict=True)
        ]
        return {"row": np.array([row.pack() for _, row in self._workers.score(files)], object)}

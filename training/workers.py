"""Processes that share work on many songs, and end with the process that started them, however it ends."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess

from features.cores import available_cores


@contextmanager
def start_workers() -> Iterator[ProcessPoolExecutor]:
    """Return one process per core. They are no forks: a process in which TensorFlow has run cannot be forked.

    Where the block ends with an error, or is interrupted, work that has not begun is dropped.
    """
    pool = ProcessPoolExecutor(available_cores(), _Context(), _end_with_parent)
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


class _Process(SpawnProcess):
    """A process that does not hear Ctrl-C: the one that started it does, and ends it."""

    def start(self) -> None:
        # It begins with the signals blocked that are blocked here.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class _Context(SpawnContext):
    Process = _Process


def _end_with_parent() -> None:
    """Let this process end when the one that started it is gone, killed for instance."""
    parent = parent_process()

    def wait() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()

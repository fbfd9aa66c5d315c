"""Processes that score: a song that hangs or crashes its decoder costs one of them, never the run."""

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from types import TracebackType
from typing import Self

from inference.bundle import Bundle, load_bundle, save_bundle
from scoring import s3
from scoring.failures import CRASHED, TOO_SLOW, describe, failed_row
from scoring.row import Row, SongFile
from scoring.writing import WriteFailed, naming

# The one that is worked on, and the next, which is loaded meanwhile where it comes from a bucket.
_IN_HAND = 2
_LONGEST_WAIT_SECONDS = 1.0
_STARTED = b""

_context = multiprocessing.get_context("spawn")


class DeadWorker(RuntimeError):
    """A process that ends before it has loaded its model."""


class Workers:
    """Several processes that each have loaded a model, and hear songs whole, or so many excerpts of them.

    A song that takes longer than `seconds`, or takes its process down, is tried once more, by a process that has
    nothing else to do; then its row says so. Raises WriteFailed if the folder of temporary files has no room for the
    model; scoring raises DeadWorker if a process does not even start.
    """

    def __init__(self, number: int, bundle: Bundle, seconds: float, excerpts: int) -> None:
        self._card = bundle.card
        self._excerpts = excerpts
        self._seconds = seconds
        # Of the model, which would else be carried to one process after the other, and of what comes from buckets.
        self._folder = tempfile.TemporaryDirectory()
        try:
            with naming(f"The folder of temporary files {self._folder.name} (TMPDIR names another)"):
                self._model = save_bundle(bundle, Path(self._folder.name))
        except WriteFailed:
            self._folder.cleanup()
            raise
        self._workers = [_Worker(self._model, excerpts) for _ in range(number)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.stop()
        self._folder.cleanup()

    def score(self, files: Iterable[SongFile]) -> Iterator[tuple[SongFile, Row]]:
        """Yield the files with their rows as they come; no more files are taken than are worked on."""
        waiting = iter(files)
        again: deque[SongFile] = deque()
        suspects: deque[SongFile] = deque()
        more = True
        while True:
            for worker in self._workers:
                if suspects and not worker.files:
                    worker.give(suspects.popleft(), alone=True)
                while not worker.alone and len(worker.files) < _IN_HAND and (again or more):
                    # All get their first before any gets its second: else the last songs wait behind each other.
                    if worker.files and any(not other.files for other in self._workers):
                        break
                    file = again.popleft() if again else next(waiting, None)
                    if file is None:
                        more = False
                        break
                    worker.give(file)
            busy = [worker for worker in self._workers if worker.files]
            if not busy:
                return
            ready = wait([worker.pipe for worker in busy], min(_LONGEST_WAIT_SECONDS, self._seconds))
            for number, worker in enumerate(self._workers):
                if worker.pipe in ready:
                    try:
                        scored = worker.take()
                    except (EOFError, ConnectionResetError) as error:
                        if not worker.started:
                            raise DeadWorker("The processes that score do not start; see above why.") from error
                        kind = CRASHED
                    else:
                        if scored is not None:
                            yield scored
                        continue
                elif worker.files and monotonic() - worker.since > self._seconds:
                    kind = TOO_SLOW
                else:
                    continue
                # Its first file is to blame; the others only stood behind it.
                first, *others = worker.files
                again.extend(others)
                if worker.alone:
                    took = monotonic() - worker.since
                    yield first, failed_row(first, self._card, self._excerpts, kind, seconds=took)
                else:
                    suspects.append(first)
                worker.stop()
                self._workers[number] = _Worker(self._model, self._excerpts)


class _Worker:
    """One process, and the files that it has been given and not yet answered."""

    def __init__(self, model: Path, excerpts: int) -> None:
        self.pipe, its_end = _context.Pipe()
        self.files: deque[SongFile] = deque()
        self.alone = False
        self.started = False
        self.since = monotonic()
        self._process = _context.Process(target=_work, args=(its_end, model, excerpts), daemon=True)
        self._process.start()
        # What is left of the pipe when the process ends is its end, and reading ours says so.
        its_end.close()

    def give(self, file: SongFile, *, alone: bool = False) -> None:
        if not self.files:
            self.since = monotonic()
        self.alone = alone
        self.files.append(file)
        # If it has crashed, reading will say so.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(file)

    def take(self) -> tuple[SongFile, Row] | None:
        """Return the next file with its row, or None if the message says that the process has started."""
        message: bytes = self.pipe.recv_bytes()
        self.since = monotonic()
        if message == _STARTED:
            self.started = True
            return None
        self.alone = False
        return self.files.popleft(), Row.unpack(message)

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _work(pipe: Connection, model: Path, excerpts: int) -> None:
    """Score the files that come through a pipe until it is closed; files of buckets are laid beside the model."""
    # Here, as the process that starts this one needs none of it: half a second.
    from scoring.scorer import Scorer

    # Ctrl-C reaches all processes of a terminal; the one that started this one says when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Decoders write to the terminal what the rows say; what is ours to say still gets there.
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    logging.basicConfig()
    bundle = load_bundle(model)
    scorer = Scorer(bundle, excerpts)
    pipe.send_bytes(_STARTED)
    fetched: SimpleQueue[tuple[SongFile, Path | OSError]] = SimpleQueue()
    threading.Thread(target=_fetch, args=(pipe, fetched, model.parent), daemon=True).start()
    while True:
        file, path = fetched.get()
        if isinstance(path, OSError):
            row = failed_row(file, bundle.card, excerpts, *describe(path))
        else:
            row = scorer.score(file, path)
            if file.in_bucket:
                path.unlink()
        pipe.send_bytes(row.pack())


def _fetch(pipe: Connection, fetched: SimpleQueue[tuple[SongFile, Path | OSError]], folder: Path) -> None:
    """Bring each file that comes through a pipe to this machine, while the one before it is scored."""
    while True:
        try:
            file: SongFile = pipe.recv()
        except (EOFError, ConnectionResetError):
            # Nobody waits for an answer any more.
            os._exit(0)
        try:
            fetched.put((file, _on_this_machine(file, folder)))
        except OSError as error:
            fetched.put((file, error))


def _on_this_machine(file: SongFile, folder: Path) -> Path:
    if not file.in_bucket:
        return Path(file.path)
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    s3.download(file.path, Path(name))
    return Path(name)

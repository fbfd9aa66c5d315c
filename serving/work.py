"""The work on one song: the threads that run for it, and the deadline that stops them."""

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar, TypeVarTuple

import anyio.to_thread

from features.deadline import NO_DEADLINE, Deadline, OutOfTime
from serving.errors import Refusal

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

# When whoever has called stops waiting: GenreService for MelFeatures, AWS Lambda for GenreService.
call_deadline: ContextVar[Deadline] = ContextVar("call_deadline", default=NO_DEADLINE)

_logger = logging.getLogger("bentoml.genre")


class Work:
    """The work on one song, one function after the other; each is to check `deadline`."""

    def __init__(self, seconds: float) -> None:
        self.deadline = Deadline(seconds)
        self._thread: asyncio.Future[Any] | None = None

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Run a function in a thread and return its result; when cancelled, the thread ends at its next check."""
        thread = asyncio.ensure_future(anyio.to_thread.run_sync(function, *arguments))
        self._thread = thread
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            self.deadline.cancel()
            thread.add_done_callback(_log_failure)
            raise

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call back as soon as no thread is at work: now, or when the one has ended that nobody waits for."""
        if self._thread is None or self._thread.done():
            callback()
        else:
            self._thread.add_done_callback(lambda _: callback())


def _log_failure(thread: "asyncio.Future[Any]") -> None:
    """Log why a thread failed that nobody waited for, unless it is its deadline or the song."""
    problem = None if thread.cancelled() else thread.exception()
    if problem and not isinstance(problem, OutOfTime | Refusal):
        _logger.error("The work on an abandoned song failed.", exc_info=problem)

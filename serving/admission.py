"""Who is let in, and whose song is worked on when.

A request over a limit is refused at once; one within the limits finds its turn: songs are worked on a few at a time,
and one of those turns is kept free of large files.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from features.deadline import OutOfTime
from serving.errors import Refusal
from serving.form import drain
from serving.settings import SETTINGS
from serving.work import Work, call_deadline

# About ten minutes of MP3; a larger file is large.
_LARGE_BYTES = 10_000_000


class Turns:
    """The turns of one worker process."""

    def __init__(self) -> None:
        self._songs = asyncio.Semaphore(SETTINGS.songs)
        self._large_songs = asyncio.Semaphore(SETTINGS.songs - 1)

    @asynccontextmanager
    async def song(self, size: int) -> AsyncIterator[Work]:
        """Let a file of so many bytes have its turn, within the time there is; the block does the work on it.

        The turn lasts until the block and its thread have ended. Raises Refusal, 503 if the turn does not come in time,
        and 504 if the block is not done in time.
        """
        turn = await self._next(size)
        work = Work(_seconds_left())
        try:
            async with asyncio.timeout(work.deadline.seconds_left()):
                yield work
        except (TimeoutError, OutOfTime) as error:
            raise Refusal(
                504, "The analysis takes too long. Send a part of the song, or fewer songs at once.", "timeout"
            ) from error
        finally:
            work.when_ended(turn.close)

    async def _next(self, size: int) -> ExitStack:
        """Return a turn, to be closed; raise Refusal if it does not come in time."""
        with ExitStack() as turn:
            try:
                async with asyncio.timeout(_seconds_left()):
                    for places in (self._large_songs, self._songs) if size > _LARGE_BYTES else (self._songs,):
                        await places.acquire()
                        turn.callback(places.release)
            except TimeoutError as error:
                raise Refusal(503, "The service is busy. Send this song again in a minute.", "busy") from error
            return turn.pop_all()


def _seconds_left() -> float:
    """Return how long a song may wait, or be worked on."""
    return min(SETTINGS.seconds, call_deadline.get().seconds_left())


class Admission:
    """ASGI middleware that lets in no more requests with a song than may be received, wait and be worked on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if there is room; else refuse it, with its body unread."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        if self._requests >= SETTINGS.requests:
            await drain(Request(scope, receive))
            problem = Refusal(429, "Too many songs at once. Send this one again in a few seconds.", "too many")
            await problem.response()(scope, receive, send)
            return
        self._requests += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._requests -= 1

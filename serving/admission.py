"""Who is let in, and whose song is worked on when.

A request over a limit is refused at once; one within the limits finds its turn: songs are worked on a few at a time,
and one of those turns is kept free of large files.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import Refusal
from serving.form import drain
from serving.settings import SETTINGS

# About ten minutes of MP3; a larger file is large.
_LARGE_BYTES = 10_000_000


class Turns:
    """The turns of one worker process."""

    def __init__(self) -> None:
        self._songs = asyncio.Semaphore(SETTINGS.songs)
        self._large_songs = asyncio.Semaphore(SETTINGS.songs - 1)

    @asynccontextmanager
    async def song(self, size: int) -> AsyncIterator[None]:
        """Let a file of so many bytes have its turn until the block ends, within the time there is.

        Raises Refusal, 503 if the turn does not come in time, and 504 if the block is not done in time.
        """
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(SETTINGS.seconds):
                    if size > _LARGE_BYTES:
                        await held.enter_async_context(self._large_songs)
                    await held.enter_async_context(self._songs)
            except TimeoutError as error:
                raise Refusal(503, "The service is busy. Send this song again in a minute.", "busy") from error
            try:
                async with asyncio.timeout(SETTINGS.seconds):
                    yield
            except TimeoutError as error:
                raise Refusal(504, "The song takes too long to analyse. Send a part of it.", "timeout") from error


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

"""Clients that go away before they have their answer."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DISCONNECT = "http.disconnect"


class Disconnect:
    """ASGI middleware that cancels the request whose client has closed its connection."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and watch the connection from the end of its body to the start of the answer."""
        request = asyncio.current_task()
        if scope["type"] != "http" or scope["method"] != "POST" or request is None:
            await self.app(scope, receive, send)
            return
        watch: asyncio.Task[None] | None = None
        gone = False

        async def cancel_when_gone() -> None:
            nonlocal gone
            while (await receive())["type"] != _DISCONNECT:
                pass
            gone = True
            request.cancel()

        async def receive_and_watch() -> Message:
            nonlocal watch
            if watch:
                # One at a time may listen to the connection.
                await asyncio.wait([watch])
                return {"type": _DISCONNECT} if gone else await receive()
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                watch = asyncio.create_task(cancel_when_gone())
            return message

        async def send_unwatched(message: Message) -> None:
            # From now on a cancelled request would leave its files open, and its answer ends soon anyway.
            if watch:
                watch.cancel()
            await send(message)

        try:
            await self.app(scope, receive_and_watch, send_unwatched)
        except asyncio.CancelledError:
            if not gone:
                raise
            request.uncancel()
        finally:
            if watch:
                watch.cancel()

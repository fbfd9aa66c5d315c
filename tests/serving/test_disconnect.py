"""What an application sees of a client that stays, and of one that goes away."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from serving.disconnect import Disconnect

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}


class Client:
    """A client that sends a body in two parts, stays for some seconds, and keeps what it is sent."""

    def __init__(self, stays_seconds: float) -> None:
        self._parts = [{"type": "http.request", "body": b"x", "more_body": more} for more in (True, False)]
        self._stays_seconds = stays_seconds
        self.got: list[str] = []

    async def receive(self) -> Message:
        if self._parts:
            return self._parts.pop(0)
        await asyncio.sleep(self._stays_seconds)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.got.append(message["type"])


def run(app: Any, client: Client) -> None:
    asyncio.run(asyncio.wait_for(Disconnect(app)(SCOPE, client.receive, client.send), 20))


async def read(receive: Receive) -> None:
    while (await receive())["more_body"]:
        pass


def test_the_request_of_a_client_that_goes_is_cancelled() -> None:
    cancelled = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        await read(receive)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    client = Client(0.1)
    run(app, client)
    assert (cancelled, client.got) == ([True], [])


def test_an_answer_that_has_begun_is_not_cancelled() -> None:
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"x"})

    client = Client(0.1)
    run(app, client)
    assert client.got == ["http.response.start", "http.response.body"]


def test_who_listens_hears_of_the_client_once_it_has_gone() -> None:
    heard = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        listener = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.1)
        heard.append(listener.done())
        heard.append((await listener)["type"])

    run(app, Client(0.5))
    assert heard == [False, "http.disconnect"]


def test_another_cancellation_is_passed_on() -> None:
    async def app(_: Scope, receive: Receive, __: Send) -> None:
        await read(receive)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(app, Client(60))

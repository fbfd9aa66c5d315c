"""Connections that a client closes by halves, and altogether, while its request is worked on."""

import asyncio
import queue
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

WORK_SECONDS = 1.5
REQUEST = b"POST / HTTP/1.%d\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"


class Worker:
    """An ASGI application that works for a while, and puts what it hears of its client meanwhile into `heard`."""

    def __init__(self) -> None:
        self.heard: queue.Queue[str] = queue.Queue()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with asyncio.timeout(WORK_SECONDS):
                self.heard.put((await receive())["type"])
        except TimeoutError:
            self.heard.put("nothing")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker()


@pytest.fixture(scope="module")
def port(worker: Worker) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(worker, http="serving.connection:Connection", lifespan="off", log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(("version", "interim"), [(1, b"HTTP/1.1 100 Continue\r\n\r\n"), (0, b"")])
def test_one_that_is_half_closed_has_its_answer(version: int, interim: bytes, port: int, worker: Worker) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(REQUEST % version)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()
    assert answer.startswith(interim + b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"done")
    assert worker.heard.get(timeout=20) == "nothing"


def test_a_client_that_has_gone_away_is_missed_before_its_answer(port: int, worker: Worker) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(REQUEST % 1)
    assert worker.heard.get(timeout=20) == "http.disconnect"


def test_a_request_that_is_cut_off_is_not_waited_for(port: int, worker: Worker) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall((REQUEST % 1)[:-1])
        client.shutdown(socket.SHUT_WR)
        assert client.makefile("rb").read() == b""
    assert worker.heard.get(timeout=20) == "http.disconnect"

"""The site among slow clients, and before a service that hangs."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from benchmarks.reliability.clients import in_words
from benchmarks.reliability.result import Result
from benchmarks.reliability.service import ROOT
from benchmarks.server import Server, serve

_COMMAND = "python -m benchmarks.reliability faults slow hanging"
_MANAGE = ROOT / "django_site" / "manage.py"


@contextmanager
def serve_site(folder: Path, *options: str, **settings: str) -> Iterator[Server]:
    """Run the site with its data in a folder until the block ends; raise CalledProcessError if that cannot be made."""
    settings = {"SITE_DATA": str(folder)} | settings
    for command in (["migrate"], ["collectstatic", "--noinput"]):
        prepare: list[str | Path] = [sys.executable, _MANAGE, *command, "--verbosity", "0"]
        subprocess.run(prepare, env=os.environ | settings, check=True, timeout=120)  # noqa: S603 - our own commands
    command = [sys.executable, str(_MANAGE), "serve", "--bind", "127.0.0.1:{port}", *options]
    with serve(command, ROOT, folder / "log", **settings) as running:
        yield running


@contextmanager
def hanging_service() -> Iterator[tuple[str, threading.Event]]:
    """Run a service that is ready and answers nothing else until the event is set, and then that a song is none."""
    answers = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/readyz" or answers.wait(600):
                self._answer(200, b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answers.wait(600)
            self._answer(400, b'{"error": "This is no song."}')

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Listening(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 1024

        def handle_error(self, *_: Any) -> None:
            """Say nothing of a site that went away."""

    with Listening(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", answers
        finally:
            answers.set()
            server.shutdown()


@dataclass
class Uploader:
    """A visitor of the site, who uploads by hand."""

    url: str

    def __post_init__(self) -> None:
        with requests.Session() as browser:
            form = browser.get(self.url, timeout=60).text
            self._cookie = browser.cookies["csrftoken"]
        self._token = form.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]

    def request(self, song_bytes: int) -> bytes:
        """Return a whole upload."""
        body = (
            f'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{self._token}\r\n'
            '--x\r\nContent-Disposition: form-data; name="audio"; filename="song.mp3"\r\n\r\n'
        ).encode() + bytes(song_bytes)
        body += b"\r\n--x--\r\n"
        host = self.url.removeprefix("http://")
        head = (
            f"POST /analyse/ HTTP/1.1\r\nHost: {host}\r\nCookie: csrftoken={self._cookie}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def send(self, content: bytes) -> socket.socket:
        """Open a connection and send so much of a request."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        connection = socket.create_connection((host, int(port)), timeout=60)
        connection.sendall(content)
        return connection


@dataclass
class SlowClients:
    """Connections that have sent the beginning of a request, and then send one byte per second until the block ends."""

    connections: list[socket.socket]
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "SlowClients":
        self._thread = threading.Thread(target=self._trickle)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        for connection in self.connections:
            connection.close()

    def _trickle(self) -> None:
        left = list(self.connections)
        while not self._done.wait(1):
            for connection in tuple(left):
                try:
                    connection.sendall(b"x")
                except OSError:
                    # The site had enough of it.
                    left.remove(connection)


def status(connection: socket.socket) -> str:
    """Return the status of an answer as it arrives; "closed" if there is none."""
    try:
        line = connection.recv(100)
    except ConnectionError:
        line = b""
    return line.split(b" ", 2)[1].decode() if line else "closed"


def slow(clients: int, seconds: float) -> Result:
    """Ask for pages and health while so many uploads arrive at one byte per second."""
    with tempfile.TemporaryDirectory() as folder, serve_site(Path(folder)) as site:
        uploader = Uploader(site.url)
        begun = uploader.request(1_000_000)[:2000]
        with SlowClients([uploader.send(begun) for _ in range(clients)]):
            return _watch(f"{clients} uploads of one byte per second", site, seconds)


def hanging(clients: int, seconds: float) -> Result:
    """Ask for pages and health while the service hangs and so many visitors wait for it."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_ones:
        url, answers = open_ones.enter_context(hanging_service())
        settings = {"GENRE_SERVICE_URL": url, "SITE_VISITOR_SONGS_AN_HOUR": "1000000"}
        site = open_ones.enter_context(serve_site(Path(folder), **settings))
        uploader = Uploader(site.url)
        visitors = [open_ones.enter_context(closing(uploader.send(uploader.request(200_000)))) for _ in range(clients)]
        result = _watch(f"{clients} visitors whose songs a hanging service has", site, seconds)
        answers.set()
        told = Counter(status(visitor) for visitor in visitors)
    words = f"{result.result}; the visitors {in_words(dict(told.most_common()))}"
    return Result(result.attack, result.tries, words, result.passed, result.command)


def _watch(attack: str, site: Server, seconds: float) -> Result:
    """Return how long health and pages took meanwhile."""
    longest = {"/livez": 0.0, "/": 0.0, "/about/": 0.0}
    end, tries, failed = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        for path in longest:
            began = time.monotonic()
            try:
                failed += requests.get(site.url + path, timeout=10).status_code != 200
            except requests.RequestException:
                failed += 1
            longest[path] = max(longest[path], time.monotonic() - began)
            tries += 1
        time.sleep(0.1)
    pages = max(longest["/"], longest["/about/"])
    words = f"/livez in {longest['/livez']:.2f} s, pages in {pages:.2f} s at most; {failed} not answered"
    return Result(attack, tries, words, not failed and longest["/livez"] < 1 and pages < 2, _COMMAND)

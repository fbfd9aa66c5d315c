"""The service at another address, with other tags in its answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import requests

from benchmarks.server import Server


class Relay:
    """What is asked at `url` is asked of the real service; `tags` replace those of its answers to POST /classify.

    Where `tags` is None, the answers lack the field, as those of a service of a version without tags.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.tags: Any = None

    def answer(self, path: str, answer: requests.Response) -> bytes:
        """Return the body of the service's answer, with other tags if it has any."""
        if path != "/classify" or not answer.ok:
            return answer.content
        content = answer.json()
        content.pop("tags", None)
        return json.dumps(content if self.tags is None else content | {"tags": self.tags}).encode()


@contextmanager
def relay_to(service: Server) -> Iterator[Relay]:
    """Run a relay to the service until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {"Content-Type": self.headers.get("Content-Type", "")}
            answer = requests.request(self.command, service.url + self.path, data=body, headers=headers, timeout=60)
            content = relay.answer(self.path, answer)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        relay = Relay(server.server_port)
        Thread(target=server.serve_forever, daemon=True).start()
        yield relay
        server.shutdown()

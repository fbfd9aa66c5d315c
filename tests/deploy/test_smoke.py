"""`python -m deploy smoke` at addresses where the service is not."""

import argparse
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.server import free_port
from deploy.smoke import add_commands

Smoke = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def smoke(capsys: pytest.CaptureFixture[str]) -> Smoke:
    """Return the command, which returns its exit status, its results and its messages."""

    def run(url: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        add_commands(parser.add_subparsers())
        asked = parser.parse_args(["smoke", url])
        status: int = asked.run(asked)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@contextmanager
def server(status: int, kind: str, body: bytes, **headers: str) -> Iterator[str]:
    """Yield the address of a server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{one.server_address[1]}"
        finally:
            one.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "kind", "body", "headers", "says"),
    [
        (404, "text/plain", b"not here", {}, "404"),
        (404, "text/html", b"<html>not here</html>", {}, "404"),
        (200, "text/html", b"<html>\nour company</html>", {}, "a web page"),
        (200, "application/json", b'{"message": "hello"}', {}, "hello"),
        (200, "application/json", b"7", {}, "7"),
        (301, "text/html", b"", {"Location": "https://elsewhere.example/"}, "https://elsewhere.example/"),
    ],
)
def test_what_is_not_the_service_is_told_in_one_line(
    smoke: Smoke, status: int, kind: str, body: bytes, headers: dict[str, str], says: str
) -> None:
    with server(status, kind, body, **headers) as url:
        ended, out, err = smoke(url)
    assert (ended, out) == (1, "")
    (line,) = err.splitlines()
    assert url in line
    assert says in line


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid", "no..where"])
def test_an_address_where_nothing_answers_is_told_in_one_line(smoke: Smoke, host: str) -> None:
    url = f"http://{host}:{free_port()}"
    ended, out, err = smoke(url)
    assert (ended, out) == (1, "")
    (line,) = err.splitlines()
    assert url in line


@pytest.mark.parametrize(
    "url",
    [
        "localhost:3000",
        "genres.example.org",
        "ftp://genres.example.org",
        "http://genres:x",
        "http:",
        "http://localhost:99999",
    ],
)
def test_what_is_no_address_is_wrong_usage(smoke: Smoke, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        smoke(url)
    assert ended.value.code == 2
    assert repr(url) in capsys.readouterr().err


def test_a_service_that_is_not_well_fails_each_check_in_one_line(smoke: Smoke) -> None:
    with server(502, "text/html", b"<html>\nBad gateway\n</html>") as url:
        ended, out, _ = smoke(url)
    assert ended == 1
    assert [line.split()[0] for line in out.splitlines()] == ["FAILED"] * 5
    assert "502" in out

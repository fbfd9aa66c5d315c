"""Slow connections and a service that hangs: pages and probes are answered all the same, and waiting has its limits."""

import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import requests

from benchmarks.reliability.site import SlowClients, Uploader, hanging_service, status
from benchmarks.server import Server
from tests.site.process import run_site

PATIENCE_SECONDS = "10"
CROWD = 200
# More than the form beside it may have.
SONG_BYTES = 200_000


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, threading.Event]]:
    """Return the address of a service, and what makes it answer."""
    with hanging_service() as running:
        yield running


@pytest.fixture(scope="module")
def site(service: tuple[str, threading.Event], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the site before that service."""
    settings = {"GENRE_SERVICE_URL": service[0], "SITE_VISITOR_SONGS_AN_HOUR": "100000", "SITE_MAX_UPLOAD_MB": "1"}
    settings["SITE_PROXIES"] = "1"
    with run_site(tmp_path_factory.mktemp("site"), "--patience", PATIENCE_SECONDS, **settings) as running:
        yield running
        service[1].set()


@pytest.fixture
def uploader(site: Server, service: tuple[str, threading.Event]) -> Uploader:
    """Return a visitor; the service hangs."""
    service[1].clear()
    return Uploader(site.url)


def check_the_site_is_there(site: Server) -> None:
    for path in ("/livez", "/", "/about/"):
        assert requests.get(site.url + path, timeout=8).status_code == 200


def answer(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of what arrives on a connection."""
    head = b""
    while b"\r\n\r\n" not in head and (part := connection.recv(10_000)):
        head += part
    first, *lines = head.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines)


def test_slow_uploads_block_neither_pages_nor_probes_and_too_many_are_refused(
    site: Server, service: tuple[str, threading.Event], uploader: Uploader
) -> None:
    upload = uploader.request(SONG_BYTES)
    with SlowClients([uploader.send(upload[:1000]) for _ in range(CROWD)]):
        check_the_site_is_there(site)
        with uploader.send(upload) as late_comer:
            code, headers = answer(late_comer)
        assert code == 503
        assert int(headers["Retry-After"]) > 0
    service[1].set()
    with uploader.send(upload) as visitor:
        assert answer(visitor)[0] == 400


def test_visitors_who_wait_for_the_service_block_neither_pages_nor_probes_and_too_many_are_told(
    site: Server, service: tuple[str, threading.Event], uploader: Uploader
) -> None:
    # Small enough to be no upload by its length.
    upload = uploader.request(1000)
    with ExitStack() as waiting:
        visitors = [waiting.enter_context(closing(uploader.send(upload))) for _ in range(80)]
        told = select.select(visitors, [], [], 20)[0]
        assert told
        assert answer(told[0])[0] == 503
        check_the_site_is_there(site)
        service[1].set()
        assert {status(visitor) for visitor in visitors if visitor is not told[0]} == {"400", "503"}


@pytest.mark.slow
def test_a_request_that_arrives_too_slowly_is_cut_off(uploader: Uploader) -> None:
    head = b"POST /analyse/ HTTP/1.1\r\nHost: localhost\r\n"
    begun = b"", head, head + b"Content-Length: 9000\r\n\r\n"
    with SlowClients([uploader.send(one) for one in begun]) as slow:
        assert [status(connection) for connection in slow.connections] == ["closed"] * 3


def test_too_large_a_body_is_received_and_answered(uploader: Uploader) -> None:
    with uploader.send(uploader.request(2_000_000)) as visitor:
        assert answer(visitor)[0] == 413


def test_a_body_without_a_length_is_refused(uploader: Uploader) -> None:
    with uploader.send(
        b"POST /analyse/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    ) as visitor:
        assert answer(visitor)[0] == 400


def test_what_a_proxy_says_reaches_django(service: tuple[str, threading.Event], uploader: Uploader) -> None:
    service[1].set()
    upload = uploader.request(1000)
    # By HTTPS, Django wants a Referer of the form.
    by_https = upload.replace(b"\r\n\r\n", b"\r\nX-Forwarded-Proto: https\r\n\r\n", 1)
    for request, code in ((upload, 400), (by_https, 403)):
        with uploader.send(request) as visitor:
            assert answer(visitor)[0] == code


def test_a_stop_lets_the_requests_under_way_finish(service: tuple[str, threading.Event], tmp_path: Path) -> None:
    service[1].clear()
    with run_site(tmp_path, GENRE_SERVICE_URL=service[0]) as site:
        uploader = Uploader(site.url)
        with uploader.send(uploader.request(SONG_BYTES)) as visitor:
            # It is at work on the song when the service has it, soon after a page is answered.
            check_the_site_is_there(site)
            site.process.send_signal(signal.SIGTERM)
            assert not select.select([visitor], [], [], 2)[0]
            service[1].set()
            assert answer(visitor)[0] == 400
        assert site.process.wait(20) == 0

"""Addresses that nobody meant to open, and a service that answers nonsense."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings
from songs.models import Analysis, Picture

from tests.site.test_history import keep
from tests.site.test_uploading import upload

HUGE = "9" * 23


@pytest.fixture
def nonsense(site: Client, settings: Settings) -> Iterator[type[BaseHTTPRequestHandler]]:  # noqa: ARG001
    """Return the handler of a service that answers everything with its `body`."""

    class Handler(BaseHTTPRequestHandler):
        body = b""

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

        do_POST = do_GET  # noqa: N815 - http.server calls it

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    settings.GENRE_SERVICE_URL = f"http://127.0.0.1:{server.server_port}"
    yield Handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>", b"{}", b"[]", b"null", b'{"models": [], "default": ""}'),
        *(b'{"models": [1], "default": "x"}', b'{"models": [{"name": 1}], "default": "x"}'),
    ],
)
def test_the_site_stands_whatever_the_service_says_of_its_models(
    site: Client, nonsense: type[BaseHTTPRequestHandler], body: bytes
) -> None:
    nonsense.body = body  # type: ignore[attr-defined]
    assert site.get("/").status_code == 200
    assert site.get("/about/").status_code == 200


def test_the_models_are_remembered_while_the_service_is_away(site: Client, settings: Settings) -> None:
    assert b"gtzan-best" in site.get("/about/").content
    settings.GENRE_SERVICE_URL = "http://127.0.0.1:9"
    cache.delete("models")
    assert b"gtzan-best" in site.get("/about/").content


def test_only_a_picture_is_kept_as_one(member: Client, user: User, nonsense: type[BaseHTTPRequestHandler]) -> None:
    keep(user, 1)
    kept = Analysis.objects.get()
    nonsense.body = b"<script>alert(1)</script>"  # type: ignore[attr-defined]
    song = b"x" * kept.file_bytes
    assert member.post("/draw/", {"audio": upload(song), "analysis": kept.pk}).status_code == 502
    assert not Picture.objects.exists()


def test_a_number_that_no_row_has_is_not_found(member: Client) -> None:
    for address in (f"/history/{HUGE}/", f"/history/{HUGE}/picture/"):
        assert member.get(address).status_code == 404
    assert member.post(f"/history/{HUGE}/delete/").status_code == 404
    assert member.post("/draw/", {"audio": upload(b"x"), "analysis": HUGE}).status_code == 404


def test_an_address_of_a_form_leads_to_its_page(member: Client, user: User) -> None:
    keep(user, 1)
    kept = Analysis.objects.get()
    for name in ("feedback", "delete"):
        assert member.get(f"/history/{kept.pk}/{name}/")["Location"] == kept.get_absolute_url()
    for address in ("/analyse/", "/draw/"):
        assert member.get(address)["Location"] == "/"
    assert Analysis.objects.exists()


def test_a_wrong_method_has_a_page(site: Client) -> None:
    page = site.put("/about/")
    assert page.status_code == 405
    assert page["Allow"]
    assert b'href="/"' in page.content

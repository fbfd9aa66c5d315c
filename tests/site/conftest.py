"""A real service, and the site before it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from benchmarks.server import Server
from tests import sounds
from tests.serving.server import ROOT, serve
from tests.site.process import run_site
from tests.site.relay import Relay, relay_to

# Whoever asks for it, .ci/run for one, gets a failure where a browser or a PostgreSQL is missing.
NOTHING_SKIPPED = "SKIP_NOTHING" in os.environ


def missing(what: str) -> None:
    """Skip a test that needs what this machine has not; fail it where nothing may be skipped."""
    if NOTHING_SKIPPED:
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the service, in its own process."""
    with serve("service:GenreService", ROOT, tmp_path_factory.mktemp("service") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def shared_relay(service: Server) -> Iterator[Relay]:
    """Return a relay to the service; each test sets its tags."""
    with relay_to(service) as relay:
        yield relay


@pytest.fixture(scope="session")
def song() -> bytes:
    """Return an MP3 of something like music."""
    return sounds.song(12, "mp3")


@pytest.fixture
def site(service: Server, settings: Settings, db: None) -> Client:  # noqa: ARG001 - it needs the database
    """Return a visitor of the site, whose service is there."""
    settings.GENRE_SERVICE_URL = service.url
    # Made to be slow, against those who guess.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # The names of static files are those of `collectstatic` in a real process only.
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    cache.clear()
    return Client()


@pytest.fixture
def relay(shared_relay: Relay, site: Client, settings: Settings) -> Relay:  # noqa: ARG001 - it is the site's service
    """Return a relay to the service that the site asks; its answers have no tags yet."""
    settings.GENRE_SERVICE_URL = shared_relay.url
    shared_relay.tags = None
    return shared_relay


@pytest.fixture
def user(site: Client) -> User:  # noqa: ARG001
    """Return a user."""
    return User.objects.create_user("ada", "ada@example.org", "correct horse battery")


@pytest.fixture
def member(site: Client, user: User) -> Client:
    """Return a user's browser, logged in."""
    site.force_login(user)
    return site


@pytest.fixture(scope="session")
def running_site(service: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the site in its own process, as `make run` starts it, over a new SQLite file."""
    settings = {"GENRE_SERVICE_URL": service.url, "SITE_VISITOR_SONGS_AN_HOUR": "1000"}
    with run_site(tmp_path_factory.mktemp("site"), **settings) as server:
        yield server


@pytest.fixture
def song_file(song: bytes, tmp_path: Path) -> Path:
    """Return the path of a song."""
    path = tmp_path / "My song.mp3"
    path.write_bytes(song)
    return path

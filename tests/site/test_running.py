"""The site as it is run: settings, headers, health, logs, and what stands when a part is away."""

import gzip
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import requests
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client

from benchmarks.server import Server
from tests.serving.server import ROOT
from tests.site.conftest import missing
from tests.site.process import PRODUCTION, manage, run_site
from tests.site.test_history import keep

POSTGRESQL_TESTS = ("uploading", "history", "keeping", "corrections", "accounts", "email")
POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


def test_production_settings_pass_djangos_check() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert not done.returncode, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize("name", ["SITE_SECRET_KEY", "SITE_HOSTS"])
def test_production_does_not_start_without_its_secrets(name: str) -> None:
    done = manage("check", **(PRODUCTION | {name: ""}))
    assert done.returncode
    assert f"needs {name}" in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SITE_MAX_UPLOAD_MB", "many"),
        ("SITE_RETENTION_DAYS", "-1"),
        ("SITE_EXCERPTS", "101"),
        ("SITE_EMAIL_URL", "mail"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(name: str, value: str, tmp_path: Path) -> None:
    done = manage("check", SITE_DATA=str(tmp_path), **{name: value})
    assert done.returncode
    assert f"{name} must be" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_migration_is_missing(tmp_path: Path) -> None:
    done = manage("makemigrations", "--check", "--dry-run", SITE_DATA=str(tmp_path))
    assert not done.returncode, done.stdout


def test_the_secret_of_a_machine_is_its_owners_and_stays(tmp_path: Path) -> None:
    manage("check", SITE_DATA=str(tmp_path))
    secret = (tmp_path / "secret").read_text()
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    manage("check", SITE_DATA=str(tmp_path))
    assert (tmp_path / "secret").read_text() == secret
    assert len(secret) >= 50


@pytest.mark.parametrize("address", ["/", "/about/", "/accounts/login/", "/accounts/register/", "/nowhere/", "/admin/"])
def test_every_page_has_its_policy_and_nothing_inline(site: Client, address: str) -> None:
    page = site.get(address, follow=True)
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = page.content.decode()
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", text)


@pytest.mark.parametrize("address", ["/", "/about/", "/accounts/login/", "/history/"])
def test_a_page_takes_less_than_90_kilobytes_in_all(member: Client, user: User, address: str) -> None:
    keep(user, 30)
    page = member.get(address, follow=True).content
    loaded = {str(finders.find(path)) for path in re.findall(r'(?:src|href)="/static/([^"]+)"', page.decode())}
    own = ROOT / "django_site/songs/static/songs"
    # Modules load others; the example song comes with a click.
    loaded |= {str(path) for path in own.glob("*.js")}
    assert len(page) + sum(len(gzip.compress(Path(path).read_bytes())) for path in loaded) < 90_000


def test_only_what_the_pages_load_is_collected(tmp_path: Path) -> None:
    assert not manage("collectstatic", "--noinput", SITE_DATA=str(tmp_path)).returncode
    names = {path.name.partition(".")[0] for path in (tmp_path / "static" / "bootstrap").rglob("*.*")}
    assert names == {"bootstrap"}
    assert not list((tmp_path / "static").rglob("*.map"))


@pytest.mark.parametrize(("address", "kind"), [("/favicon.ico", "image/"), ("/robots.txt", "text/plain")])
def test_what_browsers_and_crawlers_ask_for_is_there(site: Client, address: str, kind: str) -> None:
    answer = site.get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith(kind)


def test_health_tells_the_database_from_the_service(site: Client, running_site: Server, tmp_path: Path) -> None:
    assert site.get("/livez").status_code == 200
    assert requests.get(f"{running_site.url}/readyz", timeout=30).json() == {"database": "ready", "service": "ready"}
    with run_site(tmp_path, GENRE_SERVICE_URL="http://127.0.0.1:9") as lonely:
        answer = requests.get(f"{lonely.url}/readyz", timeout=30)
        assert (answer.status_code, answer.json()["service"]) == (200, "unreachable")


def test_without_its_database_the_site_says_so(service: Server, tmp_path: Path) -> None:
    with run_site(tmp_path, GENRE_SERVICE_URL=service.url) as server, requests.Session() as browser:
        with sqlite3.connect(tmp_path / "site.sqlite3") as database:
            database.execute("DROP TABLE accounts_accountsession")
        browser.cookies.set("sessionid", "x" * 32)
        page = browser.get(f"{server.url}/history/", timeout=30)
        assert page.status_code == 503
        assert "cannot reach its database" in page.text
        # Who has no session needs no database for the landing page.
        assert requests.get(server.url, timeout=30).status_code == 200


def test_logs_are_json_with_the_id_of_the_request(running_site: Server) -> None:
    answer = requests.get(f"{running_site.url}/about/", headers={"X-Request-ID": "abc-123"}, timeout=30)
    assert answer.headers["X-Request-ID"] == "abc-123"
    lines = [json.loads(line) for line in running_site.log.read_text().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "abc-123" and line["message"] == "request"]
    assert (line["path"], line["status"]) == ("/about/", 200)


@pytest.mark.slow
def test_everything_holds_on_postgresql_too(request: pytest.FixtureRequest) -> None:
    if os.environ.get("DATABASE_URL"):
        return
    try:
        psycopg.connect(POSTGRESQL, connect_timeout=5).close()
    except psycopg.OperationalError:
        missing(f"needs a PostgreSQL at TEST_DATABASE_URL, {POSTGRESQL}")
    tests = [f"tests/site/test_{name}.py" for name in POSTGRESQL_TESTS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-k", "not fifty", "-p", "no:cacheprovider", *tests],
        cwd=request.config.rootpath,
        env=os.environ | {"DATABASE_URL": POSTGRESQL},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert not done.returncode, done.stdout


def test_every_promise_names_a_test_that_there_is() -> None:
    promises = re.findall(r"`(test_\w+)::(test_\w+)`", (ROOT / "docs/site.md").read_text())
    assert promises
    for module, name in promises:
        assert f"def {name}(" in (ROOT / f"tests/site/{module}.py").read_text(), name

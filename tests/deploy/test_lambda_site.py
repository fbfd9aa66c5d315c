"""The web site in AWS Lambda: the image's files under AWS's own client, with a real PostgreSQL."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from benchmarks.function import Function, FunctionError, Image, lay_out, run
from tests.deploy import events
from tests.deploy.cloud import ACCOUNT, REGION, Cloud
from tests.site.process import MEMBER, PRODUCTION

HOST, SERVICE = PRODUCTION["SITE_HOSTS"], "http://127.0.0.1:9"
ADDRESS = f"https://{HOST}"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    image = lay_out("site", tmp_path_factory.mktemp("task"))
    image.environment.update(PRODUCTION)
    manage(image, "collectstatic")
    return image


@pytest.fixture(scope="module")
def site(image: Image, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    settings = {"DATABASE_URL": database, "GENRE_SERVICE_URL": SERVICE}
    manage(image, "migrate", **settings)
    before = set(image.folder.rglob("*"))
    with run(image, tmp_path_factory.mktemp("log") / "log", **settings) as function:
        yield function
    # In Lambda, nothing there could be written.
    assert set(image.folder.rglob("*")) == before


def manage(image: Image, command: str, **settings: str) -> None:
    """Run a command of the site in its image."""
    subprocess.run(
        [sys.executable, "manage.py", command, "--noinput", "--verbosity", "0"],
        cwd=image.folder,
        env=os.environ | image.environment | settings,
        check=True,
    )


def visit(site: Function, method: str, path: str, **request: Any) -> requests.Response:
    """Return the answer to a visitor."""
    headers = request.pop("headers", {}) | {"host": HOST}
    return events.answer_of(site.call(events.http_api(requests.Request(method, ADDRESS + path, headers, **request))))


def test_the_login_page_and_its_files_come_through(site: Function) -> None:
    page = visit(site, "GET", "/accounts/login/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    (style,) = re.findall(r'href="(/static/songs/site\.[0-9a-f]+\.css)"', page.text)
    plain = visit(site, "GET", style)
    packed = site.call(
        events.function_url(requests.Request("GET", ADDRESS + style, {"host": HOST, "accept-encoding": "gzip"}))
    )
    assert (plain.status_code, plain.headers["content-type"]) == (200, 'text/css; charset="utf-8"')
    assert "immutable" in plain.headers["cache-control"]
    assert (packed["headers"]["content-encoding"], packed["isBase64Encoded"]) == ("gzip", True)


def test_a_visitor_becomes_a_member_and_is_known_the_next_time(site: Function) -> None:
    page = visit(site, "GET", "/accounts/register/")
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    fields = MEMBER | {"csrfmiddlewaretoken": token}
    done = visit(
        site, "POST", "/accounts/register/", data=fields, cookies=page.cookies, headers={"referer": f"{ADDRESS}/"}
    )
    assert done.status_code == 302, done.text
    assert {"csrftoken", "sessionid"} <= set(done.cookies.keys())
    assert "ada" in visit(site, "GET", "/history/", cookies=done.cookies).text
    assert visit(site, "GET", "/history/").status_code == 302


def test_its_log_is_json(site: Function) -> None:
    visit(site, "GET", "/about/", headers={"X-Request-ID": "lambda-1"})
    lines = [json.loads(line) for line in site.log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == "lambda-1" and line["message"] == "request"]
    assert (line["path"], line["status"]) == ("/about/", 200)


def test_health_tells_the_database_from_the_service(site: Function) -> None:
    answer = visit(site, "GET", "/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ready", "service": "unreachable"})


def test_no_connection_to_the_database_is_kept_between_calls(site: Function, database: str) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert visit(site, "GET", "/readyz").ok
    with psycopg.connect(database, autocommit=True) as connection:
        # PostgreSQL notices a moment later.
        deadline = time.monotonic() + 20
        while connection.execute(query).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_another_host_is_refused(site: Function) -> None:
    answered = site.call(
        events.http_api(requests.Request("GET", f"{ADDRESS}/accounts/login/", {"host": "evil.example"}))
    )
    assert answered["statusCode"] == 400


@pytest.mark.parametrize("name", ["DATABASE_URL", "SITE_SECRET_KEY"])
def test_without_its_secrets_it_does_not_start(name: str, image: Image, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing", name: ""}
    with run(image, tmp_path / "log", **settings) as function, pytest.raises(FunctionError, match=f"needs {name}"):
        visit(function, "GET", "/")


def test_it_is_deployed_as_the_service_is_and_its_secrets_are_shown_nowhere(
    site: Function, database: str, cloud: Cloud, tmp_path: Path
) -> None:
    secrets = tmp_path / "site.env"
    settings = PRODUCTION | {"DATABASE_URL": database, "GENRE_SERVICE_URL": SERVICE}
    secrets.write_text("# The site\n\n" + "".join(f"{name}={value}\n" for name, value in settings.items()))
    given = ("--site", "--image", cloud.push("site"), "--environment", str(secrets))
    cloud.front.any_program = site.call
    before = cloud.inventory()
    status, said = cloud.aws("apply", *given)
    assert status == 0, said
    assert "environment: DATABASE_URL, GENRE_SERVICE_URL, SITE_HOSTS, SITE_PRODUCTION, SITE_SECRET_KEY" in said
    assert "The site is at https://" in said
    assert "0 to create, 0 to change, 0 to remove, 5 unchanged." in cloud.aws("apply", *given)[1]
    status, looked = cloud.aws("status", *given)
    assert (status, "health    ready, and shows its first page" in looked) == (0, True), looked
    assert "health    ready, and shows its first page" in cloud.aws("status", "--site")[1]

    name, made = "music-genre-site", cloud.inventory()
    assert (made["buckets"], [one for one, *_ in made["functions"]]) == ([], [name])
    function = cloud.client("lambda").get_function_configuration(FunctionName=name, Qualifier="live")
    assert function["Environment"]["Variables"] == settings
    policy: Any = cloud.client("iam").get_role_policy(RoleName=f"{name}-{REGION}", PolicyName="run")["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{name}:*"]

    secrets.write_text(secrets.read_text().replace("only-for-tests", "another-secret"))
    status, changed = cloud.aws("plan", *given)
    assert "SITE_SECRET_KEY (another) → " in changed
    assert "2 to change" in changed
    assert not [value for value in (database, "only-for-tests", "another-secret") if value in said + looked + changed]
    assert cloud.aws("destroy", "--site", "--yes")[0] == 0
    assert cloud.inventory() == before


def test_it_is_not_served_to_a_database_that_is_gone(image: Image, cloud: Cloud, tmp_path: Path) -> None:
    secrets = tmp_path / "site.env"
    gone = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing", "SITE_HOSTS": f".example.net {HOST}"}
    settings = PRODUCTION | {"GENRE_SERVICE_URL": SERVICE} | gone
    secrets.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    with run(image, tmp_path / "log", **gone) as function:
        cloud.front.any_program = function.call
        status, said = cloud.aws("apply", "--site", "--image", cloud.push("site"), "--environment", str(secrets))
    assert status == 1
    assert 'GET /readyz of version 1 answered 503: {"database": "unreachable"' in said
    assert "Nothing is served yet." in said

"""The OpenAPI document: valid, with a range for every number, and true of the server's answers."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_spec_validator import validate

from benchmarks.server import Server
from tests.serving.server import ROOT, serve


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    with serve("service:GenreService", ROOT, log, GENRE_LOAD="default", GENRE_MAX_UPLOAD_MB="1") as server:
        yield server


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    return dict(requests.get(f"{server.url}/docs.json", timeout=20).json())


def schemas(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from schemas(inner)


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_every_number_has_a_range(document: dict[str, Any]) -> None:
    numbers = [schema for schema in schemas(document) if schema.get("type") in ("integer", "number")]
    assert len(numbers) > 10
    for number in numbers:
        assert number.keys() & {"minimum", "exclusiveMinimum"}, number


def test_every_form_must_be_sent_and_its_numbers_have_two_limits(document: dict[str, Any]) -> None:
    posts = {path: methods["post"] for path, methods in document["paths"].items() if "post" in methods}
    assert set(posts) == {"/classify", "/classify_batch", "/explain"}
    for post in posts.values():
        assert post["requestBody"]["required"] is True
        assert {"200", "400", "408", "413", "415", "429", "500", "503", "504"} == set(post["responses"])
    for path in ("/classify", "/classify_batch"):
        form = posts[path]["requestBody"]["content"]["multipart/form-data"]["schema"]
        top_k = form["properties"]["top_k"]
        assert (top_k["minimum"], top_k["maximum"]) == (1, 1000)
    for post in posts.values():
        excerpts = post["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]["excerpts"]
        assert (excerpts["minimum"], excerpts["maximum"]) == (1, 100)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_generated_requests_find_no_answer_that_is_not_documented(server: Server, tmp_path: Path) -> None:
    checks = (
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
        "unsupported_method,allow_header_conformance,negative_data_rejection"
    )
    options = ["--checks", checks, "--max-examples", "50", "--seed", "1", "--generation-database", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/docs.json", "--url", server.url, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout

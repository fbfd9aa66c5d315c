"""An account of AWS, and a database, for the tests that need one."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import psycopg
import pytest
from botocore import session
from botocore.loaders import Loader, create_loader

from tests.deploy.cloud import REGION, Cloud, healthy
from tests.moto_server import Front, moto
from tests.site.conftest import missing
from tests.site.test_running import POSTGRESQL

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Where the function's songs are.
BUCKET = "genre-songs"


@cache
def _loader(search_path: str | None = None) -> Loader:
    """Return the loader of AWS's descriptions that all clients share: it keeps what it has read, megabytes a client."""
    return create_loader(search_path)


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the address of a database of the module's own, in a real PostgreSQL; each process of a run has one."""
    server, _, _ = POSTGRESQL.rpartition("/")
    name = f"{request.module.__name__}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}".replace(".", "_")
    try:
        connection = psycopg.connect(POSTGRESQL, connect_timeout=5, autocommit=True)
    except psycopg.OperationalError:
        missing(f"needs a PostgreSQL at TEST_DATABASE_URL, {POSTGRESQL}")
    with connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the environment of a function that sees an S3 of its own."""
    with moto(tmp_path_factory.mktemp("moto") / "log") as environment:
        yield environment


@pytest.fixture(scope="module")
def store(aws: dict[str, str]) -> "S3Client":
    """Return a client of the S3 that the function sees, where its bucket is."""
    client = boto3.client(
        "s3",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",  # noqa: S106 - moto lets everybody in
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Return the front of a server of its own."""
    with moto(tmp_path_factory.mktemp("moto") / "log") as environment:
        front = Front(environment["AWS_ENDPOINT_URL"])
        yield front
        front.close()


@pytest.fixture
def cloud(front: Front, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Return the account, empty."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": front.address,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(session, "create_loader", _loader)
    cloud = Cloud(front, capsys)
    yield cloud
    front.before = front.after = None
    front.any_program = None
    front.programs.clear()
    front.layers.clear()
    cloud.reset()


@pytest.fixture
def engine(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for docker before all others; return the file of what it was asked for.

    It has the images genre:0.1.0 and genre:0.2.0, and pushes by what ECR itself offers, PutImage.
    """
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{_ENGINE.format(asked=asked)}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    cloud.front.any_program = healthy
    return asked


_ENGINE = """
import json, os, sys, urllib.request

open("{asked}", "a").write(" ".join(sys.argv[1:]) + "\\n")
IDS = {{"genre:0.1.0": "0123456789ab" + "0" * 52, "genre:0.2.0": "fedcba987654" + "0" * 52}}
match sys.argv[1:]:
    case ["image", "inspect", name] if name in IDS:
        print(json.dumps([{{"Id": "sha256:" + IDS[name], "Architecture": os.environ.get("ENGINE_BUILDS", "amd64")}}]))
    case ["image", "inspect", name]:
        sys.exit(f"Error: No such image: {{name}}")
    case ["login", "--username", "AWS", "--password-stdin", registry]:
        assert sys.stdin.read()
    case ["tag", name, address]:
        pass
    case ["push", address]:
        repository, tag = address.partition("/")[2].split(":")
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        parts = {{"config": {{"digest": "sha256:" + tag, "size": 1}}, "layers": [{{"digest": "sha256:" + tag}}]}}
        body = {{"repositoryName": repository, "imageTag": tag}}
        body["imageManifest"] = json.dumps({{"schemaVersion": 2, "mediaType": kind}} | parts)
        scope = "Credential=nobody/20260101/us-east-1/ecr/aws4_request"
        headers = {{"Authorization": f"AWS4-HMAC-SHA256 {{scope}}, SignedHeaders=host, Signature=0"}}
        headers["X-Amz-Target"] = "AmazonEC2ContainerRegistry_V20150921.PutImage"
        headers["Content-Type"] = "application/x-amz-json-1.1"
        request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(), headers)
        urllib.request.urlopen(request)
    case other:
        sys.exit(f"unknown: {{other}}")
"""

"""An account of AWS to deploy into: images, what others have there, and the command, as a user runs it."""

import argparse
import base64
import email
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import soundfile

from deploy.aws.command import add_commands
from tests.moto_server import Front

ROOT = Path(__file__).resolve().parents[2]
REGION, ACCOUNT = "us-east-1", "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
NAME = "music-genre-classifier"
# What `python -m deploy` does, with this part alone.
_PROGRAM = """
import argparse, sys
from deploy.aws.command import add_commands
parser = argparse.ArgumentParser()
add_commands(parser.add_subparsers())
asked = parser.parse_args()
sys.exit(asked.run(asked))
"""
BUCKET = f"{NAME}-{ACCOUNT}-{REGION}"


class Cloud:
    """The account. What is written to it by others, and read of it, goes past the command."""

    def __init__(self, front: Front, capsys: pytest.CaptureFixture[str]) -> None:
        self.front = front
        self._capsys = capsys
        # A client takes a while to make.
        self.client = cache(boto3.Session().client)

    def aws(self, *arguments: str) -> tuple[int, str]:
        """Run a command in this process; return its exit status and all that it says."""
        parser = argparse.ArgumentParser()
        add_commands(parser.add_subparsers())
        asked = parser.parse_args(["aws", *arguments])
        self._capsys.readouterr()
        status: int = asked.run(asked)
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out + said.err

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a process of its own."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # So it is where the tests run in the background of a script, and so the command would take it over.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, "aws", *arguments],
            cwd=ROOT,
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def reset(self) -> None:
        """Empty the account."""
        assert requests.post(f"{self.front.address}/moto-api/reset", timeout=10).ok

    def push(self, tag: str, repository: str = "images", machine: str = "amd64") -> str:
        """Put an image that answers well into a repository; return its URI."""
        ecr = self.client("ecr")
        if repository not in [one["repositoryName"] for one in ecr.describe_repositories()["repositories"]]:
            ecr.create_repository(repositoryName=repository)
        config = json.dumps({"architecture": machine, "os": "linux", "of": tag}).encode()
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        self.front.layers[digest] = config
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"digest": digest, "size": len(config)},
            "layers": [{"digest": digest}],
        }
        image = ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps(manifest))["image"]
        self.front.programs[image["imageId"]["imageDigest"]] = healthy
        return f"{REGISTRY}/{repository}:{tag}"

    def digest(self, uri: str) -> str:
        """Return the digest of an image that was pushed."""
        repository, _, tag = uri.removeprefix(f"{REGISTRY}/").partition(":")
        images = self.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        digest: str = images["imageDetails"][0]["imageDigest"]
        return digest

    def served(self) -> str | None:
        """Return the digest of the image that is served, None if there is none."""
        functions = self.client("lambda")
        try:
            found = functions.get_function(FunctionName=NAME, Qualifier="live")
        except functions.exceptions.ResourceNotFoundException:
            return None
        digest: str = found["Code"]["ResolvedImageUri"].rpartition("@")[2]
        return digest

    def inventory(self) -> dict[str, list[Any]]:
        """Return all that there is, of each kind, with its tags."""
        client = self.client
        functions = client("lambda")
        names = [one["FunctionName"] for one in functions.list_functions()["Functions"]]
        return {
            "repositories": [
                (one["repositoryName"], client("ecr").list_images(repositoryName=one["repositoryName"])["imageIds"])
                for one in client("ecr").describe_repositories()["repositories"]
            ],
            "buckets": [
                (
                    one["Name"],
                    [found["Key"] for found in client("s3").list_objects_v2(Bucket=one["Name"]).get("Contents", [])],
                    client("s3")
                    .get_bucket_notification_configuration(Bucket=one["Name"])
                    .get("LambdaFunctionConfigurations"),
                )
                for one in client("s3").list_buckets()["Buckets"]
            ],
            "roles": [
                (one["RoleName"], client("iam").list_role_policies(RoleName=one["RoleName"])["PolicyNames"])
                for one in client("iam").list_roles()["Roles"]
            ],
            "log groups": [
                (one["logGroupName"], one.get("retentionInDays"))
                for one in client("logs").describe_log_groups()["logGroups"]
            ],
            "functions": [
                (
                    name,
                    [one["Version"] for one in functions.list_versions_by_function(FunctionName=name)["Versions"]],
                    [one["Name"] for one in functions.list_aliases(FunctionName=name)["Aliases"]],
                )
                for name in names
            ],
            "APIs": [(one["Name"], one.get("Tags")) for one in client("apigatewayv2").get_apis()["Items"]],
        }


def healthy(event: dict[str, Any]) -> object:
    """Answer as the service does: ready, and with a prediction for what is a song."""
    http = event["requestContext"]["http"]
    if (http["method"], event["rawPath"]) == ("GET", "/readyz"):
        return {"statusCode": 200, "headers": {}, "body": "", "isBase64Encoded": False}
    assert (http["method"], event["rawPath"]) == ("POST", "/classify")
    head = f"Content-Type: {event['headers']['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + base64.b64decode(event["body"]))
    (part,) = [part for part in form.walk() if not part.is_multipart()]
    assert part.get_param("name", header="content-disposition") == "audio"
    song = part.get_payload(decode=True)
    assert isinstance(song, bytes)
    assert soundfile.info(io.BytesIO(song)).duration >= 1
    body = json.dumps({"genre": None, "confidence": 0.2, "probabilities": {"blues": 0.2, "jazz": 0.1}})
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body, "isBase64Encoded": False}

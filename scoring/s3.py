"""Songs and tables in S3, or any store that speaks its protocol: AWS_ENDPOINT_URL names another than Amazon's."""

from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from scoring.row import BucketError, SongFile

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Of one answer; botocore asks again, with growing pauses, as often as "retries" says.
_TIMEOUT_SECONDS = 60


def list_objects(address: str) -> Iterator[SongFile]:
    """Yield the objects under a prefix, in the order of their names; raise BucketError if it cannot be listed."""
    bucket, prefix = _parts(address)
    try:
        for page in _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                if not found["Key"].endswith("/"):
                    yield SongFile(f"s3://{bucket}/{found['Key']}", found["Size"], found["ETag"])
    except (BotoCoreError, ClientError) as error:
        raise _error(address, error) from error


def look(address: str) -> SongFile:
    """Return one object; raise BucketError if it is not there."""
    bucket, key = _parts(address)
    try:
        head = _client().head_object(Bucket=bucket, Key=key)
    except (BotoCoreError, ClientError) as error:
        raise _error(address, error) from error
    return SongFile(address, head["ContentLength"], head["ETag"])


def version(address: str) -> str | None:
    """Return the ETag of an object, None if it is not there; raise BucketError if that cannot be told."""
    bucket, key = _parts(address)
    try:
        return str(_client().head_object(Bucket=bucket, Key=key)["ETag"])
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            return None
        raise _error(address, error) from error
    except BotoCoreError as error:
        raise _error(address, error) from error


def check_bucket(address: str) -> None:
    """Raise BucketError if the bucket of an address is not there or not ours to use."""
    try:
        _client().head_bucket(Bucket=_parts(address)[0])
    except (BotoCoreError, ClientError) as error:
        raise _error(address, error) from error


def download(address: str, path: Path) -> None:
    """Write an object to a file; raise BucketError if it cannot be had."""
    bucket, key = _parts(address)
    try:
        _client().download_file(bucket, key, str(path))
    except (BotoCoreError, ClientError) as error:
        raise _error(address, error) from error


def upload(path: Path, address: str) -> None:
    """Put a file into a bucket, whole or not at all; raise BucketError if it cannot be put there."""
    from boto3.exceptions import S3UploadFailedError

    bucket, key = _parts(address)
    try:
        _client().upload_file(str(path), bucket, key)
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        raise _error(address, error) from error


def delete(address: str) -> None:
    """Remove an object, if it is there; raise BucketError if that cannot be done."""
    bucket, key = _parts(address)
    try:
        _client().delete_object(Bucket=bucket, Key=key)
    except (BotoCoreError, ClientError) as error:
        raise _error(address, error) from error


@cache
def _client() -> "S3Client":
    """Return the client of this process, which several threads may use."""
    # Here, as most runs have no bucket, and boto3 is larger than all the rest of the command.
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=10, read_timeout=_TIMEOUT_SECONDS, retries={"mode": "standard", "total_max_attempts": 5}
    )
    return boto3.client("s3", config=config)


def _parts(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def _error(address: str, error: Exception) -> BucketError:
    return BucketError(f"{address}: {error}")

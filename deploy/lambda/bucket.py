"""Songs in S3: where to send them, their bytes, and the answers beside them.

To be imported where it is needed: boto3 takes a third of a second, and most calls need no bucket.
"""

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from starlette.datastructures import UploadFile

from serving.settings import SETTINGS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

UPLOAD_SECONDS = 900


class BucketError(RuntimeError):
    """A request to AWS failed; the message has the object and the reason."""


class MissingObject(BucketError):
    """There is no object of that key."""


def upload_form(bucket: str, key: str) -> dict[str, Any]:
    """Return the `url` and the `fields` of a form with which a song can be sent for `UPLOAD_SECONDS`.

    S3 refuses a file over the limit of one song, which a form can say, and a presigned PUT cannot.
    """
    form = _client().generate_presigned_post(
        bucket,
        key,
        Conditions=[["content-length-range", 1, SETTINGS.upload_bytes]],
        ExpiresIn=UPLOAD_SECONDS,
    )
    return dict(form)


def read_song(bucket: str, key: str) -> UploadFile:
    """Return an object as the file of a form; one over the limit of a song has its size alone, to be refused by it.

    Raises MissingObject if there is none, and BucketError if it cannot be had.
    """
    try:
        found = _client().get_object(Bucket=bucket, Key=key)
        with found["Body"] as body:
            size = found["ContentLength"]
            content = b"" if size > SETTINGS.upload_bytes else body.read()
    except _client().exceptions.NoSuchKey as error:
        raise MissingObject(f"s3://{bucket}/{key}: {error}") from error
    except (BotoCoreError, ClientError) as error:
        raise BucketError(f"s3://{bucket}/{key}: {error}") from error
    return UploadFile(BytesIO(content), size=size, filename=key)


def write_json(bucket: str, key: str, content: bytes) -> None:
    """Write an object, whole or not at all; raise BucketError if it cannot be written."""
    try:
        _client().put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/json")
    except (BotoCoreError, ClientError) as error:
        raise BucketError(f"s3://{bucket}/{key}: {error}") from error


@cache
def _client() -> "S3Client":
    # The newer of S3's signatures, which is the only one that all regions take.
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return boto3.client("s3", config=config)

"""Songs that are too large for a call: they go into a bucket first, and the call names them by their key."""

import json
import logging
import os
import re
import secrets
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import Refusal
from serving.form import song_bytes

PREFIX = "uploads/"
_KEY = re.compile(rf"{PREFIX}[\w-]{{43}}", re.ASCII)
_TAKE_KEYS = {"/classify", "/explain"}
# AWS carries 6 MB in a call: the body in base64, and the headers.
_CALL_BYTES = 4_700_000
# A form with a song in it is larger, or has no key.
_FIELDS_BYTES = 10_000

_logger = logging.getLogger("bentoml.genre")


class Uploads:
    """ASGI middleware that answers POST /uploads, and puts a song of the bucket in the place of its key."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on with the song that it names."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        try:
            # AWS has it all before the call begins.
            body = await Request(scope, receive).body()
            if len(body) > _CALL_BYTES:
                raise Refusal(
                    413,
                    f"A call carries up to {_CALL_BYTES / 1e6:g} MB. "
                    "POST /uploads says where to send a larger song, and the key to send here in its place.",
                    "too large for a call",
                )
            if scope["path"] == "/uploads":
                await JSONResponse(_new_upload())(scope, receive, send)
                return
            parts = [body]
            if scope["path"] in _TAKE_KEYS and "key" in (fields := await _fields(scope, body)):
                scope, parts = await _with_song(scope, fields)
        except Refusal as problem:
            await problem.response()(scope, receive, send)
            return
        await self.app(scope, _receiving(parts, receive), send)


def _new_upload() -> dict[str, Any]:
    """Return the answer to POST /uploads."""
    import bucket

    # Who is not told it cannot guess it.
    key = PREFIX + secrets.token_urlsafe(32)
    return {"key": key, "expires_seconds": bucket.UPLOAD_SECONDS} | bucket.upload_form(_bucket(), key)


async def _with_song(scope: Scope, fields: dict[str, Any]) -> tuple[Scope, list[bytes]]:
    """Return the request, and its body in parts, as if the song had come in the form."""
    import bucket

    name = _bucket()
    missing = Refusal(
        404,
        "There is no song of that key. POST /uploads says where to send it, and its key; then ask again.",
        "no song",
    )
    if not _KEY.fullmatch(str(fields["key"])):
        raise missing
    try:
        song = await song_bytes(bucket.read_song(name, fields["key"]))
    except bucket.MissingObject as error:
        raise missing from error
    except bucket.BucketError as error:
        _logger.exception("The bucket of uploads cannot be read.")
        raise Refusal(503, "The uploaded song cannot be had just now. Ask again in a minute.", "no bucket") from error
    boundary = secrets.token_hex(16)
    disposition = f"--{boundary}\r\nContent-Disposition: form-data; name="
    texts = [
        f'{disposition}"{field}"\r\n\r\n{value if isinstance(value, str) else json.dumps(value)}\r\n'
        for field in ("model", "top_k")
        if (value := fields.get(field)) is not None
    ]
    head = "".join([*texts, f'{disposition}"audio"; filename="song"\r\n\r\n'])
    parts = [head.encode(), song, f"\r\n--{boundary}--\r\n".encode()]
    headers = MutableHeaders(raw=[*scope["headers"]])
    headers["content-type"] = f"multipart/form-data; boundary={boundary}"
    headers["content-length"] = str(sum(map(len, parts)))
    return {**scope, "headers": headers.raw}, parts


def _bucket() -> str:
    name = os.environ.get("GENRE_UPLOADS_BUCKET", "")
    if not name:
        raise Refusal(
            501,
            f"Uploads are off here: GENRE_UPLOADS_BUCKET is not set. Send songs of up to {_CALL_BYTES / 1e6:g} MB.",
            "no uploads",
        )
    return name


async def _fields(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return the fields of a form or a JSON object; none of another body, which the service refuses."""
    if len(body) > _FIELDS_BYTES:
        return {}
    request = Request(scope, _receiving([body]))
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            fields = await request.json()
            return fields if isinstance(fields, dict) else {}
        return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    except (ValueError, RecursionError, HTTPException, MultiPartException):
        return {}


def _receiving(parts: Sequence[bytes], rest: Receive | None = None) -> Receive:
    """Return a `receive` that gives a body in parts, and then whatever comes after it."""
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]
    waiting = iter(messages)

    async def receive() -> Message:
        message = next(waiting, None)
        if message is None and rest is not None:
            return await rest()
        return message or {"type": "http.disconnect"}

    return receive

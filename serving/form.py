"""The form of POST /classify, read with bounds and checked before anything is computed."""

import json
import os
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import bentoml
from pydantic import Field
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from serving.errors import BadRequest

MAX_UPLOAD_BYTES = int(float(os.environ.get("GENRE_MAX_UPLOAD_MB", "50")) * 1_000_000)
# The form around the song: boundaries, headers and the other fields.
_FORM_BYTES = 100_000
_FIELD_BYTES = 1024
# How far a client that sends too much is listened to, so that it gets to read the answer.
_DRAIN_SECONDS = 1.0
_DRAIN_BYTES = 4 * MAX_UPLOAD_BYTES


class SongForm(bentoml.IODescriptor):
    """A song to classify, as multipart/form-data."""

    audio: Path = Field(
        description="A song of 1 second or more: WAV, AIFF, FLAC, MP3, Ogg, Opus, M4A, WMA, WebM or video."
    )
    model: str | None = Field(None, description="Name of the model, from GET /models.", examples=["gtzan-svm"])
    top_k: int | None = Field(
        None, ge=1, description="Answer with the probabilities of only so many genres.", examples=[3]
    )

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> "SongForm":  # noqa: ARG003 - BentoML's signature
        """Return the form with what it holds, or with `audio` replaced by the BadRequest that says what is wrong.

        BentoML's own reading would fetch the address, or open the path, that a client sends in place of a file, takes
        uploads of any size, and answers what it cannot read with an error of another shape.
        """
        try:
            fields = await _read(request)
        except BadRequest as problem:
            if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                await _drain(request)
            fields = {"audio": problem}
        form: SongForm = cls.model_construct(**fields)
        return form


async def _read(request: Request) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise BadRequest(
            415, "Send the song as multipart/form-data, such as: curl -F audio=@song.mp3 ADDRESS/classify", "media type"
        )
    stated_length = request.headers.get("content-length", "")
    if stated_length.isdecimal() and int(stated_length) > MAX_UPLOAD_BYTES + _FORM_BYTES:
        raise _too_large()
    try:
        form = await _bounded(request).form(max_files=1, max_fields=10, max_part_size=_FIELD_BYTES)
    except HTTPException as error:
        raise BadRequest(400, f"The form cannot be read: {error.detail}", "form") from error
    audio = form.get("audio")
    if not isinstance(audio, UploadFile):
        raise BadRequest(
            400, "There is no file in the form's field 'audio'. Send one: curl -F audio=@song.mp3", "no file"
        )
    if (audio.size or 0) > MAX_UPLOAD_BYTES:
        raise _too_large()
    model = _value(form, "model")
    if not isinstance(model, str | None):
        raise BadRequest(400, "The field 'model' must be the name of a model. GET /models lists them.", "field")
    top_k = _value(form, "top_k")
    if isinstance(top_k, bool) or not (top_k is None or (isinstance(top_k, int) and top_k >= 1)):
        raise BadRequest(400, "The field 'top_k' must be a whole number, 1 or more.", "field")
    return {"audio": audio, "model": model, "top_k": top_k}


def _value(form: FormData, name: str) -> Any:
    """Return a field's value; like BentoML, whose clients write JSON, take it for JSON if it is, else for text."""
    text = form.get(name)
    if isinstance(text, UploadFile):
        raise BadRequest(400, f"The field {name!r} must be text, not a file.", "field")
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _bounded(request: Request) -> Request:
    """Return the request, to be read no further than the upload limit whatever length it states."""
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > MAX_UPLOAD_BYTES + _FORM_BYTES:
            raise _too_large()
        return message

    return Request(request.scope, receive)


async def _drain(request: Request) -> None:
    """Throw away what the client sends for a while, unless it waits to be asked for it.

    Most clients read no answer before they have sent all they have.
    """
    if "100-continue" in request.headers.get("expect", ""):
        return
    deadline = time.monotonic() + _DRAIN_SECONDS
    drained = 0
    async for part in request.stream():
        drained += len(part)
        if drained > _DRAIN_BYTES or time.monotonic() > deadline:
            return


def _too_large() -> BadRequest:
    return BadRequest(
        413, f"The file is over the limit of {MAX_UPLOAD_BYTES / 1e6:g} MB. Send a smaller one.", "too large"
    )

"""The forms in which songs arrive, read with limits and checked before anything is computed."""

import asyncio
import json
import logging
import tempfile
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import bentoml
from _bentoml_sdk.io_models import IORootModel
from pydantic import Field
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from features.settings import EXCERPT_SECONDS, MAX_EXCERPTS
from serving.errors import CLIENT_GONE, Refusal
from serving.settings import SETTINGS

# The form around the songs: boundaries, headers and the other fields.
_FORM_BYTES = 100_000
_FIELD_BYTES = 1024
# How far a client that sends too much is listened to, so that it gets to read the answer.
_DRAIN_SECONDS = 1.0
_DRAIN_BYTES = SETTINGS.batch_bytes
_WHAT_A_FILE_IS = "Send the song as a file, a part with filename=, such as: curl -F audio=@song.mp3"

# More genres than any model has.
MAX_TOP_K = 1000

_MODEL = Field(None, description="Name of the model, from GET /models.", examples=["gtzan-svm"])
_TOP_K = Field(
    None, ge=1, le=MAX_TOP_K, description="Answer with the probabilities of only so many genres.", examples=[3]
)
_EXCERPTS = Field(
    None,
    ge=1,
    le=MAX_EXCERPTS,
    description=f"Hear only so many excerpts of {EXCERPT_SECONDS:g} seconds, spread over the song; else all of it.",
    examples=[3],
)

_logger = logging.getLogger("bentoml.genre")


class SongForm(bentoml.IODescriptor):
    """A song, as multipart/form-data."""

    audio: Path = Field(
        description="A song of 1 second or more: WAV, AIFF, FLAC, MP3, Ogg, Opus, M4A, WMA, WebM or video."
    )
    model: str | None = _MODEL
    excerpts: int | None = _EXCERPTS

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> "SongForm":  # noqa: ARG003 - BentoML's signature
        """Return the form with the content of its files, or with `audio` replaced by a Refusal.

        BentoML's own reading would fetch the address, or open the path, that a client sends in place of a file, takes
        uploads of any size, and answers what it cannot read with an error of another shape.
        """
        fields = await _read(request, max_files=1, max_bytes=SETTINGS.upload_bytes)
        if isinstance(fields["audio"], list):
            (fields["audio"],) = fields["audio"]
        form: SongForm = cls.model_construct(**{name: fields.get(name) for name in cls.model_fields})
        return form


class ClassifyForm(SongForm):
    """A song to classify."""

    top_k: int | None = _TOP_K


class BatchForm(bentoml.IODescriptor):
    """Songs to classify, with a field `audio` for each."""

    audio: list[Path] = Field(description=f"Songs as POST /classify takes them, up to {SETTINGS.batch_files}.")
    model: str | None = _MODEL
    excerpts: int | None = _EXCERPTS
    top_k: int | None = _TOP_K

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> "BatchForm":  # noqa: ARG003 - BentoML's signature
        """Return the form as `SongForm` does; a file that is too large is the service's to refuse."""
        fields = await _read(request, max_files=SETTINGS.batch_files, max_bytes=SETTINGS.batch_bytes)
        form: BatchForm = cls.model_construct(**fields)
        return form


class HopMessage(IORootModel[bytes]):
    """The bytes of a question to MelFeatures, or of its answer: see `serving/wire.py`."""

    media_type = "application/octet-stream"
    # BentoML's mark of a model that is the whole question, not a field of it.
    __root_input__ = True

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> "HopMessage":  # noqa: ARG003 - BentoML's signature
        """Return the body as it is; an empty one if the client goes away before it has sent all of it."""
        try:
            return cls(await request.body())
        except ClientDisconnect:
            return cls(b"")


async def song_bytes(file: UploadFile) -> bytes:
    """Return the content of a file of a form; raise Refusal if it is over the limit of one song."""
    if (file.size or 0) > SETTINGS.upload_bytes:
        raise _too_large(SETTINGS.upload_bytes)
    return await file.read()


async def _read(request: Request, *, max_files: int, max_bytes: int) -> dict[str, Any]:
    """Return a form's fields, of which `audio` is a list of files, or a Refusal."""
    try:
        async with asyncio.timeout(SETTINGS.seconds):
            return await _read_checked(request, max_files, max_bytes)
    except Refusal as problem:
        if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            await drain(request)
        return {"audio": problem}
    except ClientDisconnect:
        return {"audio": Refusal(CLIENT_GONE, "The client went away before it had sent its song.", "client gone")}
    except TimeoutError:
        return {"audio": Refusal(408, "The song takes too long to arrive. Send it again, or a smaller one.", "slow")}


async def _read_checked(request: Request, max_files: int, max_bytes: int) -> dict[str, Any]:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal(
            415,
            f"Send songs as multipart/form-data, such as: curl -F audio=@song.mp3 ADDRESS{request.url.path}",
            "media type",
        )
    stated_length = request.headers.get("content-length", "")
    if stated_length.isdecimal() and int(stated_length) > max_bytes + _FORM_BYTES:
        raise _too_large(max_bytes)
    try:
        form = await _bounded(request, max_bytes).form(max_files=max_files, max_fields=10, max_part_size=_FIELD_BYTES)
    except HTTPException as error:
        raise Refusal(400, f"The form cannot be read: {error.detail} {_WHAT_A_FILE_IS}", "form") from error
    except OSError as error:
        # Of files, only those that songs are kept in until they are worked on are touched here.
        _logger.error("cannot keep songs in %s: %s", tempfile.gettempdir(), error)
        problem = "The service has no room for this song at the moment. Send it again in a few minutes."
        raise Refusal(503, problem, "no room") from error
    files = [value for value in form.getlist("audio") if isinstance(value, UploadFile)]
    if not files:
        problem = f"There is no file in the form's field 'audio'. {_WHAT_A_FILE_IS}"
        raise Refusal(400, problem, "no file")
    model = _value(form, "model")
    if not isinstance(model, str | None):
        raise Refusal(400, "The field 'model' must be the name of a model. GET /models lists them.", "field")
    numbers = {name: _number(form, name, most) for name, most in (("top_k", MAX_TOP_K), ("excerpts", MAX_EXCERPTS))}
    return {"audio": files, "model": model, **numbers}


def _number(form: FormData, name: str, most: int) -> int | None:
    """Return the whole number in a field, from 1 on; None if the field is absent."""
    number = _value(form, name)
    if number is None or (type(number) is int and 1 <= number <= most):
        return number
    raise Refusal(400, f"The field {name!r} must be a whole number from 1 to {most}.", "field")


def _value(form: FormData, name: str) -> Any:
    """Return a field's value; like BentoML, whose clients write JSON, take it for JSON if it is, else for text."""
    text = form.get(name)
    if isinstance(text, UploadFile):
        raise Refusal(400, f"The field {name!r} must be text, not a file.", "field")
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _bounded(request: Request, max_bytes: int) -> Request:
    """Return the request, to be read no further than a limit whatever length it states."""
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes + _FORM_BYTES:
            raise _too_large(max_bytes)
        return message

    return Request(request.scope, receive)


async def drain(request: Request) -> None:
    """Discard the rest of the request for a while, unless the client waits for `100 Continue`.

    Most clients read no answer before they have sent all they have.
    """
    if "100-continue" in request.headers.get("expect", ""):
        return
    drained = 0
    # A client that goes away, or that stops to send, is not waited for.
    with suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for part in request.stream():
                drained += len(part)
                if drained > _DRAIN_BYTES:
                    return


def _too_large(max_bytes: int) -> Refusal:
    return Refusal(413, f"What you send is over the limit of {max_bytes / 1e6:g} MB. Send less.", "too large")

"""The genre service, by HTTP."""

import functools
import logging
import threading
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import httpx
from django.conf import settings
from django.core.cache import cache
from genre_site.logs import REQUEST_ID

# The service lets a song wait a minute and works on it for another.
_TIMEOUT = httpx.Timeout(150, connect=5)
# Pages wait for it, if the service hangs.
_MODELS_TIMEOUT = 1
# How long a list of models is current, is remembered while the service is away, and a failure is not retried.
_MODELS_SECONDS, _REMEMBERED_SECONDS, _FAILED_SECONDS = 60, 86_400, 10
_BUSY = "Many songs are being analysed at the moment. Try again in a few seconds."
_PNG = b"\x89PNG\r\n\x1a\n"

_places = threading.BoundedSemaphore(settings.SERVICE_THREADS)

logger = logging.getLogger(__name__)


class ServiceError(Exception):
    """What the service would not do: an HTTP status, and a sentence for the user that says what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Song:
    """A file that a user sent."""

    name: str
    size: int
    content: BinaryIO


@functools.cache
def _client() -> httpx.Client:
    """Return the client of this process; the service closes connections that are idle for five seconds."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=3)
    return httpx.Client(timeout=_TIMEOUT, limits=limits)


def classify(song: Song, model: str) -> dict[str, Any]:
    """Return the service's answer for a song; raise ServiceError. An empty model is the service's default."""
    return cast(dict[str, Any], _ask("/classify", song, model).json())


def explain(song: Song, model: str) -> bytes:
    """Return the picture of what in a song carried the decision, as PNG; raise ServiceError."""
    picture = _ask("/explain", song, model).content
    if not picture.startswith(_PNG):
        raise ServiceError(502, "The picture could not be drawn. Try again in a minute.")
    return picture


def models() -> list[dict[str, Any]]:
    """Return the cards of the service's models, the default first.

    Where the service is not there, or answers something else, they are those it had, for a day; none otherwise.
    """
    known = cache.get("models")
    if known is None:
        try:
            known = _read_models()
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            logger.warning("The models cannot be listed: %r", error)
            known = cache.get("models_remembered", [])
            cache.set("models", known, _FAILED_SECONDS)
        else:
            cache.set("models", known, _MODELS_SECONDS)
            cache.set("models_remembered", known, _REMEMBERED_SECONDS)
    return cast(list[dict[str, Any]], known)


def _read_models() -> list[dict[str, Any]]:
    """Ask the service for its models; raise httpx.HTTPError, ValueError, KeyError or TypeError for a wrong answer."""
    answer = _client().get(f"{settings.GENRE_SERVICE_URL}/models", timeout=_MODELS_TIMEOUT)
    answer.raise_for_status()
    found = answer.json()
    cards = sorted(found["models"], key=lambda card: card["name"] != found["default"])
    if not cards or not all(isinstance(card["name"], str) and isinstance(card["genres"], list) for card in cards):
        raise ValueError("no list of models")
    return cards


def is_ready() -> bool:
    """Return whether the service answers."""
    try:
        return _client().get(f"{settings.GENRE_SERVICE_URL}/readyz", timeout=3).is_success
    except httpx.HTTPError:
        return False


def _ask(path: str, song: Song, model: str) -> httpx.Response:
    if not _places.acquire(blocking=False):
        raise ServiceError(503, _BUSY)
    try:
        return _answer(path, song, model)
    finally:
        _places.release()


def _answer(path: str, song: Song, model: str) -> httpx.Response:
    try:
        answer = _post(path, song, model)
    except httpx.RemoteProtocolError:
        # An idle connection that the service was closing: the next one is another.
        answer = _try_again(path, song, model)
    except httpx.TimeoutException as error:
        raise ServiceError(504, "The analysis takes too long. Try again, or send a part of the song.") from error
    except httpx.HTTPError as error:
        raise _away() from error
    if answer.is_success:
        return answer
    if answer.status_code in (429, 503):
        raise ServiceError(503, _BUSY)
    try:
        said = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = "The analysis failed. Try again in a minute."
    # A model that has gone since the page was made, a song that is none: the service says it best.
    raise ServiceError(answer.status_code if answer.status_code < 500 else 502, said)


def _try_again(path: str, song: Song, model: str) -> httpx.Response:
    try:
        return _post(path, song, model)
    except httpx.HTTPError as error:
        raise _away() from error


def _post(path: str, song: Song, model: str) -> httpx.Response:
    song.content.seek(0)
    fields = {"model": model, "excerpts": str(settings.EXCERPTS or "")}
    return _client().post(
        settings.GENRE_SERVICE_URL + path,
        files={"audio": (song.name, song.content, "application/octet-stream")},
        data={name: value for name, value in fields.items() if value},
        headers={"X-Request-ID": REQUEST_ID.get()},
    )


def _away() -> ServiceError:
    return ServiceError(503, "The analysis is not available at the moment. Try again in a minute.")

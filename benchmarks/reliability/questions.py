"""Requests made at random from the service's own description, GET /docs.json: right ones, nearly right ones, others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_TEXTS = (
    *("", " ", "gtzan-best", "gtzan-svm", "fma-small-fast", "no-such-model", "null", "true", "[]", "{}", '"x"', "NaN"),
    *("0", "1", "3", "-1", "1.5", "1e9", "9" * 400, "Infinity", "../../etc/passwd", "http://127.0.0.1:9/", "\x00"),
    *("ü" * 50, "a" * 2000, "[" * 900, "%s%n", "'; --", "<script>", "🎵", "\r\nX: y"),
)
_TYPES = (
    *("application/json", "text/plain", "application/x-www-form-urlencoded", "audio/mpeg", "multipart/form-data", ""),
    *("application/vnd.bentoml+pickle", "multipart/form-data; boundary=", "multipart/mixed; boundary=b", "*/*"),
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
_PATHS = (
    "/",
    "/classify/",
    "/Classify",
    "/classify/../models",
    "/%2e%2e/service.py",
    "/static",
    "/a" * 500,
    "/é?x=%ff",
)
_HEADERS = {
    "X-Request-ID": ("", "a b", "x" * 300, "{}", "42"),
    "Accept": ("text/html", "image/png", "nothing"),
    "Content-Encoding": ("gzip", "br"),
    "Accept-Encoding": ("gzip", "identity;q=0"),
    "Range": ("bytes=0-1",),
    "Bentoml-Name": ("x",),
}


@dataclass(frozen=True)
class Question:
    """A request, and the statuses that its operation documents, None without an operation."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    statuses: frozenset[int] | None = field(default=None)


def question(document: Mapping[str, Any], songs: Sequence[bytes], rng: np.random.Generator) -> Question:
    """Return a request; half of them go to an operation that takes songs, with a form."""
    operations = [(path, method.upper()) for path, methods in document["paths"].items() for method in methods]
    forms = [(path, method) for path, method in operations if method == "POST"]
    path, method = forms[rng.integers(len(forms))] if rng.random() < 0.7 else operations[rng.integers(len(operations))]
    if rng.random() < 0.1:
        method = str(rng.choice(_METHODS))
    if rng.random() < 0.05:
        path = str(rng.choice(_PATHS))
    headers: dict[str, str] = {}
    body = b""
    if method not in ("GET", "HEAD") or rng.random() < 0.1:
        headers, body = _form(songs, rng)
    for name, values in _HEADERS.items():
        if rng.random() < 0.05:
            headers[name] = str(rng.choice(values))
    # HEAD is GET without the body.
    described = document["paths"].get(path, {}).get("get" if method == "HEAD" else method.lower())
    statuses = frozenset(int(status) for status in described["responses"]) if described else None
    return Question(method, path.replace("é", "%C3%A9"), headers, body, statuses)


def _form(songs: Sequence[bytes], rng: np.random.Generator) -> tuple[dict[str, str], bytes]:
    """Return a form's headers and body: one in three is not as a form should be."""
    parts = [_song(songs, rng) for _ in range(int(rng.choice([0, 1, 1, 1, 1, 1, 2, 3])))]
    for name in ("model", "top_k", "other"):
        if rng.random() < 0.3:
            value = str(rng.choice(_TEXTS)) if rng.random() < 0.7 else str(int(rng.integers(1, 11)))
            parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode())
    boundary = b"boundary"
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
    if rng.random() < 0.1:
        body = body[: rng.integers(len(body))]
    if rng.random() < 0.05:
        at = int(rng.integers(min(len(body), 300) + 1))
        body = body[:at] + rng.bytes(20) + body[at:]
    if rng.random() < 0.1:
        headers["Content-Type"] = str(rng.choice(_TYPES))
    if rng.random() < 0.05:
        body = rng.bytes(int(rng.integers(2000))) if rng.random() < 0.5 else json.dumps({"audio": "song"}).encode()
    return headers, body


def _song(songs: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Return a part of a form with a song, or with something in its place."""
    content = songs[int(rng.integers(len(songs)))]
    field = "audio" if rng.random() < 0.95 else str(rng.choice(["song", "model", "top_k", "audio[]"]))
    file = str(rng.choice(["song.mp3", "", "../../song.wav", "a" * 500, "ü.flac", "song"]))
    name = f'; filename="{file}"' if rng.random() < 0.95 else ""
    kind = str(rng.choice(["audio/mpeg", "application/octet-stream", "text/html"]))
    return f'Content-Disposition: form-data; name="{field}"{name}\r\nContent-Type: {kind}\r\n\r\n'.encode() + content

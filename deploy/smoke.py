"""The command `python -m deploy smoke URL`, which says whether what is deployed there answers as it should."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from deploy.song import chord

# Probabilities of the same model for the same song, wherever it runs.
_SAME = 1e-6
_TIMEOUT_SECONDS = 60.0


class Failure(Exception):
    """A check that failed; the message says what was found in place of what is right."""


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `smoke` to the commands of `python -m deploy`."""
    what = "Ask a deployed service for its health, a song's genre, an error and its metrics, and say what is wrong."
    parser = subparsers.add_parser("smoke", help="check a deployed service", description=what)
    parser.add_argument("url", metavar="URL", help="of the service, as http://localhost:3000")
    parser.add_argument("--song", type=Path, help="to classify there and here; default: a chord")
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    failed = False
    try:
        song = asked.song.read_bytes() if asked.song else chord()
    except OSError as error:
        print(f"The song cannot be read: {error}", file=sys.stderr)
        return 2
    with httpx.Client(base_url=asked.url, timeout=_TIMEOUT_SECONDS) as client:
        for name, check in _checks(client, song):
            try:
                print(f"well    {name}: {check()}")
            except (Failure, httpx.HTTPError, httpx.InvalidURL) as problem:
                print(f"FAILED  {name}: {problem}")
                failed = True
    return int(failed)


def _checks(client: httpx.Client, song: bytes) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "health", lambda: _health(client)
    yield "a song", lambda: _song(client, song)
    yield "a picture", lambda: _picture(client, song)
    yield "an error", lambda: _error(client)
    yield "metrics", lambda: _metrics(client)


def _health(client: httpx.Client) -> str:
    for path in ("/livez", "/readyz"):
        _expect(client.get(path), 200)
    return "alive and ready"


def _song(client: httpx.Client, song: bytes) -> str:
    """Compare the answer with that of the same model here, if it is the same."""
    # Here, not above: the other commands do without the models' libraries.
    from inference.bundle import MODELS, list_cards, load_bundle
    from inference.classifier import GenreClassifier

    there = _json(_expect(client.post("/classify", files={"audio": ("song", song)}), 200))
    name, version = there["model"]["name"], there["model"]["version"]
    cards = {card["name"]: card for card in _json(_expect(client.get("/models"), 200))["models"]}
    local = list_cards(MODELS).get(name)
    said = f"{there['genre'] or 'not sure'}, {there['confidence']:.3f}, by {name} {version}"
    if local is None or cards[name]["weights_sha256"] != local.weights_sha256:
        return f"{said}, which is not among the models here: not compared"
    here = GenreClassifier(load_bundle(MODELS / name)).classify(song)
    apart = max(abs(probability - there["probabilities"][genre]) for genre, probability in here.probabilities.items())
    if apart > _SAME:
        raise Failure(f"{said}; here a probability differs by {apart:.2g}")
    return f"{said}, as here"


def _picture(client: httpx.Client, song: bytes) -> str:
    answer = _expect(client.post("/explain", files={"audio": ("song", song)}), 200)
    if not answer.content.startswith(b"\x89PNG"):
        raise Failure(f"/explain answered what is no PNG: {answer.content[:50]!r}")
    return f"{len(answer.content) / 1000:.0f} KB of PNG"


def _error(client: httpx.Client) -> str:
    answer = _expect(client.post("/classify", files={"audio": ("song", b"this is no song")}), 400)
    problem = _json(answer)
    if set(problem) != {"error"}:
        raise Failure(f"not an object with the one field 'error': {answer.text[:200]}")
    return str(problem["error"])


def _metrics(client: httpx.Client) -> str:
    answer = _expect(client.get("/metrics"), 200)
    names = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE genre_")}
    if not names:
        raise Failure("none of the service's own")
    return f"{len(names)} of the service's own"


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        raise Failure(f"{answer.request.url.path} answered {answer.status_code}, not {status}: {answer.text[:200]}")
    return answer


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise Failure(f"{answer.request.url.path} answered what is no JSON: {answer.text[:200]}") from error

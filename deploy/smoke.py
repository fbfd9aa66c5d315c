"""The command `python -m deploy smoke URL`, which checks the answers of the deployment there."""

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
    """A failed check; the message has the found and the expected value."""


class NoService(Exception):
    """An address that is not that of the service; the message describes the answer and the remedy."""


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `smoke` to the commands of `python -m deploy`."""
    what = "Ask a deployed service for its health, a song's genre, an error and its metrics, and say what is wrong."
    parser = subparsers.add_parser("smoke", help="check a deployed service", description=what)
    parser.add_argument("url", type=_url, metavar="URL", help="of the service, as http://localhost:3000")
    parser.add_argument("--song", type=Path, help="to classify there and here; default: a chord")
    parser.set_defaults(run=_run)


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no address: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or not 0 < (url.port or 80) < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} must be like http://localhost:3000")
    return url


def _run(asked: argparse.Namespace) -> int:
    failed = False
    try:
        song = asked.song.read_bytes() if asked.song else chord()
    except OSError as error:
        print(f"The song cannot be read: {error}", file=sys.stderr)
        return 2
    with httpx.Client(base_url=asked.url, timeout=_TIMEOUT_SECONDS) as client:
        try:
            _find(client)
        except NoService as problem:
            print(problem, file=sys.stderr)
            return 1
        for name, check in _checks(client, song):
            try:
                print(f"well    {name}: {check()}")
            except (Failure, httpx.HTTPError) as problem:
                print(f"FAILED  {name}: {problem}")
                failed = True
    return int(failed)


def _find(client: httpx.Client) -> None:
    """Raise NoService if nothing answers, or something that is not the service."""
    try:
        answer = client.get("/models")
    except (httpx.HTTPError, UnicodeError) as error:
        reason = str(error) or type(error).__name__
        raise NoService(
            f"{client.base_url} does not answer: {reason}. Start the service, or correct the URL."
        ) from error
    if answer.is_redirect:
        found = f"leads to {answer.headers.get('location', 'nowhere')}"
    elif answer.status_code == httpx.codes.NOT_FOUND:
        found = "answers 404"
    elif answer.status_code == httpx.codes.OK and not _has_models(answer):
        found = f"answers {_shown(answer)}"
    else:
        # The checks report faults of the service.
        return
    raise NoService(f"{answer.url} {found}: it is not the service. Correct the host, the port and the path of the URL.")


def _has_models(answer: httpx.Response) -> bool:
    try:
        return "models" in answer.json()
    except (ValueError, TypeError):
        return False


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
        raise Failure(f"not an object with the one field 'error': {_shown(answer)}")
    return str(problem["error"])


def _metrics(client: httpx.Client) -> str:
    answer = _expect(client.get("/metrics"), 200)
    names = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE genre_")}
    if not names:
        raise Failure("none of the service's own")
    return f"{len(names)} of the service's own"


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        raise Failure(f"{answer.request.url.path} answered {answer.status_code}, not {status}: {_shown(answer)}")
    return answer


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise Failure(f"{answer.request.url.path} answered what is no JSON: {_shown(answer)}") from error


def _shown(answer: httpx.Response) -> str:
    """Return an answer's text in one line."""
    if answer.headers.get("content-type", "").startswith("text/html"):
        return "a web page"
    return " ".join(answer.text[:200].split()) or "nothing"

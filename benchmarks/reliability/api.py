"""Generated requests to a real server, whose answers are held against its own description."""

import http.client
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import numpy as np
import requests

from benchmarks.reliability.leaks import leaks
from benchmarks.reliability.mutations import mutate
from benchmarks.reliability.questions import Question, question
from benchmarks.reliability.result import Result
from benchmarks.reliability.service import processes, serve_genres
from benchmarks.reliability.songs import FORMATS, song

FAULTS = (
    *("no answer", "hang", "500", "status not described", "error of another shape", "path in the message"),
    *("not finite", "process died", "exception in the log"),
)
# What an operation that is not described is answered with; 307 leads to the same path without a slash at its end.
_NOT_DESCRIBED = {307, 400, 404, 405, 415, 429}
_SONG_SECONDS = 3.0


@dataclass(frozen=True)
class Answered:
    """The outcome of a request: the status, 0 for none, and the faults found in the response."""

    question: Question
    status: int
    seconds: float
    faults: tuple[str, ...]
    body: bytes


def faults_of(asked: Question, status: int, kind: str, body: bytes) -> tuple[str, ...]:
    """Return the faults of a response."""
    found = []
    if status == http.client.INTERNAL_SERVER_ERROR:
        found.append("500")
    if status not in (asked.statuses or _NOT_DESCRIBED):
        found.append("status not described")
    if not kind.startswith("application/json") or asked.method == "HEAD":
        return (*found, *(["error of another shape"] if status >= 400 and asked.method != "HEAD" else []))
    try:
        answer = json.loads(body, parse_constant=_not_finite)
    except ValueError as error:
        return (*found, "not finite" if "not finite" in str(error) else "error of another shape")
    if status >= http.client.BAD_REQUEST:
        if not (isinstance(answer, dict) and list(answer) == ["error"] and isinstance(answer["error"], str)):
            found.append("error of another shape")
        elif leaks(answer["error"].replace(unquote(asked.path), "")):
            # Its own path, the client knows.
            found.append("path in the message")
    elif not all(math.isfinite(number) for number in _numbers(answer)):
        found.append("not finite")
    return tuple(found)


def _numbers(value: Any) -> list[float]:
    """Return all numbers in an answer."""
    if isinstance(value, dict | list):
        return list(chain.from_iterable(map(_numbers, value.values() if isinstance(value, dict) else value)))
    return [value] if isinstance(value, float) else []


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text} is not finite")


def ask(url: str, asked: Question, limit_seconds: float) -> Answered:
    """Send a request as it is."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=limit_seconds)
    began = time.perf_counter()
    try:
        connection.request(asked.method, asked.path, asked.body or None, dict(asked.headers))
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        fault = "hang" if isinstance(error, TimeoutError) else "no answer"
        return Answered(asked, 0, time.perf_counter() - began, (fault,), repr(error).encode())
    finally:
        connection.close()
    faults = faults_of(asked, response.status, response.headers.get("content-type", ""), body)
    return Answered(asked, response.status, time.perf_counter() - began, faults, body)


def songs(rng: np.random.Generator) -> Sequence[bytes]:
    """Return short songs of every format, mutated copies of them, and files that are no songs."""
    good = [song(name, _SONG_SECONDS) for name in FORMATS]
    return [*good, *(mutate(content, rng, good) for content in good), b"", b"no song", rng.bytes(5000)]


def measure(
    count: int, seed: int, limit_seconds: float = 60.0, clients: int = 4, keep: Path | None = None, **settings: str
) -> Result:
    """Return the result of so many requests to a server of its own; those that led to a fault are kept."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    content = songs(np.random.default_rng([seed, count]))
    with tempfile.TemporaryDirectory() as folder, serve_genres(Path(folder), **settings) as server:
        document = requests.get(f"{server.url}/docs.json", timeout=30).json()
        before = _pids(server)

        def turn(index: int) -> Answered:
            asked = question(document, content, np.random.default_rng([seed, index]))
            answered = ask(server.url, asked, limit_seconds)
            if answered.faults and keep:
                text = f"{asked.method} {asked.path} {dict(asked.headers)}\n{answered.status} {answered.faults}\n"
                (keep / f"{seed}-{index}.txt").write_bytes(text.encode() + answered.body)
                (keep / f"{seed}-{index}.body").write_bytes(asked.body)
            return answered

        with ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(turn, range(count)))
        faults = Counter(fault for answer in answers for fault in answer.faults)
        faults["process died"] = len(before - _pids(server))
        logged = server.log.read_text(encoding="utf-8", errors="replace").splitlines()
        faults["exception in the log"] = sum(
            '"exception": "' in line or line.startswith("Traceback") for line in logged
        )
    statuses = Counter(answer.status for answer in answers)
    return Result(
        f"generated requests to {len(document['paths'])} paths, seed {seed}",
        count,
        f"{', '.join(f'{faults[name]} × {name}' for name in FAULTS)}; "
        f"{', '.join(f'{number:,} × {status}' for status, number in statuses.most_common())}, the longest in "
        f"{max(answer.seconds for answer in answers):.1f} s",
        not faults.total(),
        f"python -m benchmarks.reliability requests --count {count} --seed {seed}",
    )


def _pids(server: Any) -> set[int]:
    return {process.pid for several in processes(server).values() for process in several}

"""Clients that send a song again as soon as they are answered, and remember when and how they were."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

import requests


@dataclass(frozen=True)
class Answer:
    """When a request was sent and how long it took; its status, or the name of the exception in place of one."""

    began: float
    seconds: float
    status: str


@dataclass
class Clients:
    """So many clients of POST /classify, from when the block begins until it ends.

    `pause_seconds` is how long one waits after an answer. Each works through `songs`, from another one on.
    """

    url: str
    songs: Sequence[bytes]
    count: int
    pause_seconds: float = 0.0
    limit_seconds: float = 120.0
    answers: list[Answer] = field(default_factory=list)

    def __enter__(self) -> "Clients":
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int, since: float = 0.0, status: str = "", seconds: float = 120.0) -> bool:
        """Return whether so many answers came, within a time, to requests sent after a moment."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if len(self.of(since, status)) >= count:
                return True
            time.sleep(0.05)
        return False

    def of(self, since: float = 0.0, status: str = "") -> list[Answer]:
        """Return the answers to requests sent after a moment, of one status or of any."""
        return [one for one in list(self.answers) if one.began >= since and status in ("", one.status)]

    def statuses(self, since: float = 0.0) -> dict[str, int]:
        """Return how many answers had which status, the most frequent first."""
        return dict(Counter(one.status for one in self.of(since)).most_common())

    def _work(self, number: int) -> None:
        with requests.Session() as session:
            while not self._done.is_set():
                self.answers.append(ask(session, self.url, self.songs[number % len(self.songs)], self.limit_seconds))
                number += 1
                self._done.wait(self.pause_seconds)


def ask(session: requests.Session, url: str, song: bytes, limit_seconds: float) -> Answer:
    """Send a song once."""
    began = time.monotonic()
    try:
        response = session.post(f"{url}/classify", files={"audio": ("song", song)}, timeout=limit_seconds)
        status = str(response.status_code)
    except requests.RequestException as error:
        status = type(error).__name__
    return Answer(began, time.monotonic() - began, status)


def in_words(statuses: dict[str, int]) -> str:
    """Return the numbers of answers as text: 40 × 200, 2 × 503."""
    return ", ".join(f"{count:,} × {status}" for status, count in statuses.items()) or "no answer"

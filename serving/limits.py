"""All limits of the service, from the environment."""

import math
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one request, and all of them together, may take of a worker process.

    `upload_bytes` and `song_seconds` are of one song, `batch_files` of one request and `batch_bytes` of all its songs.
    `songs` are worked on at once, and no more than `requests` are received, wait or are worked on. A request may take
    `seconds` to be received, as long to wait for its turn, and as long to be worked on.
    """

    upload_bytes: int
    batch_files: int
    song_seconds: float
    songs: int
    requests: int
    seconds: float

    @property
    def batch_bytes(self) -> int:
        """The most that the songs of one request are together."""
        return 4 * self.upload_bytes

    @classmethod
    def from_environment(cls) -> "Limits":
        """Return the limits; raise ValueError for one that makes no sense."""
        return cls(
            upload_bytes=int(_number("GENRE_MAX_UPLOAD_MB", 50, 0.001) * 1_000_000),
            batch_files=int(_number("GENRE_MAX_BATCH_FILES", 32, 1)),
            song_seconds=_number("GENRE_MAX_SONG_MINUTES", 180, 0.1) * 60,
            # At least two: while a large one is worked on, others go on.
            songs=int(_number("GENRE_MAX_SONGS", max(2, os.cpu_count() or 1), 2)),
            requests=int(_number("GENRE_MAX_REQUESTS", 64, 1)),
            seconds=_number("GENRE_MAX_SECONDS", 60, 0.1),
        )


def _number(name: str, default: float, least: float) -> float:
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not (least <= value < math.inf):
        raise ValueError(f"{name} must be a number, {least:g} or more, not {text!r}.")
    return value


LIMITS = Limits.from_environment()

"""All settings of the service, from the environment."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from features.cores import available_cores
from inference.bundle import MODELS
from serving.logs import fail, write_json_lines

# Songs in hand per core, so that it never waits: more, where the features are computed elsewhere.
_SONGS_A_CORE = {"": 1, "process": 2}
_SONGS_A_CORE_BY_ADDRESS = 8

T = TypeVar("T", int, float)


class BadSetting(ValueError):
    """A setting that makes no sense; the message names it and the values it may have."""


@dataclass(frozen=True)
class Settings:
    """The models to serve, and the limits of a request and of all requests of a worker process.

    `models` is a folder of bundles. `load` says which are loaded at the start: "all", or the "default" alone, and each
    other one when it is first asked for. `mel_features` says where the features are computed: "" in GenreService's own
    processes, "process" in one of their own beside, else at an address. `workers` is the number of GenreService's
    processes. `tags` says whether answers have tags.

    `upload_bytes` and `song_seconds` are of one song, `batch_files` of one request and `batch_bytes` of all its songs.
    `songs` are worked on at once, and no more than `requests` are received, wait or are worked on. A request may take
    `seconds` to be received, as long to wait for its turn, and as long to be worked on.
    """

    models: Path
    load: str
    mel_features: str
    workers: int
    tags: bool
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
    def from_environment(cls) -> "Settings":
        """Return the settings; raise BadSetting for one that makes no sense."""
        mel_features = os.environ.get("GENRE_MEL_FEATURES", "")
        if mel_features not in _SONGS_A_CORE and not mel_features.startswith(("http://", "https://")):
            raise BadSetting(
                f"GENRE_MEL_FEATURES must be nothing, 'process' or an address, http://..., not {mel_features!r}."
            )
        load = os.environ.get("GENRE_LOAD") or "all"
        if load not in ("all", "default"):
            raise BadSetting(f"GENRE_LOAD must be 'all' or 'default', not {load!r}.")
        tags = os.environ.get("GENRE_TAGS") or "1"
        if tags not in ("0", "1"):
            raise BadSetting(f"GENRE_TAGS must be 0 or 1, not {tags!r}.")
        cores = available_cores()
        # A process does not keep more than four cores busy: a part of each request is Python, one at a time.
        workers = _whole_number("GENRE_WORKERS", math.ceil(cores / 4), 1, 1024)
        songs = math.ceil(cores / workers) * _SONGS_A_CORE.get(mel_features, _SONGS_A_CORE_BY_ADDRESS)
        return cls(
            models=Path(os.environ.get("GENRE_MODELS") or MODELS),
            load=load,
            mel_features=mel_features,
            workers=workers,
            tags=tags == "1",
            upload_bytes=int(_number("GENRE_MAX_UPLOAD_MB", 50, 0.001, 100_000) * 1_000_000),
            batch_files=_whole_number("GENRE_MAX_BATCH_FILES", 32, 1, 10_000),
            song_seconds=_number("GENRE_MAX_SONG_MINUTES", 180, 0.1, 100_000) * 60,
            # At least two: while a large one is worked on, others go on.
            songs=_whole_number("GENRE_MAX_SONGS", max(2, songs), 2, 10_000),
            requests=_whole_number("GENRE_MAX_REQUESTS", 64, 1, 100_000),
            seconds=_number("GENRE_MAX_SECONDS", 60, 0.1, 86_400),
        )


def _number(name: str, default: float, least: float, most: float) -> float:
    return _checked(name, default, least, most, float, "a number")


def _whole_number(name: str, default: int, least: int, most: int) -> int:
    return _checked(name, default, least, most, int, "a whole number")


def _checked(name: str, default: T, least: T, most: T, kind: Callable[[str], T], described: str) -> T:
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        value = kind(text)
    except ValueError:
        value = None
    # Neither is NaN within a range.
    if value is None or not least <= value <= most:
        raise BadSetting(f"{name} must be {described} from {least:,} to {most:,}, not {text!r}.")
    return value


def _read_or_exit() -> Settings:
    try:
        return Settings.from_environment()
    except BadSetting as error:
        # Nothing can start, and a traceback would hide the line that says why.
        write_json_lines()
        fail(str(error))


SETTINGS = _read_or_exit()

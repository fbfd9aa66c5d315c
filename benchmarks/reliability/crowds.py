"""Many clients at once, garbage beside good songs, and two services on one machine."""

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import requests

from benchmarks.reliability.clients import Clients, in_words
from benchmarks.reliability.result import Result
from benchmarks.reliability.service import processes, serve_genres
from benchmarks.reliability.songs import song

_COMMAND = "python -m benchmarks.reliability faults"
_SONG_SECONDS = 12.0


def crowd(clients: int, seconds: float) -> Result:
    """Let so many clients ask at once: each is answered, or told to come back."""
    with tempfile.TemporaryDirectory() as folder, serve_genres(Path(folder)) as server:
        before = {process.pid for several in processes(server).values() for process in several}
        with Clients(server.url, [song("mp3", _SONG_SECONDS)], clients, pause_seconds=1.0) as many:
            time.sleep(seconds)
            # For who operates it, the service is there all the time.
            health = [requests.get(f"{server.url}/{path}", timeout=10).status_code for path in ("livez", "readyz")]
        same = before == {process.pid for several in processes(server).values() for process in several}
        with Clients(server.url, [song("mp3", _SONG_SECONDS)], 1) as one:
            calm = one.wait_for(1, 0.0, "200")
    statuses = many.statuses()
    return Result(
        f"{clients} clients at once, {seconds:g} s",
        len(many.answers),
        f"{in_words(statuses)}; the longest answer in {max(one.seconds for one in many.answers):.1f} s; health "
        f"{', '.join(map(str, health))}",
        set(statuses) <= {"200", "429"} and health == [200, 200] and same and calm,
        _COMMAND,
    )


def garbage(clients: int, seconds: float) -> Result:
    """Let so many clients send garbage, and one a good song, which it retries when told so."""
    rng = np.random.default_rng(0)
    rubbish = [
        rng.bytes(200_000),
        song("mp3", _SONG_SECONDS)[:999],
        b"",
        b"RIFF" + rng.bytes(50_000),
        b"\xff\xfb" * 9999,
    ]
    with tempfile.TemporaryDirectory() as folder, serve_genres(Path(folder)) as server:
        with Clients(server.url, [song("mp3", _SONG_SECONDS)], 1) as alone:
            alone.wait_for(10, 0.0, "200")
        with (
            Clients(server.url, rubbish, clients, pause_seconds=0.2) as bad,
            Clients(server.url, [song("mp3", _SONG_SECONDS)], 1, pause_seconds=0.2) as good,
        ):
            time.sleep(seconds)
    served = good.of(status="200")
    quiet = statistics.median(one.seconds for one in alone.of(status="200"))
    busy = statistics.median(one.seconds for one in served) if served else 0.0
    return Result(
        f"{clients} clients of garbage beside a good one, {seconds:g} s",
        len(bad.answers),
        f"garbage {in_words(bad.statuses())}; the good one {in_words(good.statuses())}, its answers in {busy:.2f} s "
        f"(alone {quiet:.2f} s)",
        bool(served) and set(bad.statuses()) <= {"400", "429"} and set(good.statuses()) <= {"200", "429"},
        _COMMAND,
    )


def two_services(seconds: float) -> Result:
    """Run two services with the same BentoML home, as one user of a machine would; the second ends first."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        home = {"BENTOML_HOME": str(folder / "home")}
        first = running.enter_context(serve_genres(folder, "first", **home))
        songs = [song("mp3", _SONG_SECONDS)]
        one = running.enter_context(Clients(first.url, songs, 2, pause_seconds=0.05))
        one.wait_for(4, 0.0, "200")
        counted = _songs_counted(first.url)
        with serve_genres(folder, "second", **home) as second, Clients(second.url, songs, 2, pause_seconds=0.05) as two:
            time.sleep(seconds)
        since = time.monotonic()
        alive = one.wait_for(4, since, "200")
        counts = _songs_counted(first.url) > counted
    statuses = one.statuses(), two.statuses()
    return Result(
        "two services of one user on one machine",
        len(one.answers) + len(two.answers),
        f"{in_words(statuses[0])} and {in_words(statuses[1])}; the first one's metrics "
        + ("go on" if counts else "lose what was counted"),
        all(set(one) == {"200"} for one in statuses) and alive and counts,
        _COMMAND,
    )


def _songs_counted(url: str) -> float:
    """Return the number of songs on a service's page of metrics."""
    lines = requests.get(f"{url}/metrics", timeout=10).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("genre_predictions_total"))

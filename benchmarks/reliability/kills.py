"""Processes of the service that end without warning, under load: kill -9."""

import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from benchmarks.reliability.clients import Clients, in_words
from benchmarks.reliability.result import Result
from benchmarks.reliability.service import processes, serve_genres
from benchmarks.reliability.songs import song
from benchmarks.server import free_port

_COMMAND = "python -m benchmarks.reliability faults"
_CLIENTS = 8
_SONG_SECONDS = 12.0
# How long those that a killed supervisor leaves are watched.
_LEFT_SECONDS = 10.0
# What a client may get while a process is away: the connection breaks, or is not accepted, or 503.
_HONEST = {"200", "429", "503", "ConnectionError", "ChunkedEncodingError"}


def kill(kind: str, kills: int, **settings: str) -> Result:
    """Kill one process of a kind so many times, each time after it has been at work, and see the service come back.

    A request that is sent after the service answers again must be answered with 200.
    """
    back_seconds = []
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_genres(Path(folder), GENRE_WORKERS="1", **settings) as server,
        Clients(server.url, [song("mp3", _SONG_SECONDS)], _CLIENTS, pause_seconds=0.05) as clients,
    ):
        for _ in range(kills):
            since = time.monotonic()
            if not clients.wait_for(2 * _CLIENTS, since, "200"):
                break
            (victim, *_others) = processes(server)[kind]
            victim.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            if not clients.wait_for(1, killed, "200"):
                break
            first = min(clients.of(killed, "200"), key=lambda one: one.began + one.seconds)
            back_seconds.append(first.began + first.seconds - killed)
            clients.wait_for(2 * _CLIENTS, time.monotonic(), "200")
        # Those that were sent when it had been back for a while.
        last = time.monotonic()
        back = clients.wait_for(2 * _CLIENTS, last, "200")
        afterwards = clients.statuses(last)
    statuses = clients.statuses()
    passed = back and len(back_seconds) == kills and set(statuses) <= _HONEST and set(afterwards) == {"200"}
    return Result(
        f"kill -9 of {kind} under load, {_CLIENTS} clients" + ("".join(f", {k}={v}" for k, v in settings.items())),
        kills,
        f"answers again after {max(back_seconds, default=0):.1f} s at most; {in_words(statuses)}"
        if len(back_seconds) == kills
        else f"no answer within 120 s of kill {len(back_seconds) + 1}; {in_words(statuses)}",
        passed,
        _COMMAND,
    )


def kill_supervisor(kills: int) -> Result:
    """Kill the supervisor, count the processes that are left, and start the service on the same port again.

    Whoever is left must go on answering. In a container nobody is: the supervisor is its first process.
    """
    left, started = 0, 0
    statuses: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"GENRE_WORKERS": "1", "PORT": str(free_port())}
        for _ in range(kills):
            with serve_genres(Path(folder), **settings) as server:
                started += 1
                (supervisor,) = processes(server)["supervisor"]
                children = supervisor.children(recursive=True)
                with Clients(server.url, [song("mp3", _SONG_SECONDS)], _CLIENTS, pause_seconds=0.05) as clients:
                    clients.wait_for(2 * _CLIENTS, status="200")
                    supervisor.kill()
                    killed = time.monotonic()
                    _, alive = psutil.wait_procs(children, timeout=_LEFT_SECONDS)
                left += len(alive)
                statuses.update(clients.statuses(killed) if alive else {})
                for child in alive:
                    child.kill()
                psutil.wait_procs(alive)
    return Result(
        f"kill -9 of the supervisor under load, {_CLIENTS} clients",
        kills,
        f"{left} processes went on after {_LEFT_SECONDS:g} s, and kept the port; they answered {in_words(statuses)}; "
        f"ended by hand, the service started again on the same port"
        if left
        else "nothing of the service was left, and it started again on the same port",
        started == kills and set(statuses) <= {"200"},
        _COMMAND,
    )

"""Processes of the service that end without warning, under load: kill -9."""

import signal
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.reliability.clients import Clients, in_words
from benchmarks.reliability.result import Result
from benchmarks.reliability.service import processes, serve_genres
from benchmarks.reliability.songs import song

_CLIENTS = 8
_SONG_SECONDS = 12.0
# What a client may get while a process is away: the connection breaks, or is not accepted, or 503.
_HONEST = {"200", "429", "503", "ConnectionError", "ChunkedEncodingError"}


def kill(kind: str, kills: int, **settings: str) -> Result:
    """Kill one process of a kind so many times, each time after it has been at work, and see the service come back.

    A request that is sent after the service answers again must be answered with 200.
    """
    after: dict[str, int] = {}
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
    after = clients.statuses()
    passed = back and len(back_seconds) == kills and set(after) <= _HONEST and set(afterwards) == {"200"}
    return Result(
        f"kill -9 of {kind} under load, {_CLIENTS} clients" + ("".join(f", {k}={v}" for k, v in settings.items())),
        kills,
        f"answers again after {max(back_seconds, default=0):.1f} s at most; {in_words(after)}"
        if len(back_seconds) == kills
        else f"no answer within 120 s of kill {len(back_seconds) + 1}; {in_words(after)}",
        passed,
        "python -m benchmarks.reliability faults",
    )


def kill_supervisor(kills: int) -> Result:
    """Kill the process that starts the others, and start the service again on the same port.

    Nothing may be left of it that keeps the port.
    """
    done = 0
    left_seconds = []
    with tempfile.TemporaryDirectory() as folder:
        port = ""
        for _ in range(kills):
            with serve_genres(Path(folder), GENRE_WORKERS="1", **({"PORT": port} if port else {})) as server:
                port = server.url.rpartition(":")[2]
                with Clients(server.url, [song("mp3", _SONG_SECONDS)], _CLIENTS, pause_seconds=0.05) as clients:
                    clients.wait_for(2 * _CLIENTS, 0, "200")
                    (supervisor,) = processes(server)["supervisor"]
                    children = supervisor.children(recursive=True)
                    supervisor.kill()
                    killed = time.monotonic()
                    _, left = psutil.wait_procs(children, timeout=30)
                    left_seconds.append(time.monotonic() - killed)
                done += not left
                # They would keep the port.
                for child in left:
                    child.kill()
    return Result(
        f"kill -9 of the supervisor under load, {_CLIENTS} clients",
        kills,
        f"{done} of {kills} times nothing of the service was left, after {max(left_seconds):.1f} s at most, and it "
        "started again on the same port",
        done == kills,
        "python -m benchmarks.reliability faults",
    )

"""Work that nobody waits for any longer stops: its time is over, or its client has gone."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from benchmarks.server import Server
from serving import admission
from serving.admission import Turns
from serving.errors import Refusal
from serving.settings import SETTINGS
from tests.serving.server import ROOT, classify, serve
from tests.sounds import single_samples, song

# A single song keeps a core busy for the whole second; a server without work takes a few hundredths.
IDLE_CPU_SECONDS = 0.3


def cpu_seconds(server: Server) -> float:
    """Return the CPU time of the server's processes so far."""
    parent = psutil.Process(server.process.pid)
    times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def is_at_work(server: Server) -> bool:
    before = cpu_seconds(server)
    time.sleep(1)
    return cpu_seconds(server) - before > IDLE_CPU_SECONDS


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def send(server: Server, path: str, audio: bytes) -> socket.socket:
    """Send a song, and return the connection on which the answer would come."""
    address = urlsplit(server.url)
    request = requests.Request("POST", server.url + path, files={"audio": audio}).prepare()
    client = socket.create_connection((address.hostname, address.port), timeout=30)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    assert isinstance(request.body, bytes)
    client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + request.body)
    return client


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["", "process"])
def test_when_time_is_over_no_thread_works_on(shape: str, tmp_path: Path) -> None:
    hard = single_samples(500_000)
    limits = {"GENRE_MAX_SECONDS": "3", "GENRE_MEL_FEATURES": shape}
    with serve("service:GenreService", ROOT, tmp_path / "log", **limits) as server:
        assert classify(server, song(12, "mp3")).status_code == 200
        with ThreadPoolExecutor(8) as pool:
            statuses = set(pool.map(lambda _: classify(server, hard).status_code, range(8)))
        time.sleep(1)
        assert not is_at_work(server)
        assert 504 in statuses
        assert statuses <= {503, 504}
        assert classify(server, song(12, "mp3")).status_code == 200
        assert "exception" not in server.log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "path"), [("", "/classify"), ("", "/explain"), ("", "/classify_batch"), ("process", "/classify")]
)
def test_the_song_of_a_client_that_has_gone_is_not_worked_on(shape: str, path: str, tmp_path: Path) -> None:
    limits = {"GENRE_MAX_SONGS": "2", "GENRE_MEL_FEATURES": shape}
    with serve("service:GenreService", ROOT, tmp_path / "log", **limits) as server:
        # More clients than turns.
        clients = [send(server, path, single_samples(500_000)) for _ in range(3)]
        wait_until(lambda: is_at_work(server))
        for client in clients:
            client.close()
        wait_until(lambda: not is_at_work(server))
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        assert [line["message"] for line in lines if line.get("path") == path] == ["broken off"] * 3
        assert not [line for line in lines if "exception" in line]
        assert classify(server, song(12, "mp3")).status_code == 200


@pytest.mark.slow
def test_an_explanation_stops_when_its_time_is_over(tmp_path: Path) -> None:
    with serve("service:GenreService", ROOT, tmp_path / "log", GENRE_MAX_SECONDS="4") as server:
        # Features take a second of it, the encoder ten times as long.
        audio = {"audio": song(300, "flac", 22_050, channels=1)}
        assert requests.post(f"{server.url}/explain", files=audio, timeout=30).status_code == 504
        time.sleep(1)
        assert not is_at_work(server)


def test_a_turn_lasts_until_its_thread_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "SETTINGS", replace(SETTINGS, songs=2, seconds=0.5))
    go_home = threading.Event()

    async def scene() -> list[int]:
        turns = Turns()

        async def work_on(function: Callable[[], object]) -> int:
            try:
                async with turns.song(1000) as work:
                    await work.run(function)
            except Refusal as problem:
                return problem.status
            return 200

        # They check no deadline.
        statuses = await asyncio.gather(*(work_on(lambda: go_home.wait(20)) for _ in range(2)))
        statuses.append(await work_on(lambda: None))
        go_home.set()
        return [*statuses, *await asyncio.gather(*(work_on(lambda: None) for _ in range(2)))]

    assert asyncio.run(scene()) == [504, 504, 503, 200, 200]

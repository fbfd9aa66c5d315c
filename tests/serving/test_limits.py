"""The service at its limits: too much, too long, too slow and too many, while others are answered."""

import asyncio
import io
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import requests
import soundfile

from benchmarks.server import Server
from serving import admission
from serving.admission import Turns
from serving.errors import Refusal
from serving.settings import SETTINGS, BadSetting, Settings
from tests.serving.server import ROOT, classify, serve
from tests.sounds import song

SONG = song(35, "mp3")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    limits = {"GENRE_MAX_REQUESTS": "4", "GENRE_MAX_SONG_MINUTES": "2", "GENRE_MAX_SECONDS": "10"}
    with serve("service:GenreService", ROOT, log, **limits) as server:
        yield server


@pytest.mark.parametrize("suffix", ["flac", pytest.param("m4a", marks=pytest.mark.slow)])
def test_a_song_that_is_too_long_is_refused(suffix: str, server: Server) -> None:
    response = classify(server, song(150, suffix, 22_050, channels=1))
    assert response.status_code == 413
    assert response.json() == {"error": "The song is longer than 2 minutes. Use a part of it."}
    assert classify(server, song(115, suffix, 22_050, channels=1)).status_code == 200


def test_too_many_at_once_are_told_to_come_back_while_the_others_are_answered(server: Server) -> None:
    with ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(classify, server, SONG) for _ in range(40)]
        health = [requests.get(f"{server.url}/{path}", timeout=10).status_code for path in ("livez", "readyz")]
        responses = [future.result(timeout=90) for future in waiting]
    assert health == [200, 200]
    statuses = Counter(response.status_code for response in responses)
    assert set(statuses) == {200, 429}
    assert statuses[200] >= 4
    for response in responses:
        if response.status_code == 429:
            assert "Send this one again in a few seconds" in response.json()["error"]
            assert int(response.headers["retry-after"]) > 0
    assert classify(server, SONG).status_code == 200


def test_a_song_that_arrives_too_slowly_is_given_up(server: Server) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        head = "POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        client.sendall(f"{head}Content-Length: 1000\r\n\r\n--b\r\n".encode())
        began = time.monotonic()
        # With others while it waits.
        assert classify(server, SONG).status_code == 200
        answer = client.makefile("rb").read()
        assert time.monotonic() - began > 9
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"takes too long to arrive" in answer


def test_a_song_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    drone = io.BytesIO()
    # Soon received, and long to work on.
    soundfile.write(drone, np.full(9000 * 8000, 8000, np.int16), 8000, format="FLAC")
    with serve("service:GenreService", ROOT, tmp_path / "log", GENRE_MAX_SECONDS="0.5") as hasty:
        response = classify(hasty, drone.getvalue())
        assert response.status_code == 504
        assert "takes too long" in response.json()["error"]


@pytest.mark.slow
def test_a_feature_process_that_is_killed_costs_no_answer(tmp_path: Path) -> None:
    apart = {"GENRE_MEL_FEATURES": "process"}
    with serve("service:GenreService", ROOT, tmp_path / "log", **apart) as server, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(classify, server, SONG) for _ in range(40)]
        workers = psutil.Process(server.process.pid).children(recursive=True)
        (feature_process,) = (worker for worker in workers if "MelFeatures" in worker.cmdline())
        feature_process.kill()
        assert Counter(answer.result(timeout=90).status_code for answer in answers) == {200: 40}


NUMBERS = {
    "GENRE_WORKERS": ("0", "1.5", "1025"),
    "GENRE_MAX_UPLOAD_MB": ("0", "1e9"),
    "GENRE_MAX_SONG_MINUTES": ("0", "1e9"),
    "GENRE_MAX_BATCH_FILES": ("0", "2.5", "1e3", "10001"),
    "GENRE_MAX_SONGS": ("1", "10001"),
    "GENRE_MAX_REQUESTS": ("-1", "100001"),
    "GENRE_MAX_SECONDS": ("fast", "-1", "nan", "inf", "86401"),
}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [(name, value, "must be a ") for name, values in NUMBERS.items() for value in values]
    + [("GENRE_TAGS", value, "must be 0 or 1") for value in ("yes", "2")]
    + [("GENRE_LOAD", "some", "must be 'all' or 'default'")]
    + [("GENRE_MEL_FEATURES", "elsewhere", "must be nothing, 'process' or an address, http://...")],
)
def test_a_setting_that_makes_no_sense_is_named(
    name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting, match=rf"{name} {re.escape(complaint)}.*, not {re.escape(repr(value))}\."):
        Settings.from_environment()


def test_a_turn_is_kept_free_of_large_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "SETTINGS", replace(SETTINGS, songs=3, seconds=0.5))

    async def scene() -> list[int]:
        turns, go_home = Turns(), asyncio.Event()
        began: list[int] = []

        async def work(size: int) -> int:
            try:
                async with turns.song(size):
                    began.append(size)
                    await go_home.wait()
            except Refusal as problem:
                return problem.status
            return 200

        large = [asyncio.create_task(work(20_000_000)) for _ in range(3)]
        await asyncio.sleep(0.1)
        small = asyncio.create_task(work(1000))
        await asyncio.sleep(0.1)
        assert began == [20_000_000, 20_000_000, 1000]
        statuses = [await task for task in (large[2], *large[:2], small)]
        # Those who left have given their turns back.
        began.clear()
        go_home.set()
        assert await asyncio.gather(*(work(size) for size in (1, 20_000_000, 2, 20_000_000))) == [200] * 4
        return statuses

    # The third large one waited in vain; the others had their turns, and did not use them in time.
    assert asyncio.run(scene()) == [503, 504, 504, 504]


@pytest.mark.slow
def test_an_answered_request_is_forgotten(tmp_path: Path) -> None:
    with serve("service:GenreService", ROOT, tmp_path / "log") as server, requests.Session() as client:
        for _ in range(300):
            client.get(f"{server.url}/models", timeout=30)
        before = server.memory_mb()
        for _ in range(1500):
            client.get(f"{server.url}/models", timeout=30)
        # BentoML's own timers kept 6 KB of each: 9 MB.
        assert server.memory_mb() - before < 4

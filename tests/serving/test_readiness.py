"""GET /readyz: 200 while songs can be answered, else 503 and what is missing."""

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from benchmarks.server import Server
from inference.bundle import MODELS
from tests.serving.server import ROOT, classify, log_lines, serve
from tests.sounds import song

SONG = song(2, "flac")


def readiness(server: Server) -> requests.Response:
    return requests.get(f"{server.url}/readyz", timeout=20)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_it_is_not_ready_without_its_features(tmp_path: Path) -> None:
    with ExitStack() as running:
        features = running.enter_context(serve("service:MelFeatures", ROOT, tmp_path / "features"))
        log = tmp_path / "log"
        server = running.enter_context(serve("service:GenreService", ROOT, log, GENRE_MEL_FEATURES=features.url))
        features.process.terminate()
        features.process.wait(30)
        missed = readiness(server)
        assert (missed.status_code, list(missed.json())) == (503, ["error"])
        assert requests.get(f"{server.url}/livez", timeout=20).status_code == 200
        with serve("service:MelFeatures", ROOT, tmp_path / "again", PORT=features.url.rpartition(":")[2]):
            wait_until(lambda: readiness(server).status_code == 200)
    assert not [line for line in log_lines(log) if "exception" in line]


def test_it_is_not_ready_without_a_model_that_it_has_not_loaded(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for name in ("gtzan-svm", "gtzan-logistic"):
        shutil.copytree(MODELS / name, models / name)
    log = tmp_path / "log"
    with serve("service:GenreService", ROOT, log, GENRE_MODELS=str(models), GENRE_LOAD="default") as server:
        default, other = (card["name"] for card in requests.get(f"{server.url}/models", timeout=20).json()["models"])
        shutil.move(models / other, tmp_path / "away")
        missed = readiness(server)
        assert (missed.status_code, list(missed.json())) == (503, ["error"])
        assert other in missed.json()["error"]
        for path in ("classify", "explain"):
            refused = requests.post(
                f"{server.url}/{path}", files={"audio": ("a", SONG)}, data={"model": other}, timeout=60
            )
            assert (refused.status_code, list(refused.json())) == (503, ["error"])
            assert other in refused.json()["error"]
        assert classify(server, SONG, model=default).status_code == 200
        shutil.move(tmp_path / "away", models / other)
        assert readiness(server).status_code == 200
        assert classify(server, SONG, model=other).status_code == 200
    assert not [line for line in log_lines(log) if "exception" in line]

"""How the service starts, and why it does not: what is wrong is in one line, and the process ends."""

import gzip
import hashlib
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from inference.bundle import CARD_FILE, MODELS
from tests.serving.server import ROOT, classify, log_lines, serve, serve_in_vain
from tests.sounds import song


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Return a folder of two models."""
    for name in ("gtzan-svm", "gtzan-logistic"):
        shutil.copytree(MODELS / name, tmp_path / "models" / name)
    return tmp_path / "models"


def remove(models: Path) -> None:
    shutil.rmtree(models)


def empty(models: Path) -> None:
    shutil.rmtree(models)
    models.mkdir()


def damage(models: Path) -> None:
    (weights,) = (models / "gtzan-svm").glob("*.onnx.gz")
    weights.write_bytes(weights.read_bytes()[:-100])


def write_text_for_a_number(models: Path) -> None:
    path = models / "gtzan-svm" / CARD_FILE
    card = json.loads(path.read_text())
    card["scores"]["valid"]["accuracy"] = "high"
    path.write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (remove, "models"),
        (empty, "models"),
        (damage, "gtzan-svm"),
        (write_text_for_a_number, "gtzan-svm"),
    ],
)
def test_models_that_cannot_be_served_are_named_in_one_line(
    spoil: Callable[[Path], None], named: str, models: Path, tmp_path: Path
) -> None:
    spoil(models)
    # The one that is spoiled is not the default.
    status, lines = serve_in_vain(tmp_path / "log", GENRE_MODELS=str(models), GENRE_LOAD="default")
    assert status == 1
    (line,) = lines
    assert line["level"] == "critical"
    assert named in line["message"]


@pytest.mark.slow
def test_weights_that_are_no_graph_end_the_service(models: Path, tmp_path: Path) -> None:
    path = models / "gtzan-svm" / CARD_FILE
    digest = hashlib.sha256(b"no graph").hexdigest()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"weights_sha256": digest}))
    (models / "gtzan-svm" / f"{digest[:12]}.onnx.gz").write_bytes(gzip.compress(b"no graph"))
    status, lines = serve_in_vain(tmp_path / "log", GENRE_MODELS=str(models), GENRE_WORKERS="2")
    assert status == 1
    assert any("gtzan-svm" in line.get("exception", "") for line in lines)
    assert lines[-1]["level"] == "critical"


def test_a_setting_that_makes_no_sense_is_named_in_one_line(tmp_path: Path) -> None:
    status, lines = serve_in_vain(tmp_path / "log", GENRE_MAX_SECONDS="a minute")
    assert status == 1
    (line,) = lines
    assert line["level"] == "critical"
    assert "GENRE_MAX_SECONDS" in line["message"]


def test_a_port_in_use_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, lines = serve_in_vain(tmp_path / "log", port)
    assert status == 1
    (line,) = lines
    assert line["level"] == "critical"
    assert str(port) in line["message"]


@pytest.mark.parametrize("features", ["", pytest.param("process", marks=pytest.mark.slow)])
def test_every_line_of_the_log_is_json_and_there_once(features: str, models: Path, tmp_path: Path) -> None:
    (models / "notes").mkdir()
    log = tmp_path / "log"
    settings = {"GENRE_MODELS": str(models), "GENRE_MEL_FEATURES": features, "GENRE_WORKERS": "2"}
    with serve("service:GenreService", ROOT, log, **settings) as server:
        assert classify(server, song(2, "flac")).status_code == 200
        # What no service is asked about: the server under it complains of it.
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10) as client:
            client.sendall(b"nonsense\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400 ")
        requests.get(f"{server.url}/nothing", timeout=10)
    lines = log_lines(log)
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    messages = [line["message"] for line in lines]
    for once in ("notes", "Starting production", "Invalid HTTP request"):
        assert sum(once in message for message in messages) == 1, once

"""Trainings that are killed or interrupted, and go on: the model is the one of a training that was not."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import onnx
import psutil
import pytest
from onnx import numpy_helper

from inference.bundle import list_cards, load_bundle
from tests.sounds import encode, music
from tests.training.conftest import GENRES, ROOT

SECONDS = 240
# What TensorFlow, absl and Keras print unless they are kept from it.
NOISE = ("oneDNN", "cpu_feature_guard", "absl", "WARNING", "FutureWarning", "retracing", "rebuild TensorFlow")


class Running:
    """A command at work, and all it has printed on standard error; it ends with the test."""

    all: ClassVar[list["Running"]] = []

    def __init__(self, command: list[str], log: Path) -> None:
        self.all.append(self)
        self.log = log
        with open(log, "wb") as output:
            # A group of its own, as of a command in a terminal.
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=output, start_new_session=True
            )

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not re.search(pattern, self.said()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> int:
        """Send a signal to the process, SIGINT to its whole group as Ctrl-C does; return its exit status."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self.process.wait(SECONDS)


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    yield
    while Running.all:
        process = Running.all.pop().process
        process.kill()
        process.wait()


def fit(data: Path, models: Path, model: str = "cnn") -> list[str]:
    arguments = ["fit", "--model", model, "--dataset", "folder", "--data", data, "--models", models, "--name", "mine"]
    return [sys.executable, "-m", "training", *map(str, arguments)]


def learned(bundle: Path) -> list[bytes]:
    """Return the bytes of what a bundle has learned: other tables differ from one export to another."""
    tables = onnx.load_from_string(load_bundle(bundle).weights).graph.initializer
    arrays = [numpy_helper.to_array(table) for table in tables]
    return sorted(array.tobytes() for array in arrays if array.dtype.kind == "f" and array.size > 1)


def last_line(said: str) -> str:
    return said.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_training_killed_and_interrupted_ends_in_the_same_model(pictures: Path, tmp_path: Path) -> None:
    through = Running(fit(pictures, tmp_path / "through"), tmp_path / "through.log")
    assert through.process.wait(SECONDS * 2) == 0, through.said()

    command = fit(pictures, tmp_path / "again")
    for epochs, how in ((2, signal.SIGKILL), (5, signal.SIGINT)):
        training = Running(command, tmp_path / f"{epochs}.log")
        # Not every epoch is shown.
        training.wait_for(rf"\b([{epochs}-9]|[1-4]\d)/50 ")
        assert training.end(how) == (130 if how == signal.SIGINT else -how)
    assert not (tmp_path / "again").exists()
    said = last_line(training.said())
    assert "Traceback" not in training.said()
    resumed = Running(shlex.split(said[said.index(sys.executable) :]), tmp_path / "resumed.log")
    assert resumed.process.wait(SECONDS * 2) == 0, resumed.said()
    # It did not begin anew.
    assert not re.search(r"\b[1-4]/50 ", resumed.said())

    assert learned(tmp_path / "through" / "mine") == learned(tmp_path / "again" / "mine")
    cards = [list_cards(tmp_path / name)["mine"] for name in ("through", "again")]
    assert cards[0].scores == cards[1].scores
    for log in tmp_path.glob("*.log"):
        assert not [noise for noise in NOISE if noise in log.read_text()], log.read_text()


@pytest.fixture
def reading(tmp_path: Path) -> Running:
    """Return a training that reads audio, in processes of its own, for a while."""
    song = encode(music(5, 22_050, channels=1), 22_050, "wav")
    for genre in GENRES:
        (tmp_path / "songs" / genre).mkdir(parents=True)
        for number in range(150):
            (tmp_path / "songs" / genre / f"{number}.wav").write_bytes(song)
    training = Running(fit(tmp_path / "songs", tmp_path / "models", "logistic"), tmp_path / "log")
    training.wait_for(r"reading audio: +[1-9]")
    return training


def test_ctrl_c_while_songs_are_read_says_how_to_go_on(reading: Running) -> None:
    assert reading.end(signal.SIGINT) == 130
    assert "Traceback" not in reading.said()
    assert "training fit --model logistic" in last_line(reading.said())


def test_no_process_that_reads_songs_outlives_a_killed_training(reading: Running) -> None:
    workers = psutil.Process(reading.process.pid).children(recursive=True)
    assert workers
    reading.end(signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive

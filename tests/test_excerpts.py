"""The same excerpts give the same answer wherever a song is classified."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.server import Server
from inference.bundle import MODELS, load_bundle
from inference.classifier import GenreClassifier
from tests.scoring.command import MODEL, ROOT, rows_of, score
from tests.serving.server import classify, serve
from tests.sounds import song

AUDIO = song(100, "mp3", 48_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    settings = {"GENRE_LOAD": "default", "GENRE_MEL_FEATURES": "process"}
    with serve("service:GenreService", ROOT, log, **settings) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "song.mp3"
    path.write_bytes(AUDIO)
    return path


def check_same(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
    assert answer["segments"] == [pytest.approx(segment, abs=1e-6) for segment in expected["segments"]]
    assert answer["audio"] == expected["audio"]


@pytest.mark.parametrize("excerpts", [None, 2, 3, 4])
def test_every_way_gives_the_same_answer(excerpts: int | None, server: Server, path: Path, tmp_path: Path) -> None:
    expected = asdict(GenreClassifier(load_bundle(MODELS / MODEL[1])).classify(AUDIO, excerpts or 0))
    heard = 30 * excerpts if excerpts in (2, 3) else 100
    assert (expected["audio"]["duration_seconds"], expected["audio"]["heard_seconds"]) == (100, heard)
    fields = {"excerpts": str(excerpts)} if excerpts else {}
    check_same(classify(server, AUDIO, model=MODEL[1], **fields).json(), expected)
    files = [("audio", ("song.mp3", AUDIO))]
    batch = requests.post(
        f"{server.url}/classify_batch", files=files, data={"model": MODEL[1], **fields}, timeout=60
    ).json()
    check_same(batch[0]["prediction"], expected)
    option = ("--excerpts", str(excerpts or "all"))
    done = subprocess.run(
        [sys.executable, "-m", "inference", path, *MODEL, *option], cwd=ROOT, check=True, capture_output=True
    )
    check_same(json.loads(done.stdout), expected)
    status, said = score(path, "--out", tmp_path / "table.parquet", *option)
    assert status == 0, said
    (row,) = rows_of(tmp_path / "table.parquet")
    for genre, probability in expected["probabilities"].items():
        assert row[f"probability_{genre}"] == pytest.approx(probability, abs=1e-6)
    assert (row["duration_seconds"], row["heard_seconds"]) == (100, heard)


def test_another_number_of_excerpts_scores_anew(path: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    for option, heard, is_scored in (
        ((), 100, True),
        (("--excerpts", "all"), 100, False),
        (("--excerpts", "3"), 90, True),
    ):
        status, said = score(path, "--out", table, *option)
        assert (status, "1 of 1 files" in said) == (0, is_scored), said
        assert [row["heard_seconds"] for row in rows_of(table)] == [heard]


@pytest.mark.parametrize("number", ["0", "101", "-1", "2.5", "many"])
def test_a_number_out_of_range_is_wrong_usage(number: str, path: Path, tmp_path: Path) -> None:
    status, said = score(path, "--out", tmp_path / "table.parquet", f"--excerpts={number}")
    assert status == 2
    assert "from 1 to 100" in said
    command = [sys.executable, "-m", "inference", str(path), f"--excerpts={number}"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "from 1 to 100" in done.stderr


def test_an_explanation_hears_the_same_excerpts(server: Server) -> None:
    def picture(**fields: str) -> bytes:
        return requests.post(f"{server.url}/explain", files={"audio": AUDIO}, data=fields, timeout=60).content

    assert picture(model=MODEL[1], excerpts="1") != picture(model=MODEL[1])

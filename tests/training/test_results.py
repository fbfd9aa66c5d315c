"""The making of results: every model on every protocol, once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.bundle import list_cards
from training.report.results import Record

# A training or several in a process each, on a machine that may be busy.
pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[2]
PROTOCOLS = ("fault-filtered", "artist-3fold", "track-random", "window-random")


def make(data: Path, folder: Path, *models: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", "results", "--dataset", "gtzan", "--data", str(data)]
    command += ["--results", str(folder / "results.json"), "--models", str(folder / "models"), "--model", *models]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(gtzan_audio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    result = make(gtzan_audio, folder, "logistic")
    assert result.returncode == 0, result.stderr
    assert "4 of 4 trainings to do" in result.stdout
    return folder


def records(folder: Path) -> list[Record]:
    return list(json.loads((folder / "results.json").read_text()))


@pytest.mark.slow
def test_there_is_a_record_a_protocol(made: Path) -> None:
    found = records(made)
    assert [(record["dataset"], record["protocol"], record["model"]) for record in found] == [
        ("gtzan", protocol, "logistic") for protocol in PROTOCOLS
    ]
    for record in found:
        assert record["accuracy"] == pytest.approx(np.trace(record["confusion"]) / record["n_test"], abs=1e-4)
        assert record["n_test"] == np.sum(record["confusion"])
        low, high = record["ci95"]
        assert 0 <= low <= record["accuracy"] <= high <= 1
        assert record["command"] in (made / "results.md").read_text()
    assert [len(record["runs"]) for record in found] == [1, 3, 1, 1]


@pytest.mark.slow
def test_the_bundle_that_ships_is_of_the_first_protocol(made: Path) -> None:
    (card,) = list_cards(made / "models").values()
    assert (card.name, card.training.protocol) == ("gtzan-logistic", "fault-filtered")
    assert card.scores["test"].accuracy == records(made)[0]["accuracy"]


@pytest.mark.slow
def test_what_is_there_is_not_trained_again(made: Path, gtzan_audio: Path) -> None:
    before = (made / "results.json").read_bytes()
    kept: list[dict[str, Any]] = json.loads(before)
    (made / "results.json").write_text(json.dumps(kept[:-1]))
    result = make(gtzan_audio, made, "logistic")
    assert "1 of 4 trainings to do" in result.stdout
    assert [record["protocol"] for record in records(made)] == list(PROTOCOLS)
    assert "0 of 4 trainings to do" in make(gtzan_audio, made, "logistic").stdout


@pytest.mark.slow
def test_a_training_that_fails_is_named_and_the_others_are_kept(made: Path, gtzan_audio: Path, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("no folder")
    others = [
        record for record in json.loads((made / "results.json").read_text()) if record["protocol"] != PROTOCOLS[0]
    ]
    (tmp_path / "results.json").write_text(json.dumps(others))
    result = make(gtzan_audio, tmp_path, "logistic")
    assert result.returncode == 2
    assert "gtzan fault-filtered logistic seed 0 ended with an error; see " in result.stderr
    assert "Traceback" not in result.stderr
    assert [record["protocol"] for record in records(tmp_path)] == list(PROTOCOLS[1:])


def test_what_is_no_table_of_results_is_named(gtzan_audio: Path, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("[1]")
    result = make(gtzan_audio, tmp_path, "logistic")
    assert result.returncode == 2
    assert "is no table of results" in result.stderr

"""Training, from data to a bundle that answers; and what the shipped bundles say of themselves."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from features.mel import MelSettings
from inference.bundle import MODELS, list_cards, load_bundle
from inference.classifier import GenreClassifier
from tests.sounds import encode, music
from training.cnn import train_cnn
from training.evaluation import score
from training.export import BadExport, check_agreement
from training.gtzan import GENRES, LEAST_TRACKS, SIDES, Side, Track, load_tracks

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = MelSettings()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of audio in which a genre is a tempo and a key, with the table of its sides."""
    folder = tmp_path_factory.mktemp("data")
    rows = ["track\tgenre\tfault_filtered_split"]
    for index, genre in enumerate(GENRES):
        (folder / genre).mkdir()
        for number, side in enumerate(side for side, count in LEAST_TRACKS.items() for _ in range(count)):
            song = music(11, 22_050, channels=1, seed=number)
            time = np.arange(len(song))[:, None] / 22_050
            song *= 1 + np.sin(2 * np.pi * (index + 1) * time)
            song += 0.3 * np.sin(2 * np.pi * 300 * (index + 1) * time)
            (folder / genre / f"{genre}.{number:05}.wav").write_bytes(encode(song / np.float32(3), 22_050, "wav"))
            rows.append(f"{genre}.{number:05}\t{genre}\t{side}")
    (folder / "gtzan_tracks.tsv").write_text("\n".join(rows))
    return folder


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_one_command_leads_from_a_folder_of_audio_to_a_bundle(data: Path, tmp_path: Path) -> None:
    result = run("--model", "svm", "--data", data, "--models", tmp_path)
    assert result.returncode == 0, result.stderr
    card = list_cards(tmp_path)["gtzan-svm"]
    assert (card.training.train_tracks, card.training.valid_tracks, card.training.test_tracks) == (50, 10, 10)
    assert card.scores["test"].accuracy >= 0.8
    assert f"accuracy {card.scores['test'].accuracy:.3f}" in result.stdout
    prediction = GenreClassifier(load_bundle(tmp_path / "gtzan-svm")).classify(data / "rock" / "rock.00006.wav")
    assert prediction.genre == "rock"
    again = run("--model", "svm", "--data", data, "--models", tmp_path / "again")
    assert again.returncode == 0
    assert list_cards(tmp_path / "again")["gtzan-svm"].weights_sha256 == card.weights_sha256


def test_data_that_cannot_be_used_ends_before_training(data: Path, tmp_path: Path) -> None:
    (tmp_path / "gtzan_tracks.tsv").write_bytes((data / "gtzan_tracks.tsv").read_bytes())
    result = run("--model", "cnn", "--data", tmp_path, "--models", tmp_path / "models")
    assert result.returncode == 2
    assert "has too few tracks of blues (train: 0)" in result.stderr
    assert not (tmp_path / "models").exists()


def test_a_network_learns_and_is_exported() -> None:
    """Genres told apart by which band is loud: 40 small batches are enough."""
    rng = np.random.default_rng(0)

    def track(index: int, side: Side) -> Track:
        clip = rng.uniform(0, 0.4, (128, 300)).astype(np.float32)
        clip[12 * index : 12 * index + 8] += 0.5
        return Track(f"{index}", GENRES[index], side, [clip])

    tracks = [track(index, side) for side in SIDES for index in range(len(GENRES))]
    weights = train_cnn(tracks[:10], SETTINGS, seed=0, steps=40)
    card = list_cards()["gtzan-cnn"]
    classifier = GenreClassifier(load_bundle(MODELS / "gtzan-cnn").__class__(card, weights))
    assert score(classifier, tracks[10:]).accuracy > 0.5


def test_a_graph_that_answers_otherwise_than_its_model_is_not_shipped() -> None:
    bundle = load_bundle(MODELS / "gtzan-cnn")
    windows = np.random.default_rng(0).uniform(size=(2, 128, 128, 1)).astype(np.float32)
    expected = GenreClassifier(bundle).window_probabilities(windows)
    check_agreement(bundle.weights, "windows", windows, expected)
    with pytest.raises(BadExport, match=r"0\.01"):
        check_agreement(bundle.weights, "windows", windows, expected + 0.01)


@pytest.mark.parametrize("name", ["gtzan-svm", "gtzan-cnn"])
def test_the_shipped_scores_are_what_the_shipped_weights_give(name: str, research_data: Path) -> None:
    classifier = GenreClassifier(load_bundle(MODELS / name))
    tracks = load_tracks(research_data / "gtzan_mel.zip", research_data / "gtzan_tracks.tsv", classifier.card.mel)
    training = classifier.card.training
    counts = {side: sum(track.side == side for track in tracks) for side in SIDES}
    assert counts == {"train": training.train_tracks, "valid": training.valid_tracks, "test": training.test_tracks}
    for side, shipped in classifier.card.scores.items():
        assert score(classifier, [track for track in tracks if track.side == side]) == shipped

"""Training, from data to a bundle that answers; and what the shipped bundles say of themselves."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from features.settings import MelSettings
from inference.bundle import MODELS, Bundle, list_cards, load_bundle
from inference.classifier import INPUTS, GenreClassifier, softmax
from tests.training.conftest import GENRES, ROOT, TRACKS, run
from training.__main__ import main
from training.data.datasets import DATASETS
from training.data.splits import Split, make_splits
from training.data.tracks import BadData, Track
from training.evaluation.metrics import compare, evaluate
from training.evaluation.study_check import check_harness
from training.fit import KINDS, Kind, Trained, fit
from training.models.export import BadExport, check_agreement
from training.models.keras_models import to_onnx
from training.models.network_training import EPOCHS, learn
from training.models.networks import NETWORKS

# A training or several in a process each, on a machine that may be busy.
pytestmark = pytest.mark.timeout(600)

GTZAN_GENRES = list_cards()["gtzan-cnn"].genres


@pytest.mark.slow
@pytest.mark.parametrize("model", ["logistic", "svm"])
def test_one_command_leads_from_audio_to_a_bundle(model: str, gtzan_audio: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = ["fit", "--model", model, "--data", gtzan_audio, "--models"]
    result = run(*arguments, tmp_path)
    assert result.returncode == 0, result.stderr
    card = list_cards(tmp_path)[f"gtzan-{model}"]
    assert card.training.protocol == "fault-filtered"
    assert (card.training.train_tracks, card.training.valid_tracks, card.training.test_tracks) == (48, 4, 4)
    assert card.scores["test"].accuracy == 1
    assert "test: accuracy 1.000" in result.stdout
    prediction = GenreClassifier(load_bundle(tmp_path / card.name)).classify(
        gtzan_audio / "rock" / f"rock.{TRACKS - 1:05}.wav"
    )
    assert prediction.genre == "rock"
    assert run(*arguments, tmp_path / "again").returncode == 0
    assert list_cards(tmp_path / "again")[card.name].weights_sha256 == card.weights_sha256


def test_a_folder_of_ones_own_genres_is_enough(own_bundle: Path) -> None:
    assert list_cards(own_bundle.parent)["mine"].genres == GENRES


@pytest.mark.slow
def test_cross_validation_scores_every_fold_and_ships_none(gtzan_audio: Path, tmp_path: Path) -> None:
    protocol = ["--protocol", "artist-3fold"]
    result = run("fit", "--model", "logistic", "--data", gtzan_audio, "--models", tmp_path, *protocol)
    assert result.returncode == 0, result.stderr
    assert [line.split(", ")[2] for line in result.stdout.splitlines() if ", test: accuracy" in line] == [
        "1 of 3",
        "2 of 3",
        "3 of 3",
    ]
    assert "test: mean accuracy" in result.stdout
    assert not list(tmp_path.iterdir())


def test_the_audit_reports_each_protocol(gtzan_audio: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(gtzan_audio, data)
    shutil.copy(data / "rock" / "rock.00000.wav", data / "rock" / f"rock.{TRACKS - 1:05}.wav")
    result = run("audit", "--data", data)
    assert result.returncode == 0, result.stderr
    report = dict(line.split(": ", 1) for line in result.stdout.splitlines() if ": " in line)
    assert report["GTZAN"].endswith("1 pairs of duplicates")
    assert "on two sides: 0 songs" in report["fault-filtered, 1 of 1"]
    assert "0 artists, rock.00000 (train) and rock.00013 (test)" in report["fault-filtered, 1 of 1"]
    assert "window-random, 1 of 1" in report


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--model", "cnn", "--data", "nowhere"], "no gtzan_tracks.tsv in nowhere"),
        (["fit", "--model", "svm", "--dataset", "folder", "--data", "nowhere"], "nowhere is neither"),
        (["fit", "--model", "svm", "--data", "{gtzan}", "--protocol", "block-random"], "has no split block-random"),
        (["evaluate", "--bundle", "nowhere", "--data", "{gtzan}"], "nowhere is not a model bundle"),
        (["evaluate", "--bundle", "models/gtzan-cnn", "--data", "nowhere"], "nowhere is neither"),
        (["check", "--data", "nowhere"], "There is no gtzan_features_30_sec.csv.gz"),
    ],
)
def test_what_cannot_be_used_is_named_before_training(
    arguments: list[str],
    message: str,
    gtzan_audio: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process: to load what trains takes longer than to find out."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["training", *(argument.format(gtzan=gtzan_audio) for argument in arguments)])
    assert main() == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_genre_the_bundle_does_not_know_is_named(own_music: Path, tmp_path: Path) -> None:
    (tmp_path / "polka").mkdir()
    (tmp_path / "polka" / "1.wav").write_bytes(next(own_music.glob("*/*.wav")).read_bytes())
    result = run("evaluate", "--bundle", "models/gtzan-cnn", "--data", tmp_path)
    assert result.returncode == 2
    assert "gtzan-cnn knows no genre polka" in result.stderr


BANDS = MelSettings(window_frames=32, window_hop_frames=32)


def bands(windows: int = 24) -> Split:
    """Return a split of genres told apart by which band is loud, each with so many windows."""
    rng = np.random.default_rng(0)

    def tracks() -> list[Track]:
        made = []
        for index, genre in enumerate(GTZAN_GENRES):
            clip = rng.uniform(0, 0.4, (128, 32 * windows)).astype(np.float32)
            clip[12 * index : 12 * index + 8] += 0.5
            made.append(Track(genre, genre, [clip]))
        return made

    return Split(tracks(), tracks(), tracks())


@pytest.mark.parametrize("name", ["cnn", pytest.param("cnn-bilstm", marks=pytest.mark.slow)])
def test_a_network_learns_and_is_exported(name: str, tmp_path: Path) -> None:
    split = bands()
    learned = learn(NETWORKS[name], split, GTZAN_GENRES, BANDS, seed=0, folder=tmp_path, epochs=6)
    assert {column: len(values) for column, values in learned.curves.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy"), 6
    )
    classifier = GenreClassifier(Bundle(replace(list_cards()["gtzan-cnn"], mel=BANDS), to_onnx(learned.network)))
    assert evaluate(classifier, split.test).accuracy > 0.5


def test_other_data_share_nothing_that_an_interrupted_training_kept(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not those of other genres, and not those of the same names with one song changed."""
    data = shutil.copytree(pictures, tmp_path / "data")
    found: list[bool] = []

    def interrupted(*arguments: object) -> Trained:
        kept = Path(str(arguments[-1])) / "kept"
        found.append(kept.exists())
        kept.touch()
        raise KeyboardInterrupt

    def begin() -> None:
        with pytest.raises(KeyboardInterrupt):
            fit("folder", "logistic", "track-random", data, 0, None)

    monkeypatch.setattr("training.kept.CACHE", tmp_path)
    monkeypatch.setitem(KINDS, "logistic", Kind("Stops.", interrupted))
    begin()
    begin()
    shutil.copy(data / "rock" / "rock.1.png", data / "rock" / "rock.0.png")
    begin()
    (data / "rock").rename(data / "pop")
    begin()
    assert found == [False, True, False, False]


def small_network(settings: MelSettings, n_genres: int) -> keras.Model:
    """Return a network with dropout and batch normalisation that learns in no time."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((settings.n_mels, settings.window_frames, 1)),
            layers.AveragePooling2D((4, settings.window_frames)),
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(n_genres),
        ]
    )


@pytest.mark.slow
def test_a_network_that_goes_on_is_the_one_it_would_have_been(tmp_path: Path) -> None:
    arguments = (small_network, bands(windows=24), GTZAN_GENRES, BANDS, 0)
    whole = learn(*arguments, tmp_path / "whole")
    # Its patience had an end, and its learning rate was halved before.
    assert 12 < len(whole.curves["loss"]) < EPOCHS
    for epochs in (2, len(whole.curves["loss"]) - 2, EPOCHS, EPOCHS):
        parts = learn(*arguments, tmp_path / "parts", epochs=epochs)
    assert parts.curves == whole.curves
    for one, other in zip(parts.network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_was_kept_and_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(b"half a file")
    with pytest.raises(BadData, match=r"checkpoint\.npz"):
        learn(NETWORKS["cnn"], bands(windows=1), GTZAN_GENRES, BANDS, 0, tmp_path)


def test_a_graph_that_answers_otherwise_than_its_model_is_not_shipped() -> None:
    bundle = load_bundle(MODELS / "gtzan-cnn")
    windows = np.random.default_rng(0).uniform(size=(2, 128, 128, 1)).astype(np.float32)
    expected = softmax(GenreClassifier(bundle).window_logits(windows))
    inputs = {name: INPUTS[name](windows) for name in ("windows", "mel_statistics")}
    check_agreement(bundle.weights, inputs, expected)
    with pytest.raises(BadExport, match=r"0\.01"):
        check_agreement(bundle.weights, inputs, expected + 0.01)


def test_figures_are_those_one_can_count() -> None:
    truth, answers = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2], [0, 0, 0, 1, 1, 1, 0, 0, 2, 2]
    found = compare(("a", "b", "c", "d"), truth, answers)
    assert found.confusion == [[3, 1, 0, 0], [2, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    assert found.accuracy == 0.7
    assert found.macro_precision == pytest.approx((3 / 5 + 2 / 3 + 1) / 3)
    assert found.macro_recall == pytest.approx((3 / 4 + 2 / 4 + 1) / 3)
    low, high = found.ci95
    assert 0.3 <= low < 0.7 < high <= 1


def test_the_studys_classical_figures_are_reproduced_to_the_digit(research_data: Path) -> None:
    found = {
        name: (round(e.macro_precision, 3), round(e.macro_recall, 3), round(e.macro_f1, 3))
        for name, e in check_harness(research_data).items()
    }
    assert found == {"knn": (0.742, 0.736, 0.736), "svm": (0.743, 0.746, 0.744), "logistic": (0.754, 0.759, 0.753)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gtzan", "fma-small"])
def test_the_shipped_scores_are_what_the_shipped_weights_give(name: str, research_data: Path) -> None:
    dataset = DATASETS[name]
    (split,) = make_splits(dataset.read(research_data), dataset.protocols[0], dataset.settings)
    cards = [card for card in list_cards().values() if card.training.dataset == dataset.title]
    assert cards
    for card in cards:
        assert card.training.protocol == dataset.protocols[0]
        scores = evaluate(GenreClassifier(load_bundle(MODELS / card.name)), split.test).scores()
        # Another processor's rounding may tip a song that stands between two genres.
        assert asdict(scores) == pytest.approx(asdict(card.scores["test"]), abs=0.01)

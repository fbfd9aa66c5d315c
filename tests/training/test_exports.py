"""Models in and out of bundles: each answers as the one it was made from."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
from keras import layers

from features.settings import MelSettings
from inference.bundle import MODELS, BadBundle, Bundle, load_bundle, save_bundle
from inference.card import ModelCard, Training
from inference.classifier import GenreClassifier, softmax
from training.__main__ import main
from training.data.tracks import Track
from training.models.classical_graphs import knn_graph, linear_graph, svm_graph
from training.models.export import BadExport, check_agreement, to_float16
from training.models.gate import add_gate
from training.models.keras_files import export_network, import_bundle
from training.models.keras_models import BadKerasModel, network_from_onnx, network_to_onnx, to_onnx
from training.models.networks import NETWORKS

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = MelSettings(window_frames=32, window_hop_frames=32)
GENRES = ("blues", "jazz", "rock")
CARD = ModelCard(
    name="mine",
    version="1.0.0",
    description="For tests.",
    genres=GENRES,
    mel=SETTINGS,
    temperature=1.0,
    abstain_threshold=0.0,
    training=Training("imported", "own music", "track-random", 8, 2, 2, 0, "python my_training.py"),
    scores={},
    weights_sha256="",
    libraries={},
    license="None.",
)

QUICK = [("softmax", "lstm", ".keras"), (None, "convolution", ".h5")]

Windows = NDArray[np.float32]


@pytest.fixture
def windows() -> Windows:
    return np.random.default_rng(1).uniform(size=(6, 128, 32, 1)).astype(np.float32)


@pytest.fixture
def card_file(tmp_path: Path) -> Path:
    """Return a card without what the import fills in."""
    parts = asdict(CARD)
    del parts["training"]["model"]
    for name in ("weights_sha256", "libraries", "temperature", "abstain_threshold"):
        del parts[name]
    path = tmp_path / "card.json"
    path.write_text(json.dumps(parts))
    return path


def numbers(genres: int, features: int = 12) -> tuple[Windows, NDArray[np.int64]]:
    """Return points of each genre around a place of its own."""
    rng = np.random.default_rng(0)
    labels = np.arange(40 * genres) % genres
    return (rng.normal(size=(genres, features))[labels] + rng.normal(size=(len(labels), features))).astype("f"), labels


def change(path: Path, **parts: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | parts))


def with_random_weights(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape) if "var" in weight.name else rng.normal(0, 0.2, weight.shape))
    return model


def own_model(layer: str = "convolution", *, activation: str | None = "softmax", genres: int = 3) -> keras.Model:
    if layer == "convolution":
        parts = [
            keras.Input((128, 32, 1)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
        ]
    else:
        parts = [keras.Input((128, 32)), layers.Permute((2, 1)), layers.Bidirectional(layers.LSTM(5))]
    return with_random_weights(keras.Sequential([*parts, layers.Dense(genres, activation=activation)]))


@pytest.mark.parametrize("genres", [2, 3, 10])
@pytest.mark.parametrize("components", [None, 5])
def test_classical_graphs_answer_as_scikit_learn(genres: int, components: int | None) -> None:
    values, labels = numbers(genres)
    scale = make_pipeline(StandardScaler(), *([PCA(components)] if components else [])).fit(values)
    points = scale.transform(values)
    asked = values + np.random.default_rng(3).normal(0, 0.3, values.shape).astype(np.float32)

    logistic = LogisticRegression().fit(points, labels)
    expected = logistic.predict_proba(scale.transform(asked))
    check_agreement(linear_graph(scale, logistic), {"mel_statistics": asked}, expected)

    steps = np.abs(points).max(axis=0) / np.float32(127)
    in_steps = np.round(points / steps) * steps
    svm = SVC(decision_function_shape="ovo").fit(in_steps, labels)
    margins = svm.decision_function(in_steps).reshape(len(points), -1)
    on_margins = LogisticRegression().fit(margins, labels)
    margins = svm.decision_function(scale.transform(asked)).reshape(len(points), -1)
    graph = svm_graph(scale, svm, on_margins, steps)
    check_agreement(graph, {"mel_statistics": asked}, on_margins.predict_proba(margins))

    knn = KNeighborsClassifier(5, metric="manhattan", weights="distance")
    knn.fit(in_steps, labels)
    expected = knn.predict_proba(scale.transform(asked))
    assert len(np.unique(expected.round(4))) > 10
    check_agreement(knn_graph(scale, knn, steps), {"mel_statistics": asked}, expected)


def test_only_the_same_neighbours_count_where_there_are_some() -> None:
    # Coordinates of mean 0 and spread 1, in whole steps of a power of two.
    values = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]] * 3, np.float32)
    labels = np.array([0, 1, 2, 0, 1, 1, 2, 2, 0, 1, 2, 0])
    scale = make_pipeline(StandardScaler()).fit(values)
    knn = KNeighborsClassifier(5, metric="manhattan", weights="distance").fit(scale.transform(values), labels)
    asked = np.array([[1, 1], [1, -1], [0.75, 0.5]], np.float32)
    expected = knn.predict_proba(asked)
    assert expected[0] == pytest.approx([2 / 3, 1 / 3, 0])
    steps = np.full(2, 1 / 64, np.float32)
    check_agreement(knn_graph(scale, knn, steps), {"mel_statistics": asked}, expected)


def test_a_smaller_graph_is_half_as_large_and_answers_the_same(windows: Windows) -> None:
    model = keras.Sequential([keras.Input((128, 32, 1)), layers.Flatten(), layers.Dense(128), layers.Dense(3)])
    weights = to_onnx(model)
    smaller = to_float16(weights, {"windows": windows})
    assert len(smaller) < 0.52 * len(weights)
    expected = softmax(model.predict(windows, verbose=0))
    check_agreement(smaller, {"windows": windows}, expected, tolerance=2e-3)
    # Beyond the range of float16.
    model.layers[-2].kernel.assign(1e7 * model.layers[-2].kernel)
    model.layers[-1].kernel.assign(1e-7 * model.layers[-1].kernel)
    with pytest.raises(BadExport):
        to_float16(to_onnx(model), {"windows": windows})


# All eight; each value of each is in one of the two that are not slow.
@pytest.mark.parametrize(
    ("activation", "layer", "suffix"),
    [
        pytest.param(*each, marks=() if each in QUICK else pytest.mark.slow)
        for each in product(("softmax", None), ("convolution", "lstm"), (".keras", ".h5"))
    ],
)
def test_somebodys_own_model_answers_in_a_bundle_as_in_keras(
    suffix: str, layer: str, activation: str | None, windows: Windows, card_file: Path, tmp_path: Path
) -> None:
    model = own_model(layer, activation=activation)
    model.save(tmp_path / f"model{suffix}")
    bundle = load_bundle(save_bundle(import_bundle(tmp_path / f"model{suffix}", card_file), tmp_path / "models"))
    assert bundle.card.training.model == "imported"
    assert "keras" in bundle.card.libraries
    answers = model.predict(windows.reshape(-1, *model.input_shape[1:]), verbose=0)
    np.testing.assert_allclose(
        GenreClassifier(bundle).window_probabilities(windows), answers if activation else softmax(answers), atol=1e-4
    )


def test_one_command_imports_a_model(
    card_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, which has loaded TensorFlow."""
    own_model().save(tmp_path / "model.keras")

    def run_import(models: Path) -> int:
        command = ["training", "import", tmp_path / "model.keras", "--card", card_file, "--models", models]
        monkeypatch.setattr("sys.argv", list(map(str, command)))
        return main()

    assert run_import(tmp_path / "models") == 0
    assert load_bundle(tmp_path / "models" / "mine").card.genres == GENRES
    card_file.write_text("{}")
    capsys.readouterr()
    assert run_import(tmp_path / "none") == 2
    assert "is not a model card" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.Sequential([keras.Input((64, 32, 1)), layers.Flatten(), layers.Dense(3)]), r"\(64, 32\); by"),
        (lambda: keras.Sequential([keras.Input((128, 32, 3)), layers.Flatten(), layers.Dense(3)]), "It must take"),
        (lambda: keras.Sequential([keras.Input((None, 32)), layers.LSTM(4), layers.Dense(3)]), "It must take"),
        (lambda: own_model(genres=4), "gives 4 genres; its card has 3"),
        (lambda: own_model(activation="sigmoid"), "must have the activation softmax"),
        (
            lambda: keras.Sequential(
                [keras.Input((128, 32)), layers.Flatten(), layers.Lambda(lambda x: x), layers.Dense(3)]
            ),
            "without running code of its own",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_that_does_not_fit_is_refused(
    make: Callable[[], keras.Model], message: str, suffix: str, card_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"model{suffix}"
    make().save(file)
    with pytest.raises(BadKerasModel, match=message):
        import_bundle(file, card_file)


@pytest.mark.parametrize(
    ("name", "message"), [("model.keras", "not a Keras model"), ("model.h5", "not a Keras"), ("a.onnx", "must be a")]
)
def test_a_file_that_holds_no_keras_model_is_refused(name: str, message: str, card_file: Path, tmp_path: Path) -> None:
    with pytest.raises(BadKerasModel, match=r"There is no file|must be a Keras file"):
        import_bundle(tmp_path / name, card_file)
    (tmp_path / name).write_bytes(b"words")
    with pytest.raises(BadKerasModel, match=message):
        import_bundle(tmp_path / name, card_file)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"genres": None}, "not a model card"),
        ({"genre": ["rock"]}, "genre is unknown"),
        ({"mel": {"n_mels": 0}}, r"mel\.sample_rate_hz"),
        ({"mel": asdict(SETTINGS) | {"n_mels": 0}}, "Sizes must be positive"),
        ({"name": "../mine"}, "must be one that a folder can have"),
    ],
)
def test_a_card_that_is_none_is_refused(
    parts: dict[str, object], message: str, card_file: Path, tmp_path: Path
) -> None:
    own_model().save(tmp_path / "model.keras")
    change(card_file, **parts)
    with pytest.raises(BadKerasModel, match=message):
        import_bundle(tmp_path / "model.keras", card_file)


def gated(weights: bytes) -> bytes:
    rng = np.random.default_rng(0)
    clips = [rng.uniform(size=(128, 64)).astype(np.float32) for _ in range(20)]
    return add_gate(weights, [Track(str(number), "rock", [clip]) for number, clip in enumerate(clips)], SETTINGS)


@pytest.mark.parametrize("kind", ["cnn", pytest.param("cnn-bilstm", marks=pytest.mark.slow)])
def test_a_network_comes_back_from_its_bundle(kind: str, windows: Windows, tmp_path: Path) -> None:
    network = with_random_weights(NETWORKS[kind](SETTINGS, len(GENRES)))
    card = ModelCard(**vars(CARD) | {"training": Training(**vars(CARD.training) | {"model": kind})})
    bundle = save_bundle(Bundle(card, gated(network_to_onnx(network, windows))), tmp_path)
    expected = softmax(network.predict(windows, verbose=0))
    for file in (tmp_path / "network.keras", tmp_path / "network.h5"):
        export_network(bundle, file)
        answers = keras.saving.load_model(file, compile=False).predict(windows, verbose=0)
        np.testing.assert_allclose(softmax(answers), expected, atol=2e-3)
    assert not list(tmp_path.glob("*.part*"))


def test_a_bundle_without_a_network_of_ours_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(BadKerasModel, match="gtzan-svm is of the kind svm"):
        export_network(MODELS / "gtzan-svm", tmp_path / "svm.keras")
    with pytest.raises(BadKerasModel, match="must be a Keras file"):
        export_network(MODELS / "gtzan-svm", tmp_path / "svm.onnx")
    network = NETWORKS["cnn"](SETTINGS, len(GENRES))
    with pytest.raises(BadBundle, match="does not say where"):
        network_from_onnx(network, to_onnx(network))


def test_a_network_is_not_filled_from_a_graph_that_answers_otherwise(windows: Windows) -> None:
    network = with_random_weights(NETWORKS["cnn"](SETTINGS, len(GENRES)))
    model = onnx.load_from_string(gated(network_to_onnx(network, windows)))
    model.graph.node.insert(0, onnx.helper.make_node("Neg", ["windows"], ["negative"]))
    for node in model.graph.node[1:]:
        node.input[:] = ["negative" if name == "windows" else name for name in node.input]
    with pytest.raises(BadExport, match="up to"):
        network_from_onnx(network, model.SerializeToString())

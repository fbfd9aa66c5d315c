"""Keras files of other people's making, imported as docs/keras.md says."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
from keras import layers

from inference.bundle import load_bundle
from inference.classifier import GenreClassifier, softmax
from tests.sounds import song
from tests.training.conftest import ROOT
from training.__main__ import main

GENRES = ["blues", "jazz", "metal", "rock"]
# What docs/keras.md says is enough.
CARD = json.loads(re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "keras.md").read_text(), re.DOTALL)[0])


def tutorial() -> keras.Model:
    """Return a Sequential network with a rescaling and augmentation of its own, for 3 seconds at a hop of 512."""
    return keras.Sequential(
        [
            keras.Input((128, 130, 1)),
            layers.Rescaling(80, offset=-80),
            layers.RandomTranslation(0, 0.1),
            layers.GaussianNoise(0.1),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(4),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(4, activation="softmax"),
        ]
    )


def functional() -> keras.Model:
    """Return a network with a branch, batch normalisation and logits; its batches have a fixed size."""
    x = spectrogram = keras.Input((128, 128, 1), batch_size=16)
    x = layers.Normalization(mean=0.4, variance=0.1)(x)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x))
    x = layers.Add()([layers.Activation("relu")(x), layers.SeparableConv2D(4, 3, padding="same")(spectrogram)])
    x = layers.LayerNormalization()(layers.GlobalAveragePooling2D()(x))
    return keras.Model(spectrogram, layers.Dense(4)(x))


def recurrent() -> keras.Model:
    """Return a network of other mel settings without a channel axis, the softmax a layer of its own."""
    x = spectrogram = keras.Input((64, 200))
    x = layers.GRU(6)(layers.Permute((2, 1))(x))
    return keras.Model(spectrogram, layers.Softmax()(layers.Dense(4)(x)))


def binary() -> keras.Model:
    """Return a network for two genres with one output."""
    return keras.Sequential(
        [keras.Input((128, 128, 1)), layers.AveragePooling2D(32), layers.Flatten(), layers.Dense(1, "sigmoid")]
    )


class Squash(layers.Layer):
    """Somebody's own layer."""

    def call(self, x: object) -> object:
        return keras.ops.tanh(x)


def custom() -> keras.Model:
    return keras.Sequential([keras.Input((128, 128, 1)), Squash(), layers.Flatten(), layers.Dense(4, "softmax")])


def colours() -> keras.Model:
    return keras.Sequential([keras.Input((128, 128, 3)), layers.Flatten(), layers.Dense(4, "softmax")])


def frames_first() -> keras.Model:
    return keras.Sequential([keras.Input((130, 128, 1)), layers.Flatten(), layers.Dense(4, "softmax")])


def several_labels() -> keras.Model:
    return keras.Sequential([keras.Input((128, 130, 1)), layers.Flatten(), layers.Dense(4, "sigmoid")])


class Importing:
    """The command as docs/keras.md has it, in this process: TensorFlow takes seconds to load."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.bundle = folder / "my_models" / CARD["name"]
        self._monkeypatch = monkeypatch

    def __call__(self, model: keras.Model, file: str, **parts: object) -> int:
        keras.utils.set_random_seed(1)
        model.save(self.folder / file)
        return self.file(file, **parts)

    def file(self, file: str, **parts: object) -> int:
        (self.folder / "card.json").write_text(json.dumps(CARD | parts))
        self._monkeypatch.chdir(self.folder)
        command = ["training", "import", file, "--card", "card.json", "--models", "my_models"]
        self._monkeypatch.setattr("sys.argv", command)
        return main()


@pytest.fixture
def importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Importing:
    return Importing(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("make", "file", "parts"),
    [
        (tutorial, "mine.keras", {}),
        (functional, "mine.h5", {"mel": CARD["mel"] | {"hop_length": 1711}}),
        pytest.param(
            recurrent,
            "mine.keras",
            {"mel": {"sample_rate_hz": 16_000, "n_fft": 1024, "hop_length": 160, "fmin_hz": 20}},
            marks=pytest.mark.slow,
        ),
        (binary, "mine.hdf5", {"genres": ["jazz", "rock"]}),
    ],
)
def test_a_file_and_the_least_of_cards_make_a_model_that_answers_as_the_file(
    make: Callable[[], keras.Model], file: str, parts: dict[str, object], importing: Importing
) -> None:
    model = make()
    assert importing(model, file, **parts) == 0
    classifier = GenreClassifier(load_bundle(importing.bundle))
    shape = classifier.card.mel.n_mels, classifier.card.mel.window_frames
    windows = np.random.default_rng(0).uniform(size=(16, *shape, 1)).astype(np.float32)
    answers = np.asarray(model(windows.reshape(-1, *model.input_shape[1:]), training=False))
    if make is binary:
        answers = np.concatenate([1 - answers, answers], axis=1)
    elif make is functional:
        answers = softmax(answers)
    np.testing.assert_allclose(classifier.window_probabilities(windows), answers, atol=1e-4)
    prediction = classifier.classify(song(11, "wav"))
    assert sorted(prediction.probabilities) == sorted(classifier.card.genres)
    assert list(classifier.card.genres) == parts.get("genres", GENRES)
    assert prediction.genre


def test_a_file_of_keras_2_is_imported(importing: Importing) -> None:
    model = keras.Sequential([keras.Input((128, 130, 1)), *tutorial().layers[3:]])
    model.save(importing.folder / "old.h5")
    with h5py.File(importing.folder / "old.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = json.dumps(as_keras_2(config))
        file.attrs["keras_version"] = "2.11.0"
    assert importing.file("old.h5") == 0


def as_keras_2(config: dict[str, object]) -> dict[str, object]:
    """Return the configuration of a layer or model as Keras 2 wrote it: no modules, input shapes of another name."""
    parts = {}
    for name, value in config.items():
        if name in ("module", "registered_name", "build_config", "build_input_shape"):
            continue
        if name == "dtype" and isinstance(value, dict):
            value = value["config"]["name"]
        if isinstance(value, dict):
            value = as_keras_2(value)
        elif isinstance(value, list):
            value = [as_keras_2(item) if isinstance(item, dict) else item for item in value]
        parts["batch_input_shape" if name == "batch_shape" else name] = value
    return parts


@pytest.mark.parametrize(
    ("make", "parts", "reasons"),
    [
        (custom, {}, ["Squash"]),
        (colours, {}, ["(None, 128, 128, 3)"]),
        (frames_first, {"mel": CARD["mel"] | {"n_mels": 128, "window_frames": 130}}, ["(130, 128)", "(128, 130)"]),
        (several_labels, {}, ["softmax"]),
        (tutorial, {"genres": GENRES[:3]}, ["4", "3"]),
        (tutorial, {"genres": ["rock", "rock", "pop", ""]}, ["genres"]),
        (tutorial, {"mel": {"n_mels": 128}}, ["mel.sample_rate_hz, mel.n_fft, mel.hop_length"]),
    ],
)
def test_a_model_or_card_that_cannot_be_used_is_refused_with_the_reason(
    make: Callable[[], keras.Model],
    parts: dict[str, object],
    reasons: list[str],
    importing: Importing,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert importing(make(), "mine.keras", **parts) == 2
    said = capsys.readouterr().err
    for reason in reasons:
        assert reason in said
    assert len(said.splitlines()) == 1
    assert len(said) < 500
    assert not importing.bundle.exists()

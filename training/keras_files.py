"""Keras files in and out: somebody's own model into a bundle, a bundle's network back into a file."""

import json
from importlib.metadata import version
from pathlib import Path

import keras

from inference.bundle import Bundle, load_bundle
from inference.card import BadCard, ModelCard
from inference.classifier import GenreClassifier, softmax
from training.export import check_agreement
from training.gate import before_gate
from training.keras_models import BadKerasModel, input_shape, network_from_onnx, probe_windows, to_onnx
from training.networks import NETWORKS

SUFFIXES = (".keras", ".h5")
IMPORTED = "imported"


def import_bundle(model_file: Path, card_file: Path) -> Bundle:
    """Return a bundle of a Keras model, `.keras` or `.h5`, and its card, JSON as `ModelCard.to_json` writes.

    The card may leave out `weights_sha256`, `libraries`, `temperature`, `not_sure_below` and the `model` of `training`.
    Raises BadKerasModel if the
    file is no Keras model, holds code, or does not fit its card, and if the card is none; BadExport if the graph does
    not answer as the model.
    """
    card = _read_card(card_file)
    model = _read_model(model_file)
    wanted = card.mel.n_mels, card.mel.window_frames
    if input_shape(model) != wanted:
        raise BadKerasModel(f"{model_file} takes windows of {input_shape(model)}; by its card they are {wanted}.")
    if model.output_shape != (None, len(card.genres)):
        raise BadKerasModel(f"{model_file} gives {model.output_shape}; its card has {len(card.genres)} genres.")
    bundle = Bundle(card, to_onnx(model))
    GenreClassifier(bundle)
    return bundle


def export_network(bundle_folder: Path, file: Path) -> None:
    """Write a bundle's network as a Keras model that gives logits, `.keras` or `.h5`.

    Raises BadBundle if the bundle is damaged and BadKerasModel if it holds no network of `training.networks`.
    """
    _require_suffix(file)
    bundle = load_bundle(bundle_folder)
    card = bundle.card
    if card.training.model not in NETWORKS:
        raise BadKerasModel(
            f"{card.name} is of the kind {card.training.model}, not a network of this project. "
            f"Export one of the kind {' or '.join(NETWORKS)}."
        )
    network = NETWORKS[card.training.model](card.mel, len(card.genres))
    network_from_onnx(network, bundle.weights)
    beside = file.with_name(f"{file.stem}.part{file.suffix}")
    network.save(beside)
    # What a file gives is compared, not what was put into it.
    probe = probe_windows(input_shape(network))
    graph = before_gate(bundle.weights, ["windows"])
    check_agreement(graph, {"windows": probe}, softmax(_read_model(beside).predict(probe, verbose=0)))
    beside.replace(file)


def _read_model(file: Path) -> keras.Model:
    _require_suffix(file)
    if not file.is_file():
        raise BadKerasModel(f"There is no file {file}.")
    try:
        # Safe mode refuses Lambda layers: they are code, and would be run here.
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever a damaged part of the file leads to
        raise BadKerasModel(
            f"{file} is not a Keras model that can be loaded without running code of its own ({error}). "
            "Save it with model.save, made of Keras' own layers, none of them Lambda."
        ) from error
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise BadKerasModel(f"{file} must hold a Sequential or functional model that was built for its input.")
    return model


def _read_card(file: Path) -> ModelCard:
    try:
        parts = json.loads(file.read_text(encoding="utf-8"))
        parts.setdefault("weights_sha256", "")
        parts.setdefault("libraries", {name: version(name) for name in ("keras", "onnx", "tf2onnx")})
        parts["training"].setdefault("model", IMPORTED)
        parts = {"temperature": 1.0, "not_sure_below": 0.0} | parts
        card = ModelCard.from_json(json.dumps(parts))
    except (BadCard, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadKerasModel(
            f"{file} is not a model card ({error.__cause__ or error}). Write it like that of a shipped model."
        ) from error
    if card.name in ("", ".", "..") or Path(card.name).name != card.name:
        raise BadKerasModel(f"The name on {file}, {card.name!r}, must be one that a folder can have.")
    return card


def _require_suffix(file: Path) -> None:
    if file.suffix not in SUFFIXES:
        raise BadKerasModel(f"{file} must be a Keras file, {' or '.join(SUFFIXES)}.")

"""Keras files in and out: somebody's own model into a bundle, a bundle's network back into a file."""

import json
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from inference.bundle import Bundle, is_name, load_bundle
from inference.card import BadCard, ModelCard, rename_former
from inference.classifier import GenreClassifier, softmax
from training.models.backend import keras
from training.models.export import check_agreement
from training.models.gate import before_gate
from training.models.keras_models import (
    BadKerasModel,
    input_shape,
    n_genres,
    network_from_onnx,
    probe_windows,
    to_onnx,
)
from training.models.networks import NETWORKS

SUFFIXES = (".keras", ".h5", ".hdf5")
IMPORTED = "imported"
# The fields that a card must have, and the defaults of the others.
_LEAST = (
    '{"name": "mine", "genres": ["jazz", "rock"], "mel": {"sample_rate_hz": 22050, "n_fft": 2048, "hop_length": 512}}'
)
_NEEDED, _NEEDED_OF_MEL = ("name", "genres", "mel"), ("sample_rate_hz", "n_fft", "hop_length")
_UNSTATED = {
    "model": IMPORTED,
    "dataset": "",
    "protocol": "",
    "train_tracks": 0,
    "valid_tracks": 0,
    "test_tracks": 0,
    "seed": 0,
    "command": "",
}
_DEFAULTS = {
    "version": "1.0.0",
    "description": "",
    "temperature": 1.0,
    "abstain_threshold": 0.0,
    "scores": {},
    "weights_sha256": "",
    "license": "",
}


def import_bundle(model_file: Path, card_file: Path) -> Bundle:
    """Return a bundle of a Keras model, `.keras`, `.h5` or `.hdf5`, and its card, JSON as `ModelCard.to_json` writes.

    Of the card, `name`, `genres` and, in `mel`, `sample_rate_hz`, `n_fft` and `hop_length` are enough: the model says
    how many bands and frames it takes, and nothing is claimed of how it was trained. Raises BadKerasModel if the file
    is no Keras model, holds code, or does not fit its card, and if the card is none; BadExport if the graph does not
    answer as the model.
    """
    model = _read_model(model_file)
    shape = input_shape(model)
    card = _read_card(card_file, shape)
    wanted = card.mel.n_mels, card.mel.window_frames
    if shape != wanted:
        swapped = " Its axes are swapped: put a Permute layer before it." if shape == wanted[::-1] else ""
        raise BadKerasModel(f"{model_file} takes windows of {shape}; by its card they are {wanted}.{swapped}")
    if (given := n_genres(model)) != len(card.genres):
        raise BadKerasModel(f"{model_file} gives {given} genres; its card has {len(card.genres)}.")
    bundle = Bundle(card, to_onnx(model))
    GenreClassifier(bundle)
    return bundle


def export_network(bundle_folder: Path, file: Path) -> None:
    """Write a bundle's network as a Keras model that gives logits, `.keras`, `.h5` or `.hdf5`.

    Raises BadBundle if the bundle is damaged and BadKerasModel if it holds no network of `training.models.networks`.
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
        unknown = re.search(r"(?:Could not locate|Unknown) \w+:? '([^']+)'", str(error))
        reason = f"Keras has no {unknown[1]}" if unknown else str(error).strip().partition("\n")[0]
        raise BadKerasModel(
            f"{file} is not a Keras model that can be loaded without running code of its own ({reason}). "
            "Save it with model.save, made of Keras' own layers, none of them Lambda."
        ) from error
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise BadKerasModel(f"{file} must hold a Sequential or functional model that was built for its input.")
    return model


def _read_card(file: Path, shape: tuple[int, int]) -> ModelCard:
    """Return the card in a file, of a model that takes windows of a shape (n_mels, frames)."""
    try:
        parts = rename_former(json.loads(file.read_text(encoding="utf-8")))
        if lacking := [*_lacking(parts, _NEEDED, ""), *_lacking(parts.get("mel", {}), _NEEDED_OF_MEL, "mel.")]:
            raise ValueError(f"{', '.join(lacking)} is missing")
        mel = {"n_mels": shape[0], "window_frames": shape[1], "window_hop_frames": shape[1]} | parts["mel"]
        parts["mel"] = {"fmax_hz": mel["sample_rate_hz"] / 2} | mel
        parts["training"] = _UNSTATED | parts.get("training", {})
        libraries = {name: version(name) for name in ("keras", "onnx", "tf2onnx")}
        card = ModelCard.from_json(json.dumps(_DEFAULTS | {"libraries": libraries} | parts))
    except OSError as error:
        raise BadKerasModel(f"The card {file} cannot be read ({error}).") from error
    except (BadCard, ValueError, TypeError, AttributeError) as error:
        raise BadKerasModel(
            f"{file} is not a model card ({error.__cause__ or error}). The least it must have is like {_LEAST}."
        ) from error
    if not is_name(card.name):
        raise BadKerasModel(f"The name on {file}, {card.name!r}, must be one that a folder can have.")
    return card


def _lacking(parts: dict[str, object], needed: Sequence[str], prefix: str) -> list[str]:
    return [prefix + name for name in needed if name not in parts]


def _require_suffix(file: Path) -> None:
    if file.suffix not in SUFFIXES:
        raise BadKerasModel(f"{file} must be a Keras file, {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.")

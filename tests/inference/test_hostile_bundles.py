"""Bundles made to harm whoever loads them."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from inference.bundle import MODELS, BadBundle, Bundle, list_cards, load_bundle, save_bundle
from inference.classifier import GenreClassifier

CARD = replace(list_cards()["gtzan-cnn"], name="hostile")


class Code:
    """What a pickle calls as it is loaded: a folder is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def graph(file: str) -> bytes:
    """Return a graph that fits the card, whose weights are in another file."""
    weights = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[128, len(CARD.genres)])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=file)
    made = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["windows"], ["bands"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["bands", "weights"], ["logits"]),
        ],
        "graph",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["n", 128, 128, 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(CARD.genres)])],
        [weights],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def test_weights_that_are_a_pickle_are_refused_and_not_loaded(tmp_path: Path) -> None:
    folder = save_bundle(Bundle(CARD, pickle.dumps(Code(tmp_path / "made"))), tmp_path)
    with pytest.raises(BadBundle):
        GenreClassifier(load_bundle(folder))
    assert not (tmp_path / "made").exists()


def test_a_pickle_beside_the_weights_is_not_loaded(tmp_path: Path) -> None:
    folder = save_bundle(Bundle(CARD, load_bundle(MODELS / "gtzan-cnn").weights), tmp_path)
    for name in ("model.pkl", "weights.joblib", "weights.npy"):
        (folder / name).write_bytes(pickle.dumps(Code(tmp_path / "made")))
    GenreClassifier(load_bundle(folder))
    assert not (tmp_path / "made").exists()


def test_a_graph_reads_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hash covers it, and what stands in it would show in the answers."""
    np.zeros((128, len(CARD.genres)), np.float32).tofile(tmp_path / "secret")
    monkeypatch.chdir(tmp_path)
    folder = save_bundle(Bundle(CARD, graph("secret")), tmp_path)
    with pytest.raises(BadBundle):
        GenreClassifier(load_bundle(folder))

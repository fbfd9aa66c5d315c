"""Keras models as the graphs that bundles hold."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import onnx

from inference.classifier import softmax
from training.export import check_agreement

_OPSET = 15


def to_onnx(model: keras.Model) -> bytes:
    """Return the network as an ONNX graph, "windows" -> "logits", for any number of windows."""
    probe = np.random.default_rng(0).uniform(size=(8, *model.input_shape[1:])).astype(np.float32)
    expected = softmax(np.asarray(model(probe, training=False)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(path, format="onnx", opset_version=_OPSET, verbose=False)
        exported = onnx.load(path)
    (windows,), (logits,) = exported.graph.input, exported.graph.output
    for node in exported.graph.node:
        node.output[:] = ["logits" if name == logits.name else name for name in node.output]
    logits.name = "logits"
    for value in (windows, logits):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.checker.check_model(exported, full_check=True)
    weights = bytes(exported.SerializeToString())
    check_agreement(weights, "windows", probe, expected)
    return weights

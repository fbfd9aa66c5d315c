"""Keras models as the graphs that bundles hold, and the project's own networks back from them."""

import json
import tempfile
from pathlib import Path

import keras
import numpy as np
import onnx
from keras import layers
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inference.bundle import BadBundle
from inference.classifier import softmax
from training.export import BadExport, check_agreement, halve
from training.gate import before_gate
from training.tracks import BadData

_OPSET = 18
_PROBE_WINDOWS = 8
# Where a graph says which of its tables holds which weight of the network, null for those that folding makes constant.
_WEIGHTS_KEY = "keras_weights"
_FOLDED = {"moving_mean", "moving_variance"}


class BadKerasModel(BadData):
    """A Keras model that cannot become a bundle; the message says what is wrong and what to do."""


def to_onnx(model: keras.Model) -> bytes:
    """Return any Keras model as an ONNX graph, "windows" (n, n_mels, frames, 1) -> "logits" (n, genres).

    The model takes one input, (n_mels, frames, 1) or (n_mels, frames), and gives probabilities if its last layer's
    activation is softmax, or logits if that is linear. Raises BadKerasModel for any other, and BadExport if the graph
    does not answer as the model.
    """
    shape = input_shape(model)
    gives_probabilities = _gives_probabilities(model)
    windows = keras.Input((*shape, 1), name="windows")
    x = windows if len(model.input_shape) == 4 else layers.Reshape(shape)(windows)
    graph = _convert(keras.Model(windows, model(x)), gives_probabilities=gives_probabilities)
    probe = probe_windows(shape)
    answers = model.predict(probe.reshape(-1, *model.input_shape[1:]), verbose=0)
    check_agreement(graph, {"windows": probe}, answers if gives_probabilities else softmax(answers))
    return graph


def network_to_onnx(network: keras.Model, windows: NDArray[np.float32]) -> bytes:
    """Return one of `training.networks` as an ONNX graph that `network_from_onnx` reads, in half precision.

    Its answers are checked on the windows (n, n_mels, frames, 1). Raises BadExport if they are not the network's.
    """
    folded = keras.models.clone_model(network)
    folded.set_weights(network.get_weights())
    _fold(folded)
    weights = _convert(folded, gives_probabilities=False)
    model = onnx.load_from_string(weights)
    tables = {table.name: numpy_helper.to_array(table) for table in model.graph.initializer}
    helper.set_model_props(
        model, {_WEIGHTS_KEY: json.dumps([_table_name(weight, tables) for weight in folded.weights])}
    )
    weights = bytes(model.SerializeToString())
    check_agreement(weights, {"windows": windows}, softmax(network.predict(windows, verbose=0)))
    return halve(weights, {"windows": windows})


def network_from_onnx(network: keras.Model, weights: bytes) -> None:
    """Fill a newly built network from a bundle's graph, made by `network_to_onnx` of one like it, with a gate since.

    Batch normalisations come back as ones that only scale and add. Raises BadBundle for another graph, and BadExport
    if the network does not answer as the graph.
    """
    model = onnx.load_from_string(weights)
    names = {entry.key: entry.value for entry in model.metadata_props}.get(_WEIGHTS_KEY)
    if names is None:
        raise BadBundle("The graph does not say where the network's weights are. Train it again with this version.")
    tables = {table.name: numpy_helper.to_array(table).astype(np.float32) for table in model.graph.initializer}
    _fold(network)
    for weight, name in zip(network.weights, json.loads(names), strict=True):
        if name is not None:
            weight.assign(_as_in_keras(tables[name], weight.shape))
    probe = probe_windows(input_shape(network))
    check_agreement(before_gate(weights, ["windows"]), {"windows": probe}, softmax(network.predict(probe, verbose=0)))


def input_shape(model: keras.Model) -> tuple[int, int]:
    """Return (n_mels, frames) of the windows a model takes; raise BadKerasModel if it takes anything else."""
    shape = model.input_shape
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BadKerasModel("The model must have one input and one output.")
    if len(shape) not in (3, 4) or None in shape[1:] or shape[3:] not in ((), (1,)):
        raise BadKerasModel(f"The model takes {shape}. It must take (n_mels, frames, 1) or (n_mels, frames).")
    return shape[1], shape[2]


def probe_windows(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return windows to compare answers on, (8, n_mels, frames, 1): silence, and noise of any loudness."""
    noise = np.random.default_rng(0).uniform(size=(_PROBE_WINDOWS, *shape, 1))
    return (noise * np.linspace(0, 1, _PROBE_WINDOWS)[:, None, None, None]).astype(np.float32)


def _gives_probabilities(model: keras.Model) -> bool:
    """Return whether the last layer ends in softmax, or raise BadKerasModel if it ends in anything but nothing."""
    last = model
    while isinstance(last, keras.Model):
        last = last.layers[-1] if isinstance(last, keras.Sequential) else last.get_layer(last.output_names[0])
    if isinstance(last, layers.Softmax):
        return True
    activation = getattr(last, "activation", None)
    if activation not in (keras.activations.softmax, keras.activations.linear):
        raise BadKerasModel(
            f"The last layer, {last.name}, must have the activation softmax, which gives probabilities, or linear, "
            "which gives logits."
        )
    return bool(activation is keras.activations.softmax)


def _convert(model: keras.Model, *, gives_probabilities: bool) -> bytes:
    """Return a graph with the names that a bundle's must have, for any number of windows."""
    # Keras exports only what has been called.
    model(np.zeros((1, *model.input_shape[1:]), np.float32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(path, format="onnx", opset_version=_OPSET, verbose=False)
        exported = onnx.load(path)
    graph = exported.graph
    (windows,), (answers,) = graph.input, graph.output
    if gives_probabilities:
        graph.initializer.append(helper.make_tensor("least", TensorProto.FLOAT, [], [1e-7]))
        graph.node.append(helper.make_node("Max", [answers.name, "least"], ["positive"]))
        graph.node.append(helper.make_node("Log", ["positive"], ["logits"]))
    else:
        graph.node.append(helper.make_node("Identity", [answers.name], ["logits"]))
    answers.name = "logits"
    for value in (windows, answers):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.checker.check_model(exported, full_check=True)
    return bytes(exported.SerializeToString())


def _fold(network: keras.Model) -> None:
    """Make each batch normalisation one that only scales and adds; answers stay the same.

    The converter does so, too: what its graph holds is what a folded network holds.
    """
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            scale = gamma / np.sqrt(variance + layer.epsilon)
            one = np.full_like(variance, 1 - layer.epsilon)
            layer.set_weights([scale, beta - mean * scale, np.zeros_like(mean), one])


def _table_name(weight: keras.Variable, tables: dict[str, NDArray[np.generic]]) -> str | None:
    """Return the name of the table that holds a folded network's weight."""
    if weight.name in _FOLDED:
        return None
    value = np.asarray(weight)
    for name, table in tables.items():
        if table.size == value.size and np.allclose(_as_in_keras(table, value.shape), value, rtol=1e-5, atol=1e-7):
            return name
    raise BadExport(f"The graph does not hold the weight {weight.path} as it is.")


def _as_in_keras(table: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    """Return a table as Keras has it: kernels of convolutions are (height, width, in, out), in ONNX the reverse."""
    return (table.transpose(2, 3, 1, 0) if len(shape) == table.ndim == 4 else table).reshape(shape)

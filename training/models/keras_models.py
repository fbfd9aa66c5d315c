"""Keras models as the graphs that bundles hold, and the project's own networks back from them."""

import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from inference.bundle import BadBundle
from inference.classifier import softmax
from training.data.tracks import BadData
from training.models.backend import keras, layers
from training.models.export import BadExport, check_agreement, to_float16
from training.models.gate import before_gate

_OPSET = 18
_PROBE_WINDOWS = 8
# Where a graph says which of its tables holds which weight of the network, null for those that folding makes constant.
_WEIGHTS_KEY = "keras_weights"
_FOLDED = {"moving_mean", "moving_variance"}


class BadKerasModel(BadData):
    """A Keras model that cannot become a bundle; the message has the fault and the remedy."""


def to_onnx(model: keras.Model) -> bytes:
    """Return any Keras model as an ONNX graph, "windows" (n, n_mels, frames, 1) -> "logits" (n, genres).

    The model takes one input, (n_mels, frames, 1) or (n_mels, frames). It gives probabilities if its last layer's
    activation is softmax, logits if that is linear, or the probability of the second of two genres if that is sigmoid.
    Raises BadKerasModel for any other, and BadExport if the graph does not answer as the model.
    """
    shape = input_shape(model)
    activation = _last_activation(model)
    windows = keras.Input((*shape, 1), name="windows")
    x = windows if len(model.inputs[0].shape) == 4 else layers.Reshape(shape)(windows)
    _fix_normalisations(model)
    # Layers that augment do so unless they are told not to.
    answer = model(x, training=False)
    if activation == "sigmoid":
        answer = layers.Concatenate()([1 - answer, answer])
    whole = keras.Model(windows, answer)
    graph = _convert(whole, gives_probabilities=activation != "linear")
    probe = probe_windows(shape)
    answers = whole.predict(probe, verbose=0)
    check_agreement(graph, {"windows": probe}, softmax(answers) if activation == "linear" else answers)
    return graph


def network_to_onnx(network: keras.Model, windows: NDArray[np.float32]) -> bytes:
    """Return one of `training.models.networks` as an ONNX graph that `network_from_onnx` reads, in half precision.

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
    return to_float16(weights, {"windows": windows})


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
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BadKerasModel("The model must have one input and one output.")
    shape = model.inputs[0].shape
    if len(shape) not in (3, 4) or None in shape[1:] or shape[3:] not in ((), (1,)):
        raise BadKerasModel(
            f"The model takes {shape}. It must take (n, n_mels, frames, 1) or (n, n_mels, frames). Put a layer before "
            "it that makes its input of that: docs/keras.md has some."
        )
    return shape[1], shape[2]


def probe_windows(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return windows to compare answers on, (8, n_mels, frames, 1): silence, and noise of any loudness."""
    noise = np.random.default_rng(0).uniform(size=(_PROBE_WINDOWS, *shape, 1))
    return (noise * np.linspace(0, 1, _PROBE_WINDOWS)[:, None, None, None]).astype(np.float32)


def n_genres(model: keras.Model) -> int:
    """Return how many genres a model tells apart; raise BadKerasModel if it gives anything but one row per window."""
    shape = model.outputs[0].shape
    if len(shape) != 2:
        raise BadKerasModel(f"The model gives {shape}. It must give one number per genre for each window.")
    return 2 if _last_activation(model) == "sigmoid" else int(shape[1])


def _last_activation(model: keras.Model) -> str:
    """Return "softmax", "linear" or, of one number, "sigmoid"; raise BadKerasModel if the last layer ends otherwise."""
    last = model
    while isinstance(last, keras.Model):
        last = last.layers[-1] if isinstance(last, keras.Sequential) else last.get_layer(last.output_names[0])
    activation = getattr(last, "activation", None)
    if isinstance(last, layers.Softmax) or activation is keras.activations.softmax:
        return "softmax"
    if activation is keras.activations.linear:
        return "linear"
    if activation is keras.activations.sigmoid and model.outputs[0].shape[-1] == 1:
        return "sigmoid"
    raise BadKerasModel(
        f"The last layer, {last.name}, must have the activation softmax, which gives probabilities, or linear, which "
        "gives logits, or sigmoid, with one number for two genres."
    )


def _convert(model: keras.Model, *, gives_probabilities: bool) -> bytes:
    """Return a graph with the names that a bundle's must have, for any number of windows."""
    # Keras exports only what has been called.
    model(np.zeros((1, *model.input_shape[1:]), np.float32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            model.export(path, format="onnx", opset_version=_OPSET, verbose=False)
            exported = onnx.load(path)
            onnx.checker.check_model(exported, full_check=True)
            (windows,), (answers,) = exported.graph.input, exported.graph.output
        except Exception as error:  # the converter raises whatever an unknown layer leads to
            raise BadExport(
                f"The model cannot be converted to ONNX ({_first_line(error)}). Replace that layer by others of Keras."
            ) from error
    graph = exported.graph
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


def _fix_normalisations(model: keras.Model) -> None:
    """Turn the means and variances of `Normalization` layers into arrays: the converter makes inputs of tensors."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _fix_normalisations(layer)
        elif isinstance(layer, layers.Normalization):
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _fold(network: keras.Model) -> None:
    """Make each batch normalisation one that only scales and adds; answers stay the same.

    The converter does so, too: its graph then has the weights of a folded network.
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

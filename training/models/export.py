"""Checks that every exported graph must pass, and its compression to half precision."""

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, parser

from inference.classifier import OUTPUT, softmax

_TOLERANCE = 1e-4
_NUMBERS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8}
_FLOAT16_TOLERANCE = 5e-3
# Tables with fewer numbers than this are not worth the loss.
_MIN_FLOAT16_SIZE = 2**15


# What a graph is asked about, by the names of its inputs.
Inputs = Mapping[str, NDArray[np.float32]]


class BadExport(RuntimeError):
    """A graph that does not answer as the model it was made from."""


def parse_graph(text: str, tables: Mapping[str, NDArray[np.generic] | np.floating], **sizes: int) -> bytes:
    """Return the graph that is written in ONNX's syntax, with sizes for {names} and tables for the names left open."""
    model = parser.parse_model('<ir_version: 8, opset_import: ["": 18]>' + text.format(**sizes))
    for name, table in tables.items():
        array = np.asarray(table)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def append_graph(weights: bytes, tail: bytes, joint: str) -> bytes:
    """Return a graph whose output goes into a tail, as the tail's input `joint`, and whose output is the tail's.

    Further inputs of the tail become inputs of the whole, once. Apart from inputs, names must differ.
    """
    model, end = onnx.load_from_string(weights), onnx.load_from_string(tail)
    graph = model.graph
    (output,) = graph.output
    for node in graph.node:
        node.input[:] = [joint if name == output.name else name for name in node.input]
        node.output[:] = [joint if name == output.name else name for name in node.output]
    known = {graph_input.name for graph_input in graph.input} | {joint}
    graph.input.extend(graph_input for graph_input in end.graph.input if graph_input.name not in known)
    graph.node.extend(end.graph.node)
    graph.initializer.extend(end.graph.initializer)
    del graph.output[:]
    graph.output.extend(end.graph.output)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def check_agreement(
    weights: bytes,
    inputs: Inputs,
    expected: NDArray[np.floating],
    tolerance: float = _TOLERANCE,
) -> None:
    """Raise BadExport unless the graph gives the model's own probabilities for inputs, by name.

    `expected` has the shape (n, genres). They may differ by 1e-4, the most that rounding to float32 was seen to do.
    """
    difference = float(np.abs(_probabilities(weights, inputs) - expected).max())
    # Not a number is no agreement either.
    if not difference <= tolerance:
        raise BadExport(f"The exported graph's probabilities are up to {difference:.2g} from the model's.")


def count_parameters(weights: bytes) -> int:
    """Return how many numbers the tables of a graph hold, learned or kept of the training data."""
    tables = onnx.load_from_string(weights).graph.initializer
    return sum(int(np.prod(table.dims)) for table in tables if table.data_type in _NUMBERS)


def to_float16(weights: bytes, inputs: Inputs) -> bytes:
    """Return the graph with its large tables kept as float16, which ONNX Runtime makes float32 again as it loads them.

    Raises BadExport if a probability for the inputs, by name, changes by more than 5e-3.
    """
    model = onnx.load_from_string(weights)
    graph = model.graph
    casts = []
    for table in graph.initializer:
        if table.data_type == TensorProto.FLOAT and np.prod(table.dims) >= _MIN_FLOAT16_SIZE:
            table.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(table).astype(np.float16), table.name))
            casts.append(helper.make_node("Cast", [table.name], [f"{table.name}/float32"], to=TensorProto.FLOAT))
    widened = {cast.input[0]: cast.output[0] for cast in casts}
    for node in graph.node:
        node.input[:] = [widened.get(taken, taken) for taken in node.input]
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    smaller = bytes(model.SerializeToString())
    check_agreement(smaller, inputs, _probabilities(weights, inputs), _FLOAT16_TOLERANCE)
    return smaller


def _probabilities(weights: bytes, inputs: Inputs) -> NDArray[np.float64]:
    session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    (logits,) = session.run([OUTPUT], dict(inputs))
    return softmax(logits)

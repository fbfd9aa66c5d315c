"""What every exported graph must pass before it goes into a bundle."""

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from inference.classifier import OUTPUT, softmax

_TOLERANCE = 1e-4
_FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}


class BadExport(RuntimeError):
    """A graph that does not answer as the model it was made from."""


def check_agreement(weights: bytes, name: str, values: NDArray[np.float32], expected: NDArray[np.floating]) -> None:
    """Raise BadExport unless the graph gives the model's own probabilities for an input of that name.

    `expected` has the shape (n, genres). They may differ by 1e-4, the most that rounding to float32 was seen to do.
    """
    session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    (logits,) = session.run([OUTPUT], {name: values})
    difference = float(np.abs(softmax(logits) - expected).max())
    if difference > _TOLERANCE:
        raise BadExport(f"The exported graph's probabilities are up to {difference:.2g} from the model's.")


def count_parameters(weights: bytes) -> int:
    """Return how many numbers a graph has that were learned or kept: its tables, and lists of its nodes."""
    graph = onnx.load_from_string(weights).graph
    tables = sum(int(np.prod(table.dims)) for table in graph.initializer if table.data_type in _FLOATS)
    lists = sum(len(attribute.floats) for node in graph.node for attribute in node.attribute)
    return tables + lists

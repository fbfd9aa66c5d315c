"""ONNX graphs of bundles, loaded and checked."""

import os
from collections.abc import Collection, Mapping

import onnxruntime

from inference.bundle import BadBundle


def load_session(
    weights: bytes,
    name: str,
    inputs: Collection[str],
    output: str,
    width: int,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> onnxruntime.InferenceSession:
    """Return a session of a graph that takes some of `inputs` and gives `output`, of shape (n, width), alone.

    `shapes` has the inputs' dimensions behind the first, where they are fixed. Raises BadBundle, which
    names the bundle, for any other graph.
    """
    options = onnxruntime.SessionOptions()
    # Requests and processes run in parallel, so each needs one thread only.
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # A graph may name files with weights of its own, which no hash covers; there are none below this one.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no other base
        raise BadBundle(f"The weights of {name} are not a graph ONNX Runtime can load: {error}") from error
    taken = {graph_input.name: graph_input.shape for graph_input in session.get_inputs()}
    outputs = session.get_outputs()
    if not set(taken) <= set(inputs) or [graph_output.name for graph_output in outputs] != [output]:
        raise BadBundle(f"The graph of {name} must take some of {sorted(inputs)} and give {output!r} alone.")
    if outputs[0].shape[-1] != width:
        raise BadBundle(f"The graph of {name} gives {outputs[0].shape}; by its card, that is (n, {width}).")
    for graph_input, shape in (shapes or {}).items():
        if tuple(taken.get(graph_input, ())[1:]) != shape:
            raise BadBundle(
                f"The graph of {name} takes {graph_input!r} of shape {taken.get(graph_input)}; by its card, it is "
                f"(n, {', '.join(map(str, shape))})."
            )
    return session

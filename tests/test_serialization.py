"""What the product reads is JSON, ONNX and sound: nothing that runs code when it is loaded."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layers import ALLOWED, DEVELOPMENT, ROOT

PRODUCT = sorted(set(ALLOWED) - DEVELOPMENT)
# Loading from any of these can run code.
UNSAFE_MODULES = {"_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "pickle", "shelve", "torch"}
UNSAFE_NAMES = {"FullLoader", "UnsafeLoader", "enable_unsafe_deserialization", "full_load", "unsafe_load"}
# Arguments -> the value that allows code; both libraries' default is the other one.
UNSAFE_KEYWORDS = {"allow_pickle": True, "safe_mode": False}


def files(parts: list[str]) -> list[Path]:
    found = [path for part in parts for path in (*ROOT.glob(f"{part}.py"), *(ROOT / part).rglob("*.py"))]
    assert len(found) >= len(parts)
    return found


def unsafe(file: Path) -> Iterator[str]:
    """Yield what in a file could run code that comes with data."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        where = f"{file}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            yield from (f"{where} {name.name}" for name in node.names if name.name.split(".")[0] in UNSAFE_MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
            yield f"{where} {node.module}"
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in UNSAFE_NAMES:
                yield f"{where} {name}"
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                safe = isinstance(keyword.value, ast.Constant) and (
                    keyword.value.value is not UNSAFE_KEYWORDS.get(keyword.arg or "")
                )
                if keyword.arg in UNSAFE_KEYWORDS and not safe:
                    yield f"{where} {keyword.arg}"
            if ast.unparse(node.func) in {"yaml.load", "yaml.load_all"}:
                yield f"{where} {ast.unparse(node.func)}"


def test_the_product_loads_nothing_that_runs_code() -> None:
    assert not [found for file in files(PRODUCT) for found in unsafe(file)]


def test_training_reads_other_peoples_models_in_keras_safe_mode() -> None:
    assert not [found for file in files(["training"]) for found in unsafe(file)]


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "import torch.serialization",
        "numpy.load(file, allow_pickle=True)",
        "numpy.load(file, allow_pickle=wanted)",
        "keras.saving.load_model(file, safe_mode=False)",
        "keras.config.enable_unsafe_deserialization()",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "yaml.unsafe_load(text)",
    ],
)
def test_what_runs_code_is_recognised(line: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(line)
    assert list(unsafe(program))

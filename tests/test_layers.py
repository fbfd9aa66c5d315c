"""Who may import whom, drawn from the code."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Part -> the parts of the project it may import, besides itself.
ALLOWED = {
    "features": set(),
    "inference": {"features"},
    "training": {"features", "inference"},
    "scoring": {"features", "inference"},
    "serving": {"features", "inference"},
    "service": {"features", "inference", "serving"},
    "deploy": {"features", "inference", "serving", "service"},
    "benchmarks": {"features", "inference", "training"},
    # It knows the service's HTTP, and none of the rest.
    "django_site": set(),
}
# Parts that run where training does, and are not served.
DEVELOPMENT = {"training", "benchmarks"}
ONLY_FOR_TRAINING = {"keras", "librosa", "matplotlib", "onnx", "sklearn", "tensorflow", "tf2onnx"}


def imports() -> Iterator[tuple[str, str, Path]]:
    """Yield the importing part, the top-level name it imports, and the file that does."""
    for part in ALLOWED:
        files = [ROOT / f"{part}.py"] if (ROOT / f"{part}.py").exists() else sorted((ROOT / part).rglob("*.py"))
        assert files, f"no code in {part}"
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    yield from ((part, alias.name.partition(".")[0], file) for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    yield part, "." if node.level else (node.module or "").partition(".")[0], file


def test_every_folder_of_code_has_its_place() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {path.stem for path in ROOT.glob("*.py")}
    assert (folders | {path.parent.name for path in ROOT.glob("*/manage.py")}) - {"tests"} == set(ALLOWED)


def test_arrows_point_the_right_way_only() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for part, name, file in imports()
        if name == "." or (name in ALLOWED and name not in ALLOWED[part] | {part})
    ]
    assert not wrong


def test_only_training_imports_what_only_training_needs() -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for part, name, file in imports()
        if part not in DEVELOPMENT and name in ONLY_FOR_TRAINING
    ]
    assert not wrong


@pytest.mark.parametrize("program", ["import service", "import inference.__main__", "import scoring.command"])
def test_serving_loads_no_training_library(program: str) -> None:
    """Not even through another library: the process that answers has none of them."""
    program += "; import sys; from inference.bundle import *; from inference.classifier import *; "
    program += "[GenreClassifier(load_bundle(MODELS / name)) for name in list_cards()]; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in output.stdout.split()}
    assert "onnxruntime" in loaded
    assert not loaded & ONLY_FOR_TRAINING


def test_the_process_that_starts_the_others_loads_nothing_of_sound_and_models() -> None:
    program = "import service, sys; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in output.stdout.split()}
    assert "bentoml" in loaded
    assert not loaded & {"av", "numpy", "onnxruntime", "scipy", "soundfile"}

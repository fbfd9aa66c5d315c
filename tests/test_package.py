"""The installable package, in an environment that has nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sounds import song

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_brings_the_command_and_the_python_api(tmp_path: Path) -> None:
    def run(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    # A copy: setuptools writes beside what it builds.
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info")
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=ignored)
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source)
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    binaries = tmp_path / "venv" / "bin"
    run(*pip, "--python", binaries / "python", "install", "--no-compile", *tmp_path.glob("*.whl"))

    (tmp_path / "a.mp3").write_bytes(song(5, "mp3"))
    run(binaries / "genre-score", "a.mp3", "--out", "genres.json", "--model", "gtzan-fast")
    (row,) = json.loads((tmp_path / "genres.json").read_text())
    code = "from inference import load_model; print(load_model('gtzan-fast').classify('a.mp3').confidence)"
    assert float(run(binaries / "python", "-c", code)) == pytest.approx(row["confidence"])

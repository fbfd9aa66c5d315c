"""`python -m deploy container` without an engine that works."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.cloud import ROOT

NOT_RUNNING = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


def build(path: Path, *arguments: str) -> str:
    """Run `container build` with the programs of one folder; return what it says when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "container", "build", *arguments],
        cwd=ROOT,
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"), [((), "docker, podman, buildah"), (("--engine", "podman"), "podman is")]
)
def test_a_missing_engine_is_named(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    assert named in build(tmp_path, *arguments)


def test_an_engine_that_does_not_run_is_told_before_anything_is_built(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit({NOT_RUNNING!r})\n")
    program.chmod(0o755)
    said = build(tmp_path)
    assert "docker is installed, but does not answer" in said
    assert len(said.splitlines()) == 1

"""The two images: made, and pushed."""

import os
import sys
import tempfile
import tomllib
from pathlib import Path

from deploy.container.engine import run

ROOT = Path(__file__).resolve().parents[2]
SERVICE, SITE = IMAGES = ("music-genre-classifier", "music-genre-site")


def version() -> str:
    """Return that of the project, which is the images' tag."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def build(engine: str, tag: str, base: str | None, network: str | None) -> None:
    """Make both images, from a base other than their own if one is given; raise EngineFailed if one cannot be made."""
    arguments = {"VERSION": tag} | ({"BASE": base} if base else {})
    bentoml = Path(sys.executable).with_name("bentoml")
    bento = run([bentoml, "build", "--output", "tag"], read=True, folder=ROOT).strip().removeprefix("__tag__:")
    command: list[str | Path] = [bentoml, "containerize", bento, "--backend", engine, "--image-tag", f"{SERVICE}:{tag}"]
    for name, value in arguments.items():
        command += ["--opt", f"build-arg={name}={value}"]
    with tempfile.TemporaryDirectory() as folder:
        # BentoML takes a template only below where it runs, and first copies it to where temporary files go.
        here = os.environ | {"TMPDIR": folder}
        run([*command, *(["--opt", f"network={network}"] if network else [])], folder=folder, environment=here)
    command = [engine, "build", "--file", ROOT / "deploy/container/site.Dockerfile", "--tag", f"{SITE}:{tag}"]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    run([*command, *([f"--network={network}"] if network else []), ROOT])


def push(engine: str, tag: str, registry: str) -> list[str]:
    """Push both images to a registry, and return their names there; raise EngineFailed if that fails."""
    names = []
    for image in IMAGES:
        name = f"{registry}/{image}:{tag}"
        run([engine, "tag", f"{image}:{tag}", name])
        run([engine, "push", name])
        names.append(name)
    return names

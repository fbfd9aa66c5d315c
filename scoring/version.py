"""The version of the command."""

import tomllib
from importlib import metadata
from pathlib import Path

_PROJECT = "music-genre-classifier"


def version() -> str:
    """Return the version of the installed project, or of the checkout that the code runs from."""
    try:
        return metadata.version(_PROJECT)
    except metadata.PackageNotFoundError:
        project = Path(__file__).resolve().parent.parent / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])

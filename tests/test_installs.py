"""What is installed, anywhere in the project: pinned, with hashes, and built by nobody."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
# Everything that may hold a command, but Python.
TEXTS = [
    *(path for path in ROOT.iterdir() if path.is_file()),
    *(path for folder in (".ci", "deploy", "docs") for path in (ROOT / folder).rglob("*") if path.is_file()),
    ROOT / "requirements" / "lock",
]
# The project itself, whose files are at hand, built by the setuptools that is pinned.
OWN = {"--no-deps", "--no-build-isolation", "--editable", "."}
# For those who want it beside packages of their own, the versions are theirs to choose.
FOR_USERS = re.compile(r"`pip install [^`]*\.[^`]*`")


def installs() -> dict[str, set[str]]:
    """Return the words of each command that installs packages of Python, by where it stands."""
    found = {}
    for path in TEXTS:
        # Pictures are among them.
        text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
        if path.suffix == ".md":
            text = FOR_USERS.sub("", text)
        for number, line in enumerate(text.splitlines()):
            for command in line.split("&&"):
                if re.search(r"\bpip3?\b.* install\b|\bpipx? install\b", command):
                    found[f"{path.relative_to(ROOT)}, command {number}"] = set(command.split())
    return found


def test_every_install_checks_hashes_and_resolves_nothing() -> None:
    commands = installs()
    assert len(commands) >= 7
    assert not [
        where
        for where, words in commands.items()
        if not words >= OWN and not words >= {"--require-hashes", "--no-deps", "-r"}
    ]


def test_what_goes_into_an_image_comes_as_a_wheel() -> None:
    """A package that is built at the installation is built by tools whose hashes nobody checks."""
    images = {where: words for where, words in installs().items() if "Dockerfile" in where}
    assert len(images) == 4
    assert not [where for where, words in images.items() if not words >= {"--only-binary", ":all:"}]


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: str(file.stem))
def test_every_requirement_is_pinned_with_a_hash(file: Path) -> None:
    requirements = [
        line for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines() if not line.startswith("#")
    ]
    assert requirements
    for requirement in requirements:
        assert re.match(r"[\w.-]+==[\w.]+[ ;].*--hash=sha256:[0-9a-f]{64}", requirement), requirement

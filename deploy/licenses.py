"""The licences of the packages in the images, one by one, from the packages' own metadata.

python -m deploy licenses --page docs/licenses.md
"""

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from inference.bundle import atomic_write

ROOT = Path(__file__).resolve().parents[1]
# The requirements of what is shipped -> what that is.
SHIPPED = {
    "serve": "The service: the image `music-genre-classifier`",
    "site": "The site: the image `music-genre-site`",
    "lambda": "On AWS Lambda: these beside those of the service, or of the site",
    "batch": "The command `genre-score`, which is in no image",
}
# Those whose metadata names none, and those that a machine may lack: from the licence file of each.
_BY_PACKAGE = {
    "async-timeout": "Apache-2.0",
    "audioop-lts": "PSF-2.0",
    "axe-playwright-python": "MIT",
    "babel": "BSD-3-Clause",
    "backrefs": "MIT",
    "colorama": "BSD-3-Clause",
    "ghp-import": "Apache-2.0",
    "markdown": "BSD-3-Clause",
    "mergedeep": "MIT",
    "mkdocs": "BSD-2-Clause",
    "mkdocs-get-deps": "MIT",
    "mkdocs-material": "MIT",
    "mkdocs-material-extensions": "MIT",
    "musicnn": "ISC",
    "namex": "Apache-2.0",
    "paginate": "MIT",
    "pymdown-extensions": "MIT",
    "pyyaml-env-tag": "MIT",
    "standard-aifc": "PSF-2.0",
    "standard-chunk": "PSF-2.0",
    "standard-sunau": "PSF-2.0",
    "tensorflow": "Apache-2.0",
    "watchdog": "Apache-2.0",
}
# What packages write in place of SPDX's identifiers.
_BY_TEXT = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    # Which of BSD's licences, such a package does not say.
    "bsd": "BSD",
    "bsd license": "BSD",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "zpl 2.1": "ZPL-2.1",
}
_SPDX = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_CLASSIFIER = "License :: OSI Approved :: "

_MARK = "<!-- What follows is written by `make licenses`. -->\n"


@dataclass(frozen=True)
class Package:
    """A package of Python as it is pinned, and its licence, an SPDX expression or the like."""

    name: str
    version: str
    licence: str


class UnknownLicence(ValueError):
    """A package of unknown licence; the message names it and the remedy."""


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `licenses`."""
    what = "list the licences of what is shipped, as Markdown"
    command = subparsers.add_parser("licenses", help=what, description=f"{what.capitalize()}.")
    command.add_argument("--page", type=Path, metavar="FILE", help="replace the tables in it; default: print them")
    command.set_defaults(run=_run)


def tables() -> str:
    """Return a table of packages and licences for each part that is shipped; raise UnknownLicence if one is missing."""
    parts = []
    for role, title in SHIPPED.items():
        rows = "".join(f"| {one.name} | {one.version} | {one.licence} |\n" for one in pinned(role))
        parts.append(f"## {title}\n\n| package | version | licence |\n|---|---|---|\n{rows}")
    return "\n".join(parts)


def pinned(role: str) -> list[Package]:
    """Return the packages in a file of requirements; raise UnknownLicence if the licence of one is not known."""
    text = (ROOT / "requirements" / f"{role}.txt").read_text(encoding="utf-8")
    return [
        Package(name, version, _licence_here(name)) for name, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.M)
    ]


def licence_of(name: str, expression: str | None, text: str | None, classifiers: Iterable[str]) -> str | None:
    """Return a package's licence by its metadata, None if that does not tell: License-Expression, License, Classifier.

    The fields stand in this order because the first is SPDX's and checked (PEP 639), and the last is the vaguest.
    """
    if name in _BY_PACKAGE:
        return _BY_PACKAGE[name]
    if expression:
        return expression
    given = (text or "").strip()
    if known := _BY_TEXT.get(given.lower().replace(", version", "")):
        return known
    if _SPDX.fullmatch(given):
        return given
    named = [one.removeprefix(_CLASSIFIER).lower() for one in classifiers if one.startswith(_CLASSIFIER)]
    return " OR ".join(_BY_TEXT[one] for one in named) if named and all(one in _BY_TEXT for one in named) else None


def _licence_here(name: str) -> str:
    """Return the licence of a package that is installed here, or known otherwise."""
    if name in _BY_PACKAGE:
        return _BY_PACKAGE[name]
    try:
        found = metadata(name)
    except PackageNotFoundError as error:
        raise UnknownLicence(f"{name} is not installed here: run `make licenses`, which has all packages.") from error
    expression, text = ((found.get_all(field) or [None])[0] for field in ("License-Expression", "License"))
    licence = licence_of(name, expression, text, found.get_all("Classifier") or [])
    if licence is None:
        raise UnknownLicence(
            f"The metadata of {name} names no licence. Read its file, and add it in deploy/licenses.py."
        )
    return licence


def _run(asked: argparse.Namespace) -> int:
    try:
        text = tables()
    except UnknownLicence as error:
        print(error, file=sys.stderr)
        return 1
    if asked.page:
        head, _, _ = asked.page.read_text(encoding="utf-8").partition(_MARK)
        atomic_write(asked.page, f"{head.rstrip()}\n\n{_MARK}\n{text}".encode())
    else:
        print(text, end="")
    return 0

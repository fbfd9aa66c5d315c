"""The commands `python -m deploy container build`, `push` and `sbom`."""

import argparse
import sys
from pathlib import Path

from deploy.container.engine import ENGINES, EngineFailed, find_engine
from deploy.container.images import IMAGES, build, push, version
from inference.bundle import atomic_write


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `container` and its commands."""
    commands = subparsers.add_parser("container", help="images of the service and the site").add_subparsers(
        required=True, metavar="COMMAND"
    )
    for run, what in (
        (_build, "make the images of the service and the site"),
        (_push, "push both to a registry"),
        (_sbom, "write the bill of materials of each, as CycloneDX"),
    ):
        command = commands.add_parser(run.__name__.strip("_"), help=what, description=f"{what.capitalize()}.")
        command.add_argument("--engine", choices=ENGINES, help="default: the first there is")
        command.add_argument("--tag", default=version(), help="of the images (default: %(default)s)")
        if run is _build:
            command.add_argument(
                "--base", metavar="IMAGE", help="to build on, a Debian with Python, such as python@sha256:..."
            )
            command.add_argument(
                "--network", help="of the engine, for what is installed at building; default: the engine's"
            )
        elif run is _push:
            command.add_argument("--registry", required=True, help="such as registry.example.org/team")
        else:
            command.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="default: this one")
        command.set_defaults(run=_guarded, part=run)


def _guarded(asked: argparse.Namespace) -> int:
    try:
        asked.part(find_engine(asked.engine), asked)
    except EngineFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _build(engine: str, asked: argparse.Namespace) -> None:
    build(engine, asked.tag, asked.base, asked.network)
    for image in IMAGES:
        print(f"{image}:{asked.tag}")


def _push(engine: str, asked: argparse.Namespace) -> None:
    for name in push(engine, asked.tag, asked.registry):
        print(name)


def _sbom(engine: str, asked: argparse.Namespace) -> None:
    # Only this command needs what it is written with.
    from deploy.container.sbom import bill_of_materials

    for image in IMAGES:
        file = asked.out / f"{image}.cdx.json"
        atomic_write(file, bill_of_materials(engine, f"{image}:{asked.tag}").encode())
        print(file)

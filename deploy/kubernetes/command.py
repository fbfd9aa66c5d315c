"""The command `python -m deploy kubernetes render`."""

import argparse
import re
import sys
from collections.abc import Callable

from deploy.kubernetes.render import OVERLAYS, SCALE, CannotRender, Wanted, render

RENDERED, FAILED, WRONG_USAGE = 0, 1, 2

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})+")
_REGISTRY = re.compile(rf"{_LABEL}(\.{_LABEL})*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `kubernetes render` to the commands of `python -m deploy`."""
    what = "Print the manifests of an overlay, with your images, host and namespace in them, for `kubectl apply -f -`."
    commands = subparsers.add_parser("kubernetes", help="manifests for Kubernetes").add_subparsers(required=True)
    parser = commands.add_parser("render", help="print the manifests", description=what)
    parser.add_argument("--overlay", choices=OVERLAYS, required=True)
    parser.add_argument(
        "--registry",
        type=_checked(_REGISTRY, "a registry, as registry.example.org/team"),
        help="where the images are, as registry.example.org/team",
    )
    parser.add_argument("--tag", type=_checked(_TAG, "a tag other than latest, as 0.2.0"), help="version of the images")
    parser.add_argument(
        "--host",
        type=_checked(_HOST, "a host name in small letters, as genres.example.org"),
        help="where everybody finds the site; one-machine without it is for localhost only",
    )
    parser.add_argument("--namespace", type=_checked(_NAMESPACE, "a namespace, as genres"))
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    if asked.overlay == SCALE and asked.host is None:
        print("The overlay scale is for everybody. Say where they find it: --host genres.example.org", file=sys.stderr)
        return WRONG_USAGE
    try:
        manifests = render(Wanted(asked.overlay, asked.registry, asked.tag, asked.host, asked.namespace))
    except CannotRender as error:
        print(error, file=sys.stderr)
        return FAILED
    print(manifests, end="")
    return RENDERED


def _checked(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not pattern.fullmatch(text):
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return text

    return checked

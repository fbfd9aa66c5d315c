"""The commands `python -m deploy aws plan`, `apply`, `status` and `destroy`.

The current state is read from AWS each time: there is no state file to lose. All resources bear tags, and what bears
none of theirs is never touched.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from deploy.aws import settings_check
from deploy.aws.bucket import Bucket
from deploy.aws.ecr import Image, Repository
from deploy.aws.endpoint import Api, Url
from deploy.aws.errors import DeployError, NameTaken, explain
from deploy.aws.function import Alias, Function
from deploy.aws.health import Unhealthy, check
from deploy.aws.plan import Resource, Step, make_plan, summary
from deploy.aws.role import LogGroup, Role
from deploy.aws.target import ALIAS, Settings, Target
from deploy.aws.trigger import Trigger

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction

_DONE, _FAILED, _STOPPED = 0, 1, 130
_NAMES = {"service": "music-genre-classifier", "site": "music-genre-site"}
# Those that CloudWatch Logs takes.
_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def add_commands(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Add `aws` and its commands."""
    aws = subparsers.add_parser("aws", help="the service, or the site, on AWS Lambda")
    commands = aws.add_subparsers(required=True, metavar="COMMAND")
    for run, what in (
        (plan, "show what apply would do"),
        (apply, "create missing and update changed resources; a new version is served once it answers"),
        (status, "show the current state, whether it matches apply's options, and whether it answers"),
        (destroy, "remove the resources that apply created, after asking"),
    ):
        command = commands.add_parser(run.__name__, help=what, description=f"{what.capitalize()}.")
        _add_place(command)
        if run is destroy:
            command.add_argument("--yes", action="store_true", help="do not ask")
        else:
            _add_settings(command, needs_image=run is not status)
        command.set_defaults(run=_guarded(run))


def plan(asked: "Namespace") -> int:
    """Show the steps of apply; raise DeployError if it would refuse."""
    _show_plan(_Deployment(asked))
    return _DONE


def apply(asked: "Namespace") -> int:
    """Create missing and update changed resources, after showing the plan."""
    deployment = _Deployment(asked)
    for step in _show_plan(deployment):
        if step.action == "unchanged":
            continue
        if step.action == "remove":
            step.resource.remove()
        else:
            # What came before may have taken minutes.
            step.resource.change(step.resource.read())
        _say(f"done: {step.action} {step.resource.name}")
    _say(f"The {deployment.what} is at {deployment.address()}")
    return _DONE


def status(asked: "Namespace") -> int:
    """Show the current state, whether it is the desired one, and whether it answers; fail if not."""
    deployment = _Deployment(asked)
    steps = deployment.plan()
    _show(steps)
    version = deployment.alias.version()
    if version is None:
        _say("Nothing is served.")
        return _FAILED
    _say(f"version   {version['Configuration']['Version']}, by the alias {ALIAS}")
    _say(f"image     {version['Code']['ResolvedImageUri'].rpartition('@')[2]}")
    _say(f"modified  {version['Configuration']['LastModified']}")
    _say(f"address   {deployment.address() or 'none'}")
    try:
        well = check(deployment.target, ALIAS)
    except Unhealthy as problem:
        _say(f"health    {problem}")
        return _FAILED
    _say(f"health    {well}")
    return _DONE if all(step.action == "unchanged" for step in steps) else _FAILED


def destroy(asked: "Namespace") -> int:
    """Remove the resources of this deployment, and nothing else, after asking."""
    deployment = _Deployment(asked)
    going: list[Resource] = []
    for resource in reversed(deployment.everything):
        try:
            if resource.read() is not None:
                going.append(resource)
        except NameTaken:
            _say(f"= not of this deployment, stays: {resource.name}")
    if not going:
        _say("There is nothing to remove.")
        return _DONE
    for resource in going:
        within = f" with {deployment.bucket.contents()}" if resource is deployment.bucket else ""
        _say(f"- remove {resource.name}{within}")
    if not asked.yes:
        print("Remove all of this permanently? Type yes: ", end="", flush=True)
        if sys.stdin.readline().strip() != "yes":
            _say("Nothing is removed.")
            return _FAILED
    for resource in going:
        resource.remove()
        _say(f"done: remove {resource.name}")
    return _DONE


class _Deployment:
    """All that a deployment is made of, in the order in which it is made."""

    def __init__(self, asked: "Namespace") -> None:
        options = dict(vars(asked))
        where = options.pop("region"), options.pop("profile"), options.pop("endpoint_url")
        known = {key: value for key, value in options.items() if key in Settings.__dataclass_fields__}
        known["origins"] = tuple(known.get("origins", ()))
        self.what = "site" if known["site"] else "service"
        known["name"] = known["name"] or _NAMES[self.what]
        self.target = Target(Settings(**known), *where)
        given = self.target.settings.image
        image = Image(self.target, given) if given else None
        repository = Repository(self.target, image)
        self.bucket = Bucket(self.target)
        function = Function(self.target, image)
        self.alias = Alias(self.target, function)
        self._url = Url(self.target, function)
        self._api = Api(self.target)
        trigger = Trigger(self.target, self.bucket)
        self.everything: list[Resource] = [repository, self.bucket, Role(self.target), LogGroup(self.target)]
        self.everything += [function, self.alias, self._url, self._api, trigger]
        # An image that is in ECR already needs no repository of ours.
        unused: list[Resource] = [] if image and image.local else [repository]
        unused += [self.bucket, trigger] if known["site"] else []
        self._used = [resource for resource in self.everything if resource not in unused]

    def plan(self) -> list[Step]:
        """Return the steps to be done."""
        return make_plan(self._used)

    def address(self) -> str | None:
        """Return where it answers, None if nowhere."""
        return self._url.address() or self._api.address()


def _guarded(run: Callable[["Namespace"], int]) -> Callable[["Namespace"], int]:
    """Return a command that reports its error in one line."""

    def guarded(asked: "Namespace") -> int:
        try:
            return run(asked)
        except KeyboardInterrupt:
            print("Stopped. The same command goes on from there.", file=sys.stderr)
            return _STOPPED
        except DeployError as error:
            print(error, file=sys.stderr)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            print(explain(error), file=sys.stderr)
        return _FAILED

    return guarded


def _add_place(parser: "ArgumentParser") -> None:
    parser.add_argument("--site", action="store_true", help="the web site, in place of the service")
    parser.add_argument("--name", type=_name, help=f"of all (default: {_NAMES['service']}, or {_NAMES['site']})")
    parser.add_argument("--region", help="default: AWS_DEFAULT_REGION, or the profile's")
    parser.add_argument("--profile", help="of the credentials in ~/.aws")
    parser.add_argument("--endpoint-url", metavar="URL", help="where AWS's protocols are spoken, if not at AWS")


def _add_settings(parser: "ArgumentParser", *, needs_image: bool) -> None:
    add, default = parser.add_argument, Settings(name="")
    add("--image", required=needs_image, help="one of this machine, which is pushed, or the URI of one in ECR")
    add("--memory", dest="memory_mb", type=_between(128, 10_240), metavar="MB", help="1769, the default, is one core")
    add("--timeout", dest="timeout_seconds", type=_between(1, 900), metavar="SECONDS", help="of a call (default: 60)")
    add("--concurrency", type=_between(1, 10_000), metavar="CALLS", help="the most at once, set aside for this alone")
    add("--retention-days", type=int, choices=_RETENTION_DAYS, metavar="DAYS", help="of the log (default: 30)")
    add("--http", choices=("url", "api"), help="a function URL (the default), or an HTTP API: 30 seconds a call")
    add("--auth", choices=("public", "iam"), help="who may call: everybody (the default), or whom IAM allows")
    add(
        "--cors-origin",
        dest="origins",
        type=_origin,
        action="append",
        metavar="https://HOST",
        help="a web site whose pages may call; can be repeated",
    )
    add("--architecture", choices=("x86_64", "arm64"), help="of the image (default: x86_64)")
    add("--environment", type=_environment, metavar="FILE", help="of the function: NAME=VALUE a line, as for Docker")
    parser.set_defaults(**vars(default) | {"name": None, "origins": []})


def _name(text: str) -> str:
    # The strictest of what ECR, S3 (where account and region follow), IAM and Lambda take.
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", text) or not 3 <= len(text) <= 32:
        raise argparse.ArgumentTypeError(
            f"must be 3 to 32 small letters and digits, a letter first, with single hyphens between, not {text!r}"
        )
    return text


def _origin(text: str) -> str:
    if text != "*" and not re.fullmatch(r"https?://[^/\s]+", text):
        raise argparse.ArgumentTypeError(f"must be like https://songs.example, without a path, or *, not {text!r}")
    return text


def _environment(path: str) -> dict[str, str]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"cannot be read: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.partition("=")
        if not line.strip() or line.startswith("#"):
            continue
        # Not the line: it may hold a secret.
        if not equals or not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
            raise argparse.ArgumentTypeError(f"line {number} of {path} must be like NAME=VALUE")
        found[name] = value
    return found


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be from {least} to {most}, not {text}")
        return int(text)

    return number


def _show_plan(deployment: _Deployment) -> list[Step]:
    """Show the steps and warnings; raise DeployError for settings that would not work."""
    steps = deployment.plan()
    _show(steps)
    for warning in settings_check.warnings(deployment.target.settings):
        print(warning, file=sys.stderr)
    settings_check.check(deployment.target.settings)
    return steps


def _show(steps: list[Step]) -> None:
    for step in steps:
        _say(step.line())
    _say(summary(steps))


def _say(line: str) -> None:
    print(line, flush=True)

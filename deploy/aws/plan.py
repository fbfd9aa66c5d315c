"""The current state, the desired state, and the steps between them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# What something in AWS is, by the names that people read.
State = Mapping[str, str | int | None]
OTHER = "something else"
_SHOWN_CHARACTERS = 100
_DIGEST_CHARACTERS = len("sha256:") + 12


class Resource(Protocol):
    """One thing in AWS that a deployment is made of."""

    @property
    def name(self) -> str:
        """Its kind and its name."""

    def wanted(self) -> State | None:
        """Return the desired state, None for absent."""

    def read(self) -> State | None:
        """Return the current state, None if it does not exist; raise NameTaken if it is not of this deployment."""

    def change(self, found: State | None) -> None:
        """Create or update it, given the current state."""

    def remove(self) -> None:
        """Remove it. Interrupted anywhere, it can be read and removed again."""


@dataclass(frozen=True)
class Step:
    """A resource with its current and its desired state."""

    resource: Resource
    found: State | None
    wanted: State | None

    @property
    def changes(self) -> list[str]:
        """The differences, for people to read."""
        found, wanted = self.found or {}, self.wanted or {}
        differing = {field: value for field, value in wanted.items() if found.get(field) != value}
        return [f"{field}: {_shown(found.get(field))} → {_shown(value)}" for field, value in differing.items()]

    @property
    def action(self) -> str:
        """The step to be done: "create", "change", "remove", or "unchanged"."""
        if self.found is None:
            return "create"
        if self.wanted is None:
            return "remove"
        return "change" if self.changes else "unchanged"

    def line(self) -> str:
        """Return it as people read it."""
        details = self.changes if self.action == "change" else []
        if self.action == "create" and self.wanted:
            details = [f"{field}: {_shown(value)}" for field, value in self.wanted.items()]
        sign = {"create": "+", "change": "~", "remove": "-", "unchanged": "="}[self.action]
        return f"{sign} {self.action} {self.resource.name}" + (f" ({', '.join(details)})" if details else "")


def make_plan(resources: Iterable[Resource]) -> list[Step]:
    """Return the steps from the current to the desired state, in order."""
    steps = [Step(resource, resource.read(), resource.wanted()) for resource in resources]
    steps = [step for step in steps if step.found is not None or step.wanted is not None]
    # Nothing goes before what takes its place is there.
    return sorted(steps, key=lambda step: step.action == "remove")


def summary(steps: Sequence[Step]) -> str:
    """Return the number of steps of each kind."""
    counts = Counter(step.action for step in steps)
    doing = ", ".join(f"{counts[action]} to {action}" for action in ("create", "change", "remove"))
    return f"{doing}, {counts['unchanged']} unchanged."


def _shown(value: str | int | None) -> str:
    text = "none" if value in (None, "") else str(value)
    most = _DIGEST_CHARACTERS if text.startswith("sha256:") else _SHOWN_CHARACTERS
    return text if len(text) <= most else f"{text[:most]}…"

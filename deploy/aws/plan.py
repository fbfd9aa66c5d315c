"""What is there, what is wanted, and so what is to be done."""

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
        """Return what it is to be, None for not to be there."""

    def read(self) -> State | None:
        """Return what it is, None if it is not there; raise NameTaken if it is not of this deployment."""

    def change(self, found: State | None) -> None:
        """Make it what it is to be, from what it is."""

    def remove(self) -> None:
        """Remove it. Interrupted anywhere, it can be read and removed again."""


@dataclass(frozen=True)
class Step:
    """A resource, what of it is there, and what is wanted."""

    resource: Resource
    found: State | None
    wanted: State | None

    @property
    def changes(self) -> list[str]:
        """What differs, as people read it."""
        found, wanted = self.found or {}, self.wanted or {}
        differing = {field: value for field, value in wanted.items() if found.get(field) != value}
        return [f"{field}: {_shown(found.get(field))} → {_shown(value)}" for field, value in differing.items()]

    @property
    def action(self) -> str:
        """What is to be done: "create", "change", "remove" or nothing, "unchanged"."""
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
    """Return the steps that lead from what is there to what is wanted, in their order."""
    steps = [Step(resource, resource.read(), resource.wanted()) for resource in resources]
    steps = [step for step in steps if step.found is not None or step.wanted is not None]
    # Nothing goes before what takes its place is there.
    return sorted(steps, key=lambda step: step.action == "remove")


def summary(steps: Sequence[Step]) -> str:
    """Return how many steps do what."""
    counts = Counter(step.action for step in steps)
    doing = ", ".join(f"{counts[action]} to {action}" for action in ("create", "change", "remove"))
    return f"{doing}, {counts['unchanged']} unchanged."


def _shown(value: str | int | None) -> str:
    text = "none" if value in (None, "") else str(value)
    most = _DIGEST_CHARACTERS if text.startswith("sha256:") else _SHOWN_CHARACTERS
    return text if len(text) <= most else f"{text[:most]}…"

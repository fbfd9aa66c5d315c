"""The result of an attack or a fault: a row of `docs/reliability.md`."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Result:
    """An attack, the number of tries and the result; `passed` is None where this machine cannot run it."""

    attack: str
    tries: int
    result: str
    passed: bool | None
    command: str

    def row(self) -> str:
        """Return a row of a Markdown table: attack or fault, tries, result, command."""
        verdict = {True: "", False: "**Failed:** ", None: "Not tried: "}[self.passed]
        return f"| {self.attack} | {self.tries:,} | {verdict}{self.result} | `{self.command}` |"

    def line(self) -> str:
        """Return the same as a line of JSON."""
        return json.dumps(asdict(self))


HEAD = "| attack or fault | tries | result | command |\n|---|---|---|---|"

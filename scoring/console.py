"""Messages of a run on standard error, and its results on standard output."""

import sys
from dataclasses import dataclass

from tqdm import tqdm

from scoring.writing import standard_output


@dataclass(frozen=True)
class Console:
    """Writes lines, above the bar of a run if there is one; `quiet` leaves out all messages but errors."""

    quiet: bool = False

    @property
    def has_bar(self) -> bool:
        """Whether progress is a bar on a terminal, not lines in a log."""
        return not self.quiet and sys.stderr.isatty()

    def say(self, line: str) -> None:
        """Write a message."""
        if not self.quiet:
            tqdm.write(line, file=sys.stderr)

    def error(self, line: str) -> None:
        """Write an error."""
        tqdm.write(line, file=sys.stderr)

    def result(self, line: str) -> None:
        """Write a result; raise WriteFailed if nobody reads it."""
        with standard_output():
            tqdm.write(line, file=sys.stdout)

"""When the work on a song must stop: its time is over, or nobody waits for the answer any longer."""

import math
from time import monotonic


class OutOfTime(RuntimeError):
    """The deadline of the work on a song has passed."""


class Deadline:
    """The time for a song; whoever works on it in a loop calls `check` once per round.

    One thread may cancel it while another works.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._ends = monotonic() + seconds

    def seconds_left(self) -> float:
        """Return how many seconds are left: 0 if the deadline has passed or is cancelled, infinity without a limit."""
        return max(0.0, self._ends - monotonic())

    def cancel(self) -> None:
        """Let the deadline pass now."""
        self._ends = -math.inf

    def check(self) -> None:
        """Raise OutOfTime if the deadline has passed."""
        if monotonic() >= self._ends:
            raise OutOfTime("The time for this song is over.")


NO_DEADLINE = Deadline()

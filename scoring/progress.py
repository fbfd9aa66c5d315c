"""How far a run is: a bar on a terminal, a line now and then in a log."""

import sys
from time import monotonic

from tqdm import tqdm

from scoring.row import Row

_LINE_SECONDS = 30.0


class Progress:
    """Files and hours of sound a second, and the time left, of a run over `total` files, `done` of them before."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._before = total, done
        self._files, self._audio_seconds = 0, 0.0
        self._began = self._said = monotonic()
        self._bar = tqdm(total=total, initial=done, unit="file", disable=not sys.stderr.isatty())

    def add(self, row: Row) -> None:
        """Count a file."""
        self._files += 1
        self._audio_seconds += row.duration_seconds or 0.0
        now = monotonic()
        if not self._bar.disable:
            self._bar.set_postfix_str(f"{self._hours(now):.2f} h of audio/s", refresh=False)
            self._bar.update()
        elif now - self._said >= _LINE_SECONDS:
            self._said = now
            self.say()

    def say(self) -> None:
        """Write a line that says how far it is."""
        now = monotonic()
        pace = self._files / max(now - self._began, 1e-9)
        left = self._total - self._before - self._files
        line = f"{self._before + self._files} of {self._total} files"
        if self._files:
            line += f", {pace:.1f} files/s, {self._hours(now):.2f} hours of audio/s"
            line += f", {tqdm.format_interval(left / pace)} left" if left else ""
        tqdm.write(line, file=sys.stderr)

    def close(self) -> None:
        """Leave the bar as it is; in a log, say where it ends."""
        self._bar.close()
        if self._bar.disable:
            self.say()

    def _hours(self, now: float) -> float:
        return self._audio_seconds / 3600 / max(now - self._began, 1e-9)

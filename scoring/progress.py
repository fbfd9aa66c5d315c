"""The progress of a run: a bar on a terminal, a line now and then in a log."""

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from tqdm import tqdm

from scoring.console import Console
from scoring.row import Row

_LINE_SECONDS = 30.0

Item = TypeVar("Item")


def counted(items: Iterable[Item], what: str, console: Console, total: int | None = None) -> Iterator[Item]:
    """Yield items, and show how many files there were so far."""
    said = monotonic()
    with tqdm(desc=what, total=total, unit=" files", leave=False, disable=not console.has_bar) as bar:
        for number, item in enumerate(items, 1):
            yield item
            bar.update()
            if not console.has_bar and monotonic() - said >= _LINE_SECONDS:
                said = monotonic()
                console.say(f"{what}: {number} files so far")


class Progress:
    """Files and hours of sound per second, and the time left, of a run over `total` files, `done` of them before."""

    def __init__(self, total: int, done: int, console: Console) -> None:
        self._total, self._before = total, done
        self._console = console
        self._files, self._audio_seconds = 0, 0.0
        self._began = self._said = monotonic()
        self._bar = tqdm(total=total, initial=done, unit="file", disable=not console.has_bar)

    def add(self, row: Row) -> None:
        """Count a file."""
        self._files += 1
        self._audio_seconds += row.duration_seconds or 0.0
        now = monotonic()
        if self._console.has_bar:
            self._bar.set_postfix_str(f"{self._hours(now):.2f} h of audio/s", refresh=False)
            self._bar.update()
        elif now - self._said >= _LINE_SECONDS:
            self._said = now
            self.say()

    def say(self) -> None:
        """Write a line with the files done and the time left."""
        now = monotonic()
        pace = self._files / max(now - self._began, 1e-9)
        left = self._total - self._before - self._files
        line = f"{self._before + self._files} of {self._total} files"
        if self._files:
            line += f", {pace:.1f} files/s, {self._hours(now):.2f} hours of audio/s"
            line += f", {tqdm.format_interval(left / pace)} left" if left else ""
        self._console.say(line)

    def close(self) -> None:
        """Leave the bar as it is; in a log, write the last line."""
        self._bar.close()
        if not self._console.has_bar:
            self.say()

    def _hours(self, now: float) -> float:
        return self._audio_seconds / 3600 / max(now - self._began, 1e-9)

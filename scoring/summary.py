"""The summary of a run, counted row by row: for its last lines and for its report."""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from scoring.row import Row
from scoring.selection import Selection

# Of the confidence, from 0 to 1.
BINS = 20
_LISTED = 50
_MOST_ERRORS = 1000


@dataclass
class Summary:
    """Counts of rows, `genres` of those with one; the rows of the least certain files, and of errors, are listed.

    `confidence` has the number of answers in each of 20 parts of the way from 0 to 1. Of errors, the first thousand
    are listed. `selection` has counted the files skipped in folders.
    """

    selection: Selection = field(default_factory=Selection)
    files: int = 0
    not_sure: int = 0
    audio_seconds: float = 0.0
    genres: Counter[str] = field(default_factory=Counter)
    error_kinds: Counter[str] = field(default_factory=Counter)
    confidence: list[int] = field(default_factory=lambda: [0] * BINS)
    least_certain: list[Row] = field(default_factory=list)
    errors: list[Row] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """The number of files with an error."""
        return self.error_kinds.total()

    def lines(self) -> list[str]:
        """Return the last lines of a run."""
        answered = self.files - self.failed
        lines = [f"{self.files} files, {self.audio_seconds / 3600:.1f} hours of audio"]
        lines += [f"  {genre}: {count} ({count / answered:.1%})" for genre, count in self.genres.most_common()]
        if answered:
            lines.append(f"  not sure: {self.not_sure} ({self.not_sure / answered:.1%})")
        lines += [f"  {kind}: {count}, an error" for kind, count in self.error_kinds.most_common()]
        return lines + self.selection.lines()


def summarise(rows: Iterable[Row], selection: Selection | None = None) -> Summary:
    """Return the summary of rows, which are read once."""
    summary = Summary(selection or Selection())
    least: list[tuple[float, str, Row]] = []
    for row in rows:
        summary.files += 1
        if row.confidence is None:
            summary.error_kinds[row.error_kind or ""] += 1
            if len(summary.errors) < _MOST_ERRORS:
                summary.errors.append(row)
            continue
        summary.audio_seconds += row.duration_seconds or 0.0
        summary.confidence[min(int(row.confidence * BINS), BINS - 1)] += 1
        if row.genre is None:
            summary.not_sure += 1
        else:
            summary.genres[row.genre] += 1
        # A heap of the least certain, the most certain of them first.
        entry = (-row.confidence, row.path, row)
        if len(least) < _LISTED:
            heapq.heappush(least, entry)
        else:
            heapq.heappushpop(least, entry)
    summary.least_certain = [row for *_, row in sorted(least, key=lambda entry: (-entry[0], entry[1]))]
    return summary

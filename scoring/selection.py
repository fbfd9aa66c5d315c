"""Which of the files in folders and buckets are taken, and how many are left out for which reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import accumulate
from pathlib import PurePosixPath

from features.music_folders import is_companion, is_ignored_folder, is_song
from scoring.addresses import one_line

_COMPANION = "companion files of macOS (._*)"
_EXCLUDED, _NOT_INCLUDED = "files and folders by --exclude", "songs that no --include matches"


@dataclass(frozen=True)
class Selection:
    """The songs to take: those that match a pattern of `include`, if there is one, and none of `exclude`.

    Patterns are those of a shell (*, ?, [a-z]), for paths relative to the source; * matches / as well. One without /
    also matches the name of a file or a folder at any depth, and one that matches a folder matches all in it.
    `left_out` counts skipped files and folders, by reason.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    left_out: Counter[str] = field(default_factory=Counter)

    def takes_folder(self, path: str) -> bool:
        """Return whether a folder, by its path relative to the source, may hold songs to take; count it if not."""
        name = PurePosixPath(path).name
        if is_ignored_folder(name):
            return self._leave_out(f"folders {name}")
        return not _matches(path, self.exclude) or self._leave_out(_EXCLUDED)

    def takes_file(self, path: str) -> bool:
        """Return whether a file, by its path relative to the source, is a song to take; count a song if not."""
        name = PurePosixPath(path).name
        if is_companion(name):
            return self._leave_out(_COMPANION)
        if not is_song(name):
            return False
        if _matches(path, self.exclude):
            return self._leave_out(_EXCLUDED)
        return not self.include or _matches(path, self.include) or self._leave_out(_NOT_INCLUDED)

    def takes_object(self, path: str) -> bool:
        """Return whether an object in a bucket, by its key relative to the source, is a song to take."""
        for folder in PurePosixPath(path).parent.parts:
            if is_ignored_folder(folder):
                return self._leave_out(f"files in folders {folder}")
        return self.takes_file(path)

    def lines(self) -> list[str]:
        """Return a line about skipped files, if there is any."""
        counts = [f"{one_line(reason)}: {count}" for reason, count in sorted(self.left_out.items())]
        return [f"Left out: {', '.join(counts)}."] if counts else []

    def _leave_out(self, reason: str) -> bool:
        self.left_out[reason] += 1
        return False


def _matches(path: str, patterns: Sequence[str]) -> bool:
    """Return whether a pattern matches a path or one of the folders that it is in."""
    if not patterns:
        return False
    parts = path.split("/")
    paths = list(accumulate(parts, "{}/{}".format))
    return any(
        fnmatchcase(tried, pattern.rstrip("/"))
        for pattern in patterns
        for tried in (paths if "/" in pattern.rstrip("/") else [*paths, *parts])
    )

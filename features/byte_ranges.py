"""Some ranges of a file, read as a file of their own."""

import io
import os
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np


class ByteRanges(io.RawIOBase):
    """The bytes of some ranges of a file, one range after the other."""

    def __init__(self, file: BinaryIO, ranges: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self._file = file
        self._starts = np.array([start for start, _ in ranges])
        self._ends = np.cumsum([end - start for start, end in ranges])
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the position among the bytes of the ranges, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: int(self._ends[-1])}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """Return the position among the bytes of the ranges."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read bytes of one range into a buffer, and return how many; 0 at the end."""
        index = int(np.searchsorted(self._ends, self._position, side="right"))
        if index == len(self._ends):
            return 0
        before = int(self._ends[index - 1]) if index else 0
        self._file.seek(int(self._starts[index]) + self._position - before)
        content = self._file.read(min(len(buffer), int(self._ends[index]) - self._position))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

"""A reverse binary delta: the old bytes of a file from its new ones, small if they differ in few places.

Both are in memory whole. Comparing them slice by slice leaves the work to the C library: some 100 MB per second.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Long enough to be found by chance nowhere but in silence and padding, where a chance find does no harm.
_ANCHOR_BYTES = 32
_SMALLEST_STEP_BYTES = 16
# How far what follows a tag moves when the tag grows: mutagen leaves a thousandth of the file as room in it.
_WINDOW_BYTES = 1 << 20
_FIRST_SLICE_BYTES = 1 << 10
_HEAD = struct.Struct("<QQQ")


@dataclass(frozen=True)
class Piece:
    """A piece of the old bytes: `literal`, then `length` bytes that stand at `offset` in the new ones."""

    literal: bytes
    offset: int
    length: int


def difference(old: bytes, new: bytes) -> list[Piece]:
    """Return the pieces that `apply` makes the old bytes of, given the new ones."""
    pieces = []
    done = at = 0
    while done < len(old):
        start, at = _meeting(old, done, new, at)
        length = _common_length(old, start, new, at)
        pieces.append(Piece(old[done:start], at, length))
        done, at = start + length, at + length
    return pieces


def apply(pieces: Iterable[Piece], new: bytes) -> bytes:
    """Return the old bytes."""
    return b"".join(piece.literal + new[piece.offset : piece.offset + piece.length] for piece in pieces)


def pack(pieces: Iterable[Piece]) -> bytes:
    """Return the pieces as bytes, which `unpack` reads back."""
    heads = ((_HEAD.pack(len(piece.literal), piece.offset, piece.length), piece.literal) for piece in pieces)
    return zlib.compress(b"".join(head + literal for head, literal in heads), 9)


def unpack(packed: bytes) -> Iterator[Piece]:
    """Yield the bytes that `pack` packed; raise ValueError if they are damaged."""
    try:
        content = zlib.decompress(packed)
        position = 0
        while position < len(content):
            literal_bytes, offset, length = _HEAD.unpack_from(content, position)
            position += _HEAD.size + literal_bytes
            yield Piece(content[position - literal_bytes : position], offset, length)
    except (struct.error, zlib.error) as error:
        raise ValueError("The difference is damaged.") from error


def _meeting(old: bytes, done: int, new: bytes, at: int) -> tuple[int, int]:
    """Return where old and new run alike again: the first place in each, from `done` on in old.

    That is the end of old, and 0 in new, if they do not.
    """
    skipped = 0
    while (start := done + skipped) + _ANCHOR_BYTES <= len(old):
        anchor = old[start : start + _ANCHOR_BYTES]
        found = new.find(anchor, at, at + skipped + _WINDOW_BYTES)
        if found < 0:
            found = new.rfind(anchor, max(0, at - _WINDOW_BYTES), at)
        if found >= 0:
            while start > done and found > 0 and old[start - 1] == new[found - 1]:
                start, found = start - 1, found - 1
            return start, found
        # What is gone altogether is passed over in ever longer steps: a picture must not take a minute.
        skipped += max(_SMALLEST_STEP_BYTES, skipped // 8)
    return len(old), 0


def _common_length(old: bytes, start: int, new: bytes, at: int) -> int:
    """Return how many bytes are alike from there on: in growing slices until two differ, then by halves."""
    longest = min(len(old) - start, len(new) - at)
    length, size = 0, _FIRST_SLICE_BYTES
    while length < longest and _alike(old, start + length, new, at + length, size):
        length, size = length + size, 2 * size
    while length < longest and (size := size // 2):
        if _alike(old, start + length, new, at + length, size):
            length += size
    return min(length, longest)


def _alike(old: bytes, start: int, new: bytes, at: int, size: int) -> bool:
    return old[start : start + size] == new[at : at + size]

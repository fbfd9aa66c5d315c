"""Files made from good ones by a random change, the same for the same generator."""

import re
from collections.abc import Callable, Sequence

import numpy as np

# What fields of sizes, rates and counts overflow at.
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
_HEADER_BYTES = 512
# Names of chunks, atoms and boxes.
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9 ]{3}")

Change = Callable[[bytearray, np.random.Generator, Sequence[bytes]], bytearray]


def mutate(content: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """Return a file with one to three changes; pieces of other files come into it."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        change = CHANGES[rng.integers(len(CHANGES))]
        changed = change(changed, rng, others) if len(changed) > 1 else changed
    return bytes(changed)


def _flip_bits(content: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    for _bit in range(int(2 ** rng.uniform(0, 8))):
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    return content


def _truncate(content: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    cut = int(rng.integers(1, len(content)))
    return content[:cut] if rng.random() < 0.8 else content[cut:]


def _splice(content: bytearray, rng: np.random.Generator, others: Sequence[bytes]) -> bytearray:
    other = others[int(rng.integers(len(others)))]
    return content[: rng.integers(len(content))] + other[rng.integers(len(other)) :]


def _edit_header(content: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    return _put_number(content, int(rng.integers(min(len(content), _HEADER_BYTES))), rng)


def _edit_size(content: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    """Change the number before or after the name of a chunk."""
    names = [match.start() for match in _NAME.finditer(content, 0, 8 * _HEADER_BYTES)]
    if not names:
        return content
    return _put_number(content, max(0, names[rng.integers(len(names))] + int(rng.choice([-8, -4, 4, 8]))), rng)


def _put_number(content: bytearray, at: int, rng: np.random.Generator) -> bytearray:
    width = int(rng.choice([1, 2, 4, 8]))
    number = _EXTREMES[rng.integers(len(_EXTREMES))] if rng.random() < 0.7 else int(rng.integers(2**62))
    content[at : at + width] = (number % 256**width).to_bytes(width, "little" if rng.random() < 0.5 else "big")
    return content


def _repeat_piece(content: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    begin, end = _piece(content, rng)
    return content[:end] + content[begin:end] * int(rng.integers(1, 4)) + content[end:]


def _drop_piece(content: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    begin, end = _piece(content, rng)
    return content[:begin] + content[end:]


def _blank_piece(content: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    begin, end = _piece(content, rng)
    content[begin:end] = bytes([int(rng.choice([0, 0xFF]))]) * (end - begin)
    return content


def _insert_noise(content: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    at = int(rng.integers(len(content)))
    return content[:at] + rng.bytes(int(2 ** rng.uniform(0, 16))) + content[at:]


def _piece(content: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    """Return where a piece begins and ends: short ones are as likely as long ones."""
    begin = int(rng.integers(len(content)))
    return begin, min(len(content), begin + int(2 ** rng.uniform(0, 17)))


CHANGES: tuple[Change, ...] = (
    _flip_bits,
    _truncate,
    _splice,
    _edit_header,
    _edit_size,
    _repeat_piece,
    _drop_piece,
    _blank_piece,
    _insert_noise,
)

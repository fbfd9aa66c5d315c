"""An audio file while it is decoded, and the errors of decoding."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.container import MISSING_TOLERANCE

# Samples of all channels in a block.
BLOCK_SAMPLES = 1 << 18
# A header may count the samples with which an encoder fills its first and last frame, two of 2,048 at most.
_PADDING_SECONDS = 0.1

Block = NDArray[np.float32]


class UnreadableAudio(ValueError):
    """The input is not sound that can be classified; the message has the fault and the remedy."""


@dataclass(frozen=True)
class PartReader:
    """The parts of an open file, to be read in the order of time.

    `samples` is the length of the file. `read` takes where a part starts and how many samples it has, and returns its
    blocks, float32 of shape (channels, samples), in all fewer samples where the file ends before.
    """

    samples: int
    read: Callable[[int, int], Iterator[Block]]


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Channels:
    """An open audio file, decoded as it is read.

    `blocks` yields float32 arrays of shape (channels, samples) and can be gone through once; it raises UnreadableAudio
    where the file turns out to be damaged or cut short. `complete` is as in `Container`. In place of going through
    `blocks`, one of two may be called: `seek` returns a reader that decodes little beside the parts, or None for a file
    of which every sample must be decoded to know where it is; `count` returns its length in samples by the times of its
    packets, or None if these do not tell.
    """

    sample_rate_hz: int
    channels: int
    complete: bool | None
    blocks: Iterator[Block]
    seek: Callable[[], PartReader | None] = _nothing
    count: Callable[[], int | None] = _nothing


def cut(blocks: Iterator[Block], skipped: int, samples: int) -> Iterator[Block]:
    """Yield so many samples of blocks, shape (channels, samples), behind those that are skipped."""
    position = -skipped
    for block in blocks:
        part = block[:, max(0, -position) : samples - position]
        position += block.shape[1]
        if part.shape[1]:
            yield part
        if position >= samples:
            return


def check_complete(decoded: int, stated: int, rate: int) -> None:
    """Raise UnreadableAudio if fewer samples were decoded than a header states, and than is tolerated."""
    if decoded < (1 - MISSING_TOLERANCE) * stated - _PADDING_SECONDS * rate:
        raise UnreadableAudio(
            f"The file is damaged or cut short: it states {stated / rate:.2f} seconds of sound and has "
            f"{decoded / rate:.2f}. Use a whole copy of it."
        )


def damaged(seconds: float) -> UnreadableAudio:
    """Return the error for a file that cannot be decoded behind so many seconds."""
    return UnreadableAudio(
        f"The file is damaged or cut short: {seconds:.1f} seconds of sound can be decoded. Use a whole copy of it."
    )


def not_audio() -> UnreadableAudio:
    """Return the error for a file that no decoder knows."""
    return UnreadableAudio(
        "The file is cut short, or not audio in a format that can be read. "
        "Use a whole WAV, AIFF, FLAC, MP3, Ogg, Opus, M4A, WMA or WebM file."
    )

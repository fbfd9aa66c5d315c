"""The parts of a song that are heard: all of it, or excerpts spread over it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np

from features.decoded import BLOCK_SAMPLES, Block, Channels, PartReader, check_complete
from features.settings import EXCERPT_SECONDS

# Which sample a part of a song begins with, and its blocks, float32 of shape (channels, samples).
Part = tuple[int, Iterator[Block]]


@dataclass(frozen=True)
class Parts:
    """The parts of an open file that are heard, to be read in their order.

    `samples` is the length of the song, or None where all of it is heard, and counted by whoever does.
    """

    channels: Channels
    samples: int | None
    parts: Iterator[Part]


@contextmanager
def open_parts(open_channels: Callable[[], AbstractContextManager[Channels]], excerpts: int) -> Iterator[Parts]:
    """Open a song to be heard in so many excerpts, or whole if they are 0 or the song is no longer than they are.

    `open_channels` opens the file, each time from its beginning. One that cannot be read from the middle is decoded to
    its end for its excerpts, and once before for its length if its packets do not tell that. The parts raise
    UnreadableAudio if the file turns out to be damaged.
    """
    if excerpts:
        with open_channels() as channels:
            reader = channels.seek()
            if reader and _is_longer(reader.samples, channels, excerpts):
                reader = _checked(reader, channels.sample_rate_hz)
                yield Parts(channels, reader.samples, _parts(channels, reader, excerpts))
                return
        if not reader:
            samples = _length(open_channels)
            with open_channels() as channels:
                if _is_longer(samples, channels, excerpts):
                    reader = _forward_reader(channels, samples)
                    yield Parts(channels, samples, _all_parts(channels, reader, excerpts))
                    return
    with open_channels() as channels:
        yield Parts(channels, None, iter([(0, channels.blocks)]))


def excerpt_starts(samples: int, length: int, excerpts: int) -> list[int]:
    """Return where excerpts of a length begin in a song: each in the middle of one of as many equal parts."""
    return [(2 * number + 1) * samples // (2 * excerpts) - length // 2 for number in range(excerpts)]


def _length(open_channels: Callable[[], AbstractContextManager[Channels]]) -> int:
    with open_channels() as channels:
        samples = channels.count()
    if samples is None:
        with open_channels() as channels:
            samples = sum(block.shape[1] for block in channels.blocks)
    return samples


def _forward_reader(channels: Channels, samples: int) -> PartReader:
    """Return a reader of parts of a file so long, which decodes all that lies between them."""
    position, rest = 0, np.zeros((channels.channels, 0), np.float32)

    def read(start: int, count: int) -> Iterator[Block]:
        nonlocal position, rest
        end = start + count
        while position < end:
            block = rest if rest.shape[1] else next(channels.blocks, None)
            if block is None:
                return
            taken, rest = block[:, : end - position], block[:, end - position :]
            wanted = taken[:, max(0, start - position) :]
            position += taken.shape[1]
            if wanted.shape[1]:
                yield wanted

    return PartReader(samples, read)


def _is_longer(samples: int, channels: Channels, excerpts: int) -> bool:
    return samples > excerpts * EXCERPT_SECONDS * channels.sample_rate_hz


def _checked(reader: PartReader, rate: int) -> PartReader:
    """Return a reader whose parts raise UnreadableAudio if one of them is not there."""

    def read(start: int, count: int) -> Iterator[Block]:
        missing = count
        for block in reader.read(start, count):
            missing -= block.shape[1]
            yield block
        check_complete(reader.samples - missing, reader.samples, rate)

    return PartReader(reader.samples, read)


def _parts(channels: Channels, reader: PartReader, excerpts: int) -> Iterator[Part]:
    length = round(EXCERPT_SECONDS * channels.sample_rate_hz)
    for start in excerpt_starts(reader.samples, length, excerpts):
        yield start, _even(reader.read(start, length), channels.channels)


def _all_parts(channels: Channels, reader: PartReader, excerpts: int) -> Iterator[Part]:
    """Yield the parts of a file, and decode it to its end, which finds out whether it is whole."""
    yield from _parts(channels, reader, excerpts)
    for _ in channels.blocks:
        pass


def _even(blocks: Iterator[Block], channels: int) -> Iterator[Block]:
    """Yield an excerpt in blocks whose sizes do not depend on how the file is read."""
    size = max(1, BLOCK_SAMPLES // channels)
    waiting, filled = np.empty((channels, size), np.float32), 0
    for block in blocks:
        if not filled and block.shape[1] == size:
            yield block
            continue
        rest = block
        while rest.shape[1]:
            taken, rest = rest[:, : size - filled], rest[:, size - filled :]
            waiting[:, filled : filled + taken.shape[1]] = taken
            filled += taken.shape[1]
            if filled == size:
                yield waiting
                filled = 0
    if filled:
        yield waiting[:, :filled]

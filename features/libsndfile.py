"""Audio decoded by libsndfile."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import soundfile

from features.container import MISSING_TOLERANCE, Container
from features.deadline import Deadline
from features.decoded import BLOCK_SAMPLES, Block, Channels, PartReader, UnreadableAudio, check_complete, cut, damaged
from features.ffmpeg import blocks_after

# The length that libsndfile states where it does not know it.
_UNKNOWN_FRAMES = 1 << 62
# Of a WAV, AIFF or FLAC file and their like, every sample can be decoded alone.
_EXACT = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
# A frame of an MP3 takes bits of up to nine before it, which libmpg123 alone does not go back for.
_MP3_BACK_SAMPLES = 12 * 1152


@contextmanager
def open_libsndfile(file: BinaryIO, container: Container, deadline: Deadline) -> Iterator[Channels | None]:
    """Open a file by libsndfile; None if it does not know the format, or not how long the file is.

    The blocks raise OutOfTime once the deadline has passed.
    """
    reader = _libsndfile_reader(file) if container.libsndfile else None
    if reader is None:
        yield None
        return
    with reader:
        yield _from_libsndfile(reader, file, container, deadline) if _is_sure(reader, container) else None


def _is_sure(reader: "_Reader", container: Container) -> bool:
    """Return whether libsndfile knows how long a file is: not if nothing is stated, nor of an MP3 inside a WAV."""
    return 0 < reader.frames < _UNKNOWN_FRAMES and (container.mpeg is not None or not reader.subtype.startswith("MPEG"))


class _Reader(soundfile.SoundFile):  # type: ignore[misc]
    """A file read from its beginning to its end.

    After each block, SoundFile seeks to where the file already is, if it can. An MP3 is then decoded a little
    differently there, because the frames after it build on those before.
    """

    def seekable(self) -> bool:
        return False


def _libsndfile_reader(file: BinaryIO) -> _Reader | None:
    """Return the file opened by libsndfile, or None if libsndfile does not know its format."""
    file.seek(0)
    try:
        # Given a descriptor, libsndfile reads without calling back into Python, and so without its lock.
        return _Reader(file if isinstance(file, io.BytesIO) else file.fileno(), closefd=False)
    except soundfile.LibsndfileError:
        return None


def _from_libsndfile(reader: _Reader, file: BinaryIO, container: Container, deadline: Deadline) -> Channels:
    def blocks() -> Iterator[Block]:
        decoded = 0
        for block in _blocks(reader, 0, deadline):
            decoded += block.shape[1]
            yield block
        check_complete(decoded, reader.frames, reader.samplerate)
        if reader.format == "FLAC" and _is_left(file):
            yield from blocks_after(file, decoded, deadline)

    def read(start: int, samples: int) -> Iterator[Block]:
        before = min(start, _MP3_BACK_SAMPLES) if container.mpeg else 0
        try:
            reader.seek(start - before)
            reader.read(before)
        except soundfile.LibsndfileError as error:
            raise damaged(start / reader.samplerate) from error
        return cut(_blocks(reader, start, deadline), 0, samples)

    def seek() -> PartReader | None:
        exact = container.mpeg or reader.subtype in _EXACT
        if not exact or (reader.format == "FLAC" and not _ends_as_stated(reader, file, deadline)):
            return None
        return PartReader(reader.frames, read)

    return Channels(reader.samplerate, reader.channels, container.complete, blocks(), seek)


def _blocks(reader: _Reader, position: int, deadline: Deadline) -> Iterator[Block]:
    """Yield the blocks from a position, to which the file has been brought, to the end that it states."""
    buffer = np.empty((max(1, BLOCK_SAMPLES // reader.channels), reader.channels), np.float32)
    try:
        # Beyond the frames stated, anything at all behind a FLAC is an error to libsndfile.
        while len(block := reader.read(out=buffer[: reader.frames - position])):
            deadline.check()
            position += len(block)
            yield block.T
    except soundfile.LibsndfileError as error:
        raise damaged(position / reader.samplerate) from error


def _ends_as_stated(reader: _Reader, file: BinaryIO, deadline: Deadline) -> bool:
    """Return whether the last second of a file is there, and nothing behind it."""
    start = max(0, reader.frames - reader.samplerate)
    try:
        reader.seek(start)
        decoded = sum(block.shape[1] for block in _blocks(reader, start, deadline))
    except (soundfile.LibsndfileError, UnreadableAudio):
        return False
    return start + decoded == reader.frames and not _is_left(file)


def _is_left(file: BinaryIO) -> bool:
    """Return whether libsndfile has left more of the file unread than may be missing."""
    position = file.tell()
    return file.seek(0, os.SEEK_END) - position > MISSING_TOLERANCE * position

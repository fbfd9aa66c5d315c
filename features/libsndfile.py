"""Audio decoded by libsndfile."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from features.container import MISSING_TOLERANCE, Container
from features.deadline import Deadline
from features.decoded import BLOCK_SAMPLES, Channels, check_complete, damaged
from features.ffmpeg import blocks_after

# The length that libsndfile states where it does not know it.
_UNKNOWN_FRAMES = 1 << 62


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
    return 0 < reader.frames < _UNKNOWN_FRAMES and (container.mpeg or not reader.subtype.startswith("MPEG"))


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
    def blocks() -> Iterator[NDArray[np.float32]]:
        decoded = 0
        buffer = np.empty((max(1, BLOCK_SAMPLES // reader.channels), reader.channels), np.float32)
        try:
            # Beyond the frames stated, anything at all behind a FLAC is an error to libsndfile.
            while len(block := reader.read(out=buffer[: reader.frames - decoded])):
                deadline.check()
                decoded += len(block)
                yield block.T
        except soundfile.LibsndfileError as error:
            raise damaged(decoded / reader.samplerate) from error
        check_complete(decoded, reader.frames, reader.samplerate)
        if reader.format == "FLAC" and _is_left(file):
            yield from blocks_after(file, decoded, deadline)

    return Channels(reader.samplerate, reader.channels, container.complete, blocks())


def _is_left(file: BinaryIO) -> bool:
    """Return whether libsndfile has left more of the file unread than may be missing."""
    position = file.tell()
    return file.seek(0, os.SEEK_END) - position > MISSING_TOLERANCE * position

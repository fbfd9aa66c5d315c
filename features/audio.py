"""Any audio file, or the bytes of one, as mono float32 sound at the file's own sample rate.

WAV, AIFF, FLAC and MP3 go through libsndfile, which is the faster for these, as long as it reads all of them; Ogg, M4A,
WMA, WebM, the audio track of a video and whatever else libsndfile declines go through the FFmpeg inside PyAV.
"""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from features.container import Container, read_container
from features.deadline import NO_DEADLINE, Deadline
from features.decoded import Block, Channels, UnreadableAudio
from features.excerpts import Parts, open_parts
from features.ffmpeg import open_ffmpeg
from features.libsndfile import open_libsndfile

__all__ = [
    "MAX_AMPLITUDE",
    "MAX_CHANNELS",
    "SAMPLE_RATES_HZ",
    "Audio",
    "Sound",
    "UnreadableAudio",
    "load_audio",
    "open_audio",
]

# Wider than any music, and narrow enough that a forged header cannot ask for gigabytes.
SAMPLE_RATES_HZ = range(2_000, 768_001)
MAX_CHANNELS = 64
# Over any scale in use (integers stored as floats reach 2**31), and far from float32's overflow once squared.
MAX_AMPLITUDE = 1e10


@dataclass(frozen=True)
class Sound:
    """An open audio file, decoded as it is read.

    `parts` yields where each part of the song that is heard begins, in samples, and its blocks: mono float32 arrays of
    shape (samples,), full scale ±1. They can be gone through once, and raise UnreadableAudio where the file turns out
    to be damaged or cut short. `samples` is the length of the song, None if its one part is all of it. `complete` is
    True if the file states its length or its end and has it, and None if it states neither: then a part may be missing.
    """

    sample_rate_hz: int
    channels: int
    complete: bool | None
    samples: int | None
    parts: Iterator[tuple[int, Iterator[NDArray[np.float32]]]]

    @cached_property
    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The blocks of all parts, one part after the other."""
        for _, blocks in self.parts:
            yield from blocks


@dataclass(frozen=True)
class Audio:
    """Sound in one piece: `samples` is mono float32 of shape (samples,), full scale ±1."""

    samples: NDArray[np.float32]
    sample_rate_hz: int
    channels: int


def load_audio(source: Path | str | bytes) -> Audio:
    """Return a whole audio file as mono float32 at its own sample rate; `open_audio` reads a long one in blocks.

    Raises as `open_audio`, and UnreadableAudio for a file that is damaged or cut short.
    """
    with open_audio(source) as sound:
        blocks = list(sound.blocks)
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        return Audio(samples, sound.sample_rate_hz, sound.channels)


@contextmanager
def open_audio(source: Path | str | bytes, deadline: Deadline = NO_DEADLINE, excerpts: int = 0) -> Iterator[Sound]:
    """Open an audio file, given as its path or its bytes, to be read block by block.

    Its content decides how it is read; its name plays no part. Either all of it is read, or so many `excerpts` of 30
    seconds. Raises UnreadableAudio if the content is not sound, OSError if the path cannot be opened, and OutOfTime,
    from the blocks as well, once the deadline has passed.
    """
    with _file_of(source, deadline) if isinstance(source, bytes) else _CheckedFile(source, "r", deadline) as file:
        if not file.read(1):
            raise UnreadableAudio("The file is empty. Use a file with sound in it.")
        container = read_container(file)
        if container.protected:
            raise UnreadableAudio("The file is protected (DRM) and cannot be decoded. Use a copy without protection.")
        if container.complete is False:
            raise UnreadableAudio("The file is cut short: it ends before its header says. Use a whole copy of it.")
        with open_parts(lambda: _open_channels(file, container, deadline), excerpts) as parts:
            yield _mono(parts)


@contextmanager
def _open_channels(file: BinaryIO, container: Container, deadline: Deadline) -> Iterator[Channels]:
    """Open a file from its beginning, refusing headers no recording has."""
    with ExitStack() as opened:
        channels = opened.enter_context(open_libsndfile(file, container, deadline))
        channels = channels or opened.enter_context(open_ffmpeg(file, container, deadline))
        rate = channels.sample_rate_hz
        if rate not in SAMPLE_RATES_HZ or channels.channels > MAX_CHANNELS:
            raise UnreadableAudio(
                f"The file states {rate} Hz and {channels.channels} channels, which is not music. "
                "Export it at an ordinary sample rate, such as 44100 Hz, in mono or stereo."
            )
        yield channels


class _CheckedFile(io.FileIO):
    """A file that checks a deadline at each read.

    FFmpeg may read on for long without giving a packet: in a header, or through the packets of another stream.
    """

    def __init__(self, file: Path | str | int, mode: str, deadline: Deadline) -> None:
        super().__init__(file, mode)
        self._deadline = deadline

    def read(self, size: int | None = -1, /) -> bytes:
        self._deadline.check()
        return super().read(-1 if size is None else size)


def _file_of(content: bytes, deadline: Deadline) -> BinaryIO:
    """Return the content as a file in memory, with a descriptor where the system has such files."""
    if not hasattr(os, "memfd_create"):
        return io.BytesIO(content)
    file = _CheckedFile(os.memfd_create("audio"), "w+", deadline)
    file.write(content)
    file.seek(0)
    return file


class _MonoMix:
    """Mixes the blocks of a file down to mono: the mean of the channels or, of two that cancel, half their difference.

    Where the two channels of a file so far are of opposite sign, as after a cable with swapped wires, their mean would
    leave little of the music.
    """

    def __init__(self) -> None:
        self._correlation = 0.0

    def __call__(self, channels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the next block, shape (channels, samples) -> (samples,), as an array of its own.

        One channel added to the next is over ten times faster than `mean` along the short axis.
        """
        if len(channels) == 1:
            return np.array(channels[0])
        if len(channels) == 2:
            # Without BLAS, which would start threads for it.
            self._correlation += float(np.einsum("i,i->", channels[0], channels[1]))
        mono: NDArray[np.float32] = channels[0] - channels[1] if self._correlation < 0 else channels[0] + channels[1]
        for channel in channels[2:]:
            mono += channel
        mono *= np.float32(1 / len(channels))
        return np.asarray(mono)


def _mono(parts: Parts) -> Sound:
    """Return the sound in mono, refusing samples no recording has."""
    mix = _MonoMix()

    def mono(blocks: Iterator[Block]) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            mixed = mix(block)
            # Written so that it is true for NaN as well.
            if not (mixed.max(initial=0) < MAX_AMPLITUDE and mixed.min(initial=0) > -MAX_AMPLITUDE):
                raise UnreadableAudio(
                    "The samples are not finite numbers. Export the file again, as 16-bit WAV or FLAC."
                )
            yield mixed

    channels = parts.channels
    mono_parts = ((start, mono(blocks)) for start, blocks in parts.parts)
    return Sound(channels.sample_rate_hz, channels.channels, channels.complete, parts.samples, mono_parts)

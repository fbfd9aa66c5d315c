"""Audio decoded by the FFmpeg inside PyAV."""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import chain
from typing import BinaryIO

import av
from av.container import InputContainer

from features.byte_ranges import ByteRanges
from features.container import Container
from features.deadline import Deadline
from features.decoded import Block, Channels, PartReader, UnreadableAudio, cut
from features.mpeg_audio import MARK_FRAMES, Frames
from features.stream import (
    Converter,
    Decoding,
    all_sound,
    audio_stream,
    joined,
    open_container,
    packet_seconds,
    stated_samples,
)

# The demuxers that state a length, where `read_container` does not know it.
_DEMUXERS_THAT_TELL = ("ape", "tta", "wv")
# Demuxers that find the packet of a moment, and codecs that decode a packet exactly after a second of pre-roll.
_SEEKABLE = {"ogg": ("vorbis", "opus"), "mov,mp4,m4a,3gp,3g2,mj2": ("aac", "alac")}
_BACK_SECONDS = 1
# A frame of an MP3 takes bits of up to nine before it.
_MPEG_BACK_FRAMES = 12


@contextmanager
def open_ffmpeg(file: BinaryIO, container: Container, deadline: Deadline) -> Iterator[Channels]:
    """Open a file by FFmpeg, all parts of it.

    Raises UnreadableAudio if it has no audio that FFmpeg can decode; the blocks raise OutOfTime once the deadline has
    passed.
    """
    parts: list[BinaryIO | ByteRanges] = [ByteRanges(file, ranges) for ranges in container.parts] or [file]
    with open_container(parts[0], mpeg=container.mpeg is not None) as opened:
        yield _from_ffmpeg(file, opened, parts[1:], container, deadline)


def blocks_after(file: BinaryIO, samples: int, deadline: Deadline) -> Iterator[Block]:
    """Yield the blocks behind the first samples of a file that holds more than it states; none if it is no sound."""
    with open_container(file) as opened:
        stream = audio_stream(opened)
        # All that is stated has been heard: what cannot be decoded behind it is no part of the song.
        with suppress(UnreadableAudio):
            yield from cut(joined(all_sound(opened, stream, Converter(stream), deadline)), samples, sys.maxsize)


def _from_ffmpeg(
    file: BinaryIO,
    opened: InputContainer,
    others: Sequence[BinaryIO | ByteRanges],
    container: Container,
    deadline: Deadline,
) -> Channels:
    """Return the sound of a file, the first part of which is open, and of the others behind it."""
    stream = audio_stream(opened)
    convert = Converter(stream)

    def blocks() -> Iterator[Block]:
        yield from all_sound(opened, stream, convert, deadline)
        for other in others:
            with open_container(other) as following:
                yield from all_sound(following, audio_stream(following), convert, deadline)

    def seek() -> PartReader | None:
        if container.mpeg:
            return _mpeg_reader(file, container.mpeg, stream, deadline) if container.mpeg.marks else None
        return None if container.parts else _part_reader(file, opened, stream, deadline)

    def count() -> int | None:
        seconds = packet_seconds(opened, stream)
        for other in others:
            with open_container(other) as following:
                seconds += packet_seconds(following, audio_stream(following))
        return None if math.isnan(seconds) else round(seconds * stream.sample_rate)

    tells = stated_samples(opened, stream) > 0 and opened.format.name in _DEMUXERS_THAT_TELL
    complete = True if tells else container.complete
    return Channels(stream.sample_rate, stream.channels, complete, joined(blocks()), seek, count)


def _part_reader(
    file: BinaryIO, opened: InputContainer, stream: av.AudioStream, deadline: Deadline
) -> PartReader | None:
    """Return a reader of parts of a stream whose packets state exactly which samples they hold; None of others."""
    samples, rate = stated_samples(opened, stream), stream.sample_rate
    codecs = _SEEKABLE.get(opened.format.name, ())
    if not samples or stream.codec_context.codec.canonical_name not in codecs or stream.time_base != Fraction(1, rate):
        return None

    def decode() -> tuple[int | None, Decoding, Iterator[Block]]:
        """Return the time of the next frame, None if it states none or there is none, and the sound from it on."""
        decoding = Decoding(opened, stream, Converter(stream), deadline)
        blocks = decoding.blocks()
        first = next(blocks, None)
        return decoding.begins, decoding, blocks if first is None else chain([first], blocks)

    begins, *_ = decode()
    if begins is None:
        return None

    def read(start: int, count: int) -> Iterator[Block]:
        with suppress(av.FFmpegError, UnreadableAudio):
            opened.seek(begins + max(0, start - _BACK_SECONDS * rate), stream=stream)
            landed, decoding, blocks = decode()
            if landed is not None and begins <= landed <= begins + start:
                return _checked(decoding, joined(cut(blocks, begins + start - landed, count)))
        return _from_beginning(file, start, count, deadline)

    return PartReader(samples, read)


def _checked(decoding: Decoding, blocks: Iterator[Block]) -> Iterator[Block]:
    yield from blocks
    decoding.check()


def _from_beginning(file: BinaryIO, start: int, count: int, deadline: Deadline) -> Iterator[Block]:
    """Yield a part of a file of which all before it is decoded, and leave the file where it is."""
    position = file.tell()
    try:
        with open_container(file) as opened:
            stream = audio_stream(opened)
            yield from cut(joined(all_sound(opened, stream, Converter(stream), deadline)), start, count)
    finally:
        file.seek(position)


def _mpeg_reader(file: BinaryIO, frames: Frames, stream: av.AudioStream, deadline: Deadline) -> PartReader:
    """Return a reader of parts of MPEG audio, each of which is opened as if the file began shortly before it."""

    def read(start: int, count: int) -> Iterator[Block]:
        mark = max(0, start // frames.frame_samples - _MPEG_BACK_FRAMES) // MARK_FRAMES
        skipped = start - mark * MARK_FRAMES * frames.frame_samples
        rest = ByteRanges(file, [(frames.marks[mark], frames.ranges[0][1])])
        with open_container(rest, mpeg=True) as opened:
            decoding = Decoding(opened, audio_stream(opened), Converter(stream), deadline)
            yield from _checked(decoding, joined(cut(decoding.blocks(), skipped, count)))

    return PartReader(frames.number * frames.frame_samples, read)

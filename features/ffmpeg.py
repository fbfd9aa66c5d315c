"""Audio decoded by the FFmpeg inside PyAV."""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from numpy.typing import NDArray

from features.container import MISSING_TOLERANCE, Container
from features.deadline import Deadline
from features.decoded import BLOCK_SAMPLES, Channels, UnreadableAudio, check_complete, damaged, not_audio

# FFmpeg can also read playlists and raw formats: the first open other files, the second take any bytes for sound.
_DEMUXERS = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
# Their headers state the length of the audio; the others guess it from the bit rate or speak of the whole video.
_DEMUXERS_WITH_LENGTH = ("ape", "asf", "dsf", "flac", "mov", "ogg", "tta", "w64", "wv")
# Of these, those that `read_container` does not know.
_DEMUXERS_THAT_TELL = ("ape", "tta", "wv")


@contextmanager
def open_ffmpeg(file: BinaryIO, container: Container, deadline: Deadline) -> Iterator[Channels]:
    """Open a file by FFmpeg, all parts of it.

    Raises UnreadableAudio if it has no audio that FFmpeg can decode; the blocks raise OutOfTime once the deadline has
    passed.
    """
    parts: list[BinaryIO | _Ranges] = [_Ranges(file, ranges) for ranges in container.parts] or [file]
    with _ffmpeg_container(parts[0], mpeg=container.mpeg) as opened:
        yield _from_ffmpeg(opened, parts[1:], container, deadline)


def blocks_after(file: BinaryIO, samples: int, deadline: Deadline) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks behind the first samples of a file that holds more than it states; none if it is no sound."""
    with _ffmpeg_container(file) as opened:
        stream, skipped = _audio_stream(opened), 0
        # All that is stated has been heard: what cannot be decoded behind it is no part of the song.
        with suppress(UnreadableAudio):
            for block in _joined(_frames(opened, stream, _Converter(stream), deadline)):
                rest = block[:, max(0, samples - skipped) :]
                skipped += block.shape[1]
                if rest.shape[1]:
                    yield rest


class _Ranges(io.RawIOBase):
    """Some ranges of a file, one after the other, as a file."""

    def __init__(self, file: BinaryIO, ranges: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self._file = file
        self._starts = np.array([start for start, _ in ranges])
        self._ends = np.cumsum([end - start for start, end in ranges])
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: int(self._ends[-1])}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        index = int(np.searchsorted(self._ends, self._position, side="right"))
        if index == len(self._ends):
            return 0
        before = int(self._ends[index - 1]) if index else 0
        self._file.seek(int(self._starts[index]) + self._position - before)
        content = self._file.read(min(len(buffer), int(self._ends[index]) - self._position))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


@contextmanager
def _ffmpeg_container(file: "BinaryIO | _Ranges", *, mpeg: bool = False) -> Iterator[InputContainer]:
    """Yield the file opened by FFmpeg; raise UnreadableAudio if it has no audio FFmpeg can decode."""
    file.seek(0)
    # The empty protocol list keeps a hostile file from naming another file or address to open.
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": ""}
    try:
        opened = av.open(file, "r", "mp3" if mpeg else None, options=options)
    except (av.FFmpegError, ValueError) as error:
        raise not_audio() from error
    with opened:
        if not opened.streams.audio:
            raise not_audio()
        yield opened


def _audio_stream(opened: InputContainer) -> av.AudioStream:
    """Return the audio that players choose: marked as the default, or the first."""
    stream = opened.streams.best("audio")
    # A codec unknown to FFmpeg has no context, and the stream then has neither attribute.
    if (
        not isinstance(stream, av.AudioStream)
        or not stream.codec_context
        or not stream.sample_rate
        or not stream.channels
    ):
        raise not_audio()
    return stream


def _from_ffmpeg(
    opened: InputContainer, others: "Sequence[BinaryIO | _Ranges]", container: Container, deadline: Deadline
) -> Channels:
    """Return the sound of a file, the first part of which is open, and of the others behind it."""
    stream = _audio_stream(opened)
    convert = _Converter(stream)

    def frames() -> Iterator[NDArray[np.float32]]:
        yield from _frames(opened, stream, convert, deadline)
        for other in others:
            with _ffmpeg_container(other) as following:
                yield from _frames(following, _audio_stream(following), convert, deadline)

    tells = _stated_samples(opened, stream) > 0 and opened.format.name in _DEMUXERS_THAT_TELL
    return Channels(stream.sample_rate, stream.channels, True if tells else container.complete, _joined(frames()))


def _stated_samples(opened: InputContainer, stream: av.AudioStream) -> int:
    """Return the number of samples that a file's header states, 0 if it does not."""
    if stream.duration and stream.time_base and opened.format.name.startswith(_DEMUXERS_WITH_LENGTH):
        return int(stream.duration * stream.time_base * stream.sample_rate)
    return 0


def _joined(frames: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Yield frames together in blocks, shape (channels, samples): one by one they would cost more than their sound."""
    waiting: list[NDArray[np.float32]] = []
    samples = 0
    for frame in frames:
        waiting.append(frame)
        samples += frame.size
        if samples >= BLOCK_SAMPLES:
            yield np.concatenate(waiting, axis=1)
            waiting, samples = [], 0
    if waiting:
        yield np.concatenate(waiting, axis=1)


def _frames(
    opened: InputContainer, stream: av.AudioStream, convert: "_Converter", deadline: Deadline
) -> Iterator[NDArray[np.float32]]:
    """Yield the frames of a stream, shape (channels, samples).

    Raises UnreadableAudio if more of it is missing, or cannot be decoded, than is tolerated.
    """
    packets = failed = decoded = 0
    try:
        for packet in _packets(opened, stream):
            deadline.check()
            packets += 1
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                failed += 1
                continue
            for frame in frames:
                decoded += frame.samples
                yield from convert(frame)
    except (av.FFmpegError, ValueError) as error:
        raise damaged(decoded / stream.sample_rate) from error
    if failed > 1 + MISSING_TOLERANCE * packets:
        raise damaged(decoded / stream.sample_rate)
    check_complete(decoded, _stated_samples(opened, stream), stream.sample_rate)
    yield from convert(None)


def _packets(opened: InputContainer, stream: av.AudioStream) -> "Iterator[av.Packet[av.AudioStream]]":
    """Yield the packets of a stream.

    Other streams may begin anywhere in a transport stream. PyAV does not know them, and stops at each of their packets.
    """
    while True:
        try:
            yield from opened.demux(stream)
        except IndexError:
            continue
        return


class _Converter:
    """Makes float32 of frames, shape (channels, samples), at the rate and with the channels that a stream states.

    Songs that were joined into one stream may differ in all of these.
    """

    def __init__(self, stream: av.AudioStream) -> None:
        self._layout, self._rate = stream.layout, stream.sample_rate
        self._kind: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def __call__(self, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        """Yield the sound of the next frame; None ends it."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate) if frame else None
        if kind != self._kind:
            if self._resampler:
                yield from self._resampled(self._resampler, None)
            self._kind = kind
            self._resampler = av.AudioResampler("flt", self._layout, self._rate) if frame else None
        if frame and self._resampler:
            yield from self._resampled(self._resampler, frame)

    @staticmethod
    def _resampled(resampler: av.AudioResampler, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        # In one plane: with a plane per channel, a damaged AAC file made PyAV read beyond its memory.
        for part in resampler.resample(frame):
            yield np.asarray(part.to_ndarray(), np.float32).reshape(-1, part.layout.nb_channels).T

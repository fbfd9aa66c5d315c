"""The decoders of audio files: libsndfile, and the FFmpeg inside PyAV."""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.container import InputContainer
from numpy.typing import NDArray

from features.container import MISSING_TOLERANCE, Container
from features.deadline import Deadline

# Samples of all channels in a block.
_BLOCK_SAMPLES = 1 << 18
# What libsndfile states where it does not know.
_UNKNOWN_FRAMES = 1 << 62

# FFmpeg can also read playlists and raw formats: the first open other files, the second take any bytes for sound.
_DEMUXERS = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
# Their headers state the length of the audio; the others guess it from the bit rate or speak of the whole video.
_DEMUXERS_WITH_LENGTH = ("ape", "asf", "dsf", "flac", "mov", "ogg", "tta", "w64", "wv")
# Of these, those that `read_container` does not know.
_DEMUXERS_THAT_TELL = ("ape", "tta", "wv")


class UnreadableAudio(ValueError):
    """The input is not sound that can be classified; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Channels:
    """An open audio file, decoded as it is read.

    `blocks` yields float32 arrays of shape (channels, samples) and can be gone through once; it raises UnreadableAudio
    where the file turns out to be damaged or cut short. `complete` is as in `Container`.
    """

    sample_rate_hz: int
    channels: int
    complete: bool | None
    blocks: Iterator[NDArray[np.float32]]


@contextmanager
def open_channels(file: BinaryIO, container: Container, deadline: Deadline) -> Iterator[Channels]:
    """Open a file by the decoder that reads all of it; raise UnreadableAudio if none does.

    The blocks raise OutOfTime once the deadline has passed.
    """
    reader = _libsndfile_reader(file) if container.libsndfile else None
    if reader is not None and _is_sure(reader, container):
        with reader:
            yield _from_libsndfile(reader, file, container, deadline)
    else:
        parts: list[BinaryIO | _Ranges] = [_Ranges(file, ranges) for ranges in container.parts] or [file]
        with _ffmpeg_container(parts[0], mpeg=container.mpeg) as opened:
            yield _from_ffmpeg(opened, parts[1:], container, deadline)


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
        buffer = np.empty((max(1, _BLOCK_SAMPLES // reader.channels), reader.channels), np.float32)
        try:
            # Beyond the frames stated, anything at all behind a FLAC is an error to libsndfile.
            while len(block := reader.read(out=buffer[: reader.frames - decoded])):
                deadline.check()
                decoded += len(block)
                yield block.T
        except soundfile.LibsndfileError as error:
            raise _damaged(decoded / reader.samplerate) from error
        _check_complete(decoded, reader.frames, reader.samplerate)
        if reader.format == "FLAC" and _is_left(file):
            yield from _after(file, decoded, deadline)

    return Channels(reader.samplerate, reader.channels, container.complete, blocks())


def _is_left(file: BinaryIO) -> bool:
    """Return whether libsndfile has left more of the file unread than may be missing."""
    position = file.tell()
    return file.seek(0, os.SEEK_END) - position > MISSING_TOLERANCE * position


def _after(file: BinaryIO, samples: int, deadline: Deadline) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks behind the first samples of a file that holds more than it states; none if it is no sound."""
    with _ffmpeg_container(file) as opened:
        stream, skipped = _audio_stream(opened), 0
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
        raise _not_audio() from error
    with opened:
        if not opened.streams.audio:
            raise _not_audio()
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
        raise _not_audio()
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
        if samples >= _BLOCK_SAMPLES:
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
        for packet in opened.demux(stream):
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
        raise _damaged(decoded / stream.sample_rate) from error
    if failed > 1 + MISSING_TOLERANCE * packets:
        raise _damaged(decoded / stream.sample_rate)
    _check_complete(decoded, _stated_samples(opened, stream), stream.sample_rate)
    yield from convert(None)


class _Converter:
    """Makes float32 of frames, shape (channels, samples), at the rate and with the channels that a stream states.

    Songs that were joined into one stream may differ in all of these.
    """

    def __init__(self, stream: av.AudioStream) -> None:
        self._layout, self._rate = stream.layout, stream.sample_rate
        self._kind: tuple[str, str, int] | None = ("fltp", stream.layout.name, stream.sample_rate)
        self._resampler: av.AudioResampler | None = None

    def __call__(self, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        """Yield the sound of the next frame; None ends it."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate) if frame else None
        if kind != self._kind:
            if self._resampler:
                yield from self._resampled(self._resampler, None)
            self._kind = kind
            self._resampler = av.AudioResampler("fltp", self._layout, self._rate) if frame else None
        if frame and self._resampler:
            yield from self._resampled(self._resampler, frame)
        elif frame:
            yield np.asarray(frame.to_ndarray(), np.float32)

    @staticmethod
    def _resampled(resampler: av.AudioResampler, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
        return (np.asarray(part.to_ndarray(), np.float32) for part in resampler.resample(frame))


def _check_complete(decoded: int, stated: int, rate: int) -> None:
    if decoded < (1 - MISSING_TOLERANCE) * stated:
        raise UnreadableAudio(
            f"The file is damaged or cut short: it states {stated / rate:.1f} seconds of sound and has "
            f"{decoded / rate:.1f}. Use a whole copy of it."
        )


def _damaged(seconds: float) -> UnreadableAudio:
    return UnreadableAudio(
        f"The file is damaged or cut short: {seconds:.1f} seconds of sound can be decoded. Use a whole copy of it."
    )


def _not_audio() -> UnreadableAudio:
    return UnreadableAudio(
        "The file is cut short, or not audio in a format that can be read. "
        "Use a whole WAV, AIFF, FLAC, MP3, Ogg, Opus, M4A, WMA or WebM file."
    )

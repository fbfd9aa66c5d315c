"""The audio stream of a file that the FFmpeg inside PyAV opens, decoded packet by packet."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer

from features.byte_ranges import ByteRanges
from features.container import MISSING_TOLERANCE
from features.deadline import Deadline
from features.decoded import BLOCK_SAMPLES, Block, check_complete, damaged, not_audio

# FFmpeg can also read playlists and raw formats: the first open other files, the second take any bytes for sound.
_DEMUXERS = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
# Their headers state the length of the audio; the others guess it from the bit rate or speak of the whole video.
_DEMUXERS_WITH_LENGTH = ("ape", "asf", "dsf", "flac", "mov", "ogg", "tta", "w64", "wv")
# The share by which durations in whole milliseconds may differ, all together, from the time between two packets.
_ROUNDING = 0.03


@contextmanager
def open_container(file: BinaryIO | ByteRanges, *, mpeg: bool = False) -> Iterator[InputContainer]:
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


def audio_stream(opened: InputContainer) -> av.AudioStream:
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


def stated_samples(opened: InputContainer, stream: av.AudioStream) -> int:
    """Return the number of samples that a file's header states, 0 if it does not."""
    if stream.duration and stream.time_base and opened.format.name.startswith(_DEMUXERS_WITH_LENGTH):
        return int(stream.duration * stream.time_base * stream.sample_rate)
    return 0


def packet_seconds(opened: InputContainer, stream: av.AudioStream) -> float:
    """Return the length of a stream in seconds by the times of its packets, NaN if they state none; none is decoded."""
    begin = end = None
    total = 0
    for packet in _packets(opened, stream):
        if not packet.size:
            continue
        if packet.pts is None or not packet.duration or stream.time_base is None:
            return math.nan
        begin = packet.pts if begin is None else begin
        end = packet.pts + packet.duration
        total += packet.duration
    if begin is None or end is None or stream.time_base is None:
        return math.nan
    # Durations are rounded, and times may begin anew within a stream.
    span = end - begin
    return float((span if abs(span - total) <= _ROUNDING * total else total) * stream.time_base)


def joined(frames: Iterator[Block]) -> Iterator[Block]:
    """Yield frames together in blocks, shape (channels, samples): one by one they would cost more than their sound."""
    waiting: list[Block] = []
    samples = 0
    for frame in frames:
        waiting.append(frame)
        samples += frame.size
        if samples >= BLOCK_SAMPLES:
            yield np.concatenate(waiting, axis=1)
            waiting, samples = [], 0
    if waiting:
        yield np.concatenate(waiting, axis=1)


def all_sound(
    opened: InputContainer, stream: av.AudioStream, convert: "Converter", deadline: Deadline
) -> Iterator[Block]:
    """Yield all sound of a stream, shape (channels, samples).

    Raises UnreadableAudio if more of it is missing, or cannot be decoded, than is tolerated.
    """
    decoding = Decoding(opened, stream, convert, deadline)
    yield from decoding.blocks()
    decoding.check()
    check_complete(decoding.samples, stated_samples(opened, stream), stream.sample_rate)
    yield from convert(None)


class Decoding:
    """The packets of a stream, decoded from where it is.

    `samples` have been decoded so far, and `begins` is the time of the first frame, in the stream's units.
    """

    def __init__(
        self, opened: InputContainer, stream: av.AudioStream, convert: "Converter", deadline: Deadline
    ) -> None:
        self._opened, self._stream, self._convert, self._deadline = opened, stream, convert, deadline
        self._packets = self._failed = 0
        self.samples = 0
        self.begins: int | None = None

    def blocks(self) -> Iterator[Block]:
        """Yield the sound of frame after frame, shape (channels, samples); packets that cannot be decoded have none."""
        try:
            for packet in _packets(self._opened, self._stream):
                self._deadline.check()
                self._packets += 1
                try:
                    frames = packet.decode()
                except (av.FFmpegError, ValueError):
                    self._failed += 1
                    continue
                for frame in frames:
                    if not self.samples:
                        self.begins = frame.pts
                    self.samples += frame.samples
                    yield from self._convert(frame)
        except (av.FFmpegError, ValueError) as error:
            raise damaged(self.samples / self._stream.sample_rate) from error

    def check(self) -> None:
        """Raise UnreadableAudio if more packets could not be decoded than is tolerated."""
        if self._failed > 1 + MISSING_TOLERANCE * self._packets:
            raise damaged(self.samples / self._stream.sample_rate)


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


class Converter:
    """Makes float32 of frames, shape (channels, samples), at the rate and with the channels that a stream states.

    Songs that were joined into one stream may differ in all of these.
    """

    def __init__(self, stream: av.AudioStream) -> None:
        self._layout, self._rate = stream.layout, stream.sample_rate
        self._kind: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def __call__(self, frame: AudioFrame | None) -> Iterator[Block]:
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
    def _resampled(resampler: av.AudioResampler, frame: AudioFrame | None) -> Iterator[Block]:
        # In one plane: with a plane per channel, a damaged AAC file made PyAV read beyond its memory.
        for part in resampler.resample(frame):
            yield np.asarray(part.to_ndarray(), np.float32).reshape(-1, part.layout.nb_channels).T

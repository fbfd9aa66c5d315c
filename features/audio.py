"""Any audio file, or the bytes of one, as mono float32 sound at the file's own sample rate.

WAV, AIFF, FLAC, MP3, Ogg Vorbis and Opus go through libsndfile, which is the faster; M4A, WMA, WebM, the audio
track of a video and whatever else libsndfile declines go through the FFmpeg inside PyAV.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import soundfile
from av.container import InputContainer
from numpy.typing import NDArray

from features.container import ends_early, is_mp3_without_length

# Wider than any music, and narrow enough that a forged header cannot ask for gigabytes.
SAMPLE_RATES_HZ = range(2_000, 768_001)
MAX_CHANNELS = 64
# Over any scale in use (integers stored as floats reach 2**31), and far from float32's overflow once squared.
MAX_AMPLITUDE = 1e10
# A header may promise a little more than there is (encoder padding); a tenth is a piece of the song.
MISSING_TOLERANCE = 0.1
# Samples of all channels that libsndfile decodes at a time: it seeks after each block, which takes an MP3 a while.
_BLOCK_SAMPLES = 1 << 18

# FFmpeg can also read playlists and raw formats: the first open other files, the second take any bytes for sound.
_DEMUXERS = "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
# Their headers state the length of the audio; the others guess it from the bit rate or speak of the whole video.
_DEMUXERS_WITH_LENGTH = ("mov", "asf")


class UnreadableAudio(ValueError):
    """The input is not sound that can be classified; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Sound:
    """An open audio file, decoded as it is read.

    `blocks` yields mono float32 arrays of shape (samples,), full scale ±1, and can be gone through once. It raises
    UnreadableAudio where the file turns out to be damaged or cut short.
    """

    sample_rate_hz: int
    channels: int
    blocks: Iterator[NDArray[np.float32]]


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
def open_audio(source: Path | str | bytes) -> Iterator[Sound]:
    """Open an audio file, given as its path or its bytes, to be read block by block.

    Its content decides how it is read; its name plays no part. Raises UnreadableAudio if the content is not sound,
    and OSError if the path cannot be opened.
    """
    with _file_of(source) if isinstance(source, bytes) else open(source, "rb", buffering=0) as file:
        if not file.read(1):
            raise UnreadableAudio("The file is empty. Send a file with sound in it.")
        reader = None if is_mp3_without_length(file) else _libsndfile_reader(file)
        if reader is not None:
            with reader:
                yield _checked(_sound_from_libsndfile(reader, file))
        else:
            with _ffmpeg_container(file) as container:
                yield _checked(_sound_from_ffmpeg(container))


def _file_of(content: bytes) -> BinaryIO:
    """Return the content as a file in memory, with a descriptor where the system has such files."""
    if not hasattr(os, "memfd_create"):
        return io.BytesIO(content)
    file = os.fdopen(os.memfd_create("audio"), "w+b", buffering=0)
    file.write(content)
    file.seek(0)
    return file


def _libsndfile_reader(file: BinaryIO) -> soundfile.SoundFile | None:
    """Return the file opened by libsndfile, or None if libsndfile does not know its format."""
    file.seek(0)
    try:
        # Given a descriptor, libsndfile reads without calling back into Python, and so without its lock.
        return soundfile.SoundFile(file if isinstance(file, io.BytesIO) else file.fileno(), closefd=False)
    except soundfile.LibsndfileError:
        return None


def _sound_from_libsndfile(reader: soundfile.SoundFile, file: BinaryIO) -> Sound:
    def blocks() -> Iterator[NDArray[np.float32]]:
        decoded = 0
        mix = _MonoMix()
        buffer = np.empty((_BLOCK_SAMPLES // reader.channels, reader.channels), np.float32)
        try:
            while len(block := reader.read(out=buffer)):
                decoded += len(block)
                yield mix(block.T)
        except soundfile.LibsndfileError as error:
            raise _damaged() from error
        _check_complete(decoded, reader.frames)
        # The last thing to do with the file: it moves the position libsndfile reads from.
        if ends_early(file):
            raise _damaged()

    return Sound(reader.samplerate, reader.channels, blocks())


@contextmanager
def _ffmpeg_container(file: BinaryIO) -> Iterator[InputContainer]:
    """Yield the file opened by FFmpeg; raise UnreadableAudio if it has no audio FFmpeg can decode."""
    file.seek(0)
    # The empty protocol list keeps a hostile file from naming another file or address to open.
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": ""}
    try:
        container = av.open(file, "r", options=options)
    except (av.FFmpegError, ValueError) as error:
        raise _not_audio() from error
    with container:
        if not container.streams.audio:
            raise _not_audio()
        yield container


def _sound_from_ffmpeg(container: InputContainer) -> Sound:
    stream = container.streams.audio[0]
    # A codec unknown to FFmpeg has no context, and the stream then has neither attribute.
    if stream.codec_context is None or stream.sample_rate == 0 or stream.channels == 0:
        raise _not_audio()

    def blocks() -> Iterator[NDArray[np.float32]]:
        decoded = 0
        mix = _MonoMix()
        to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.sample_rate)
        try:
            for frame in container.decode(stream):
                for converted in to_float.resample(frame):
                    decoded += converted.samples
                    yield mix(np.asarray(converted.to_ndarray(), np.float32))
        except (av.FFmpegError, ValueError) as error:
            raise _damaged() from error
        if stream.duration and stream.time_base and container.format.name.startswith(_DEMUXERS_WITH_LENGTH):
            _check_complete(decoded, int(stream.duration * stream.time_base * stream.sample_rate))

    return Sound(stream.sample_rate, stream.channels, blocks())


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


def _checked(sound: Sound) -> Sound:
    """Return the sound, refusing headers and samples no recording has."""
    if sound.sample_rate_hz not in SAMPLE_RATES_HZ or sound.channels > MAX_CHANNELS:
        raise UnreadableAudio(
            f"The file states {sound.sample_rate_hz} Hz and {sound.channels} channels, which is not music. "
            "Send it at an ordinary sample rate, such as 44100 Hz, in mono or stereo."
        )

    def blocks() -> Iterator[NDArray[np.float32]]:
        for block in sound.blocks:
            # Written so that it is true for NaN as well.
            if not (block.max(initial=0) < MAX_AMPLITUDE and block.min(initial=0) > -MAX_AMPLITUDE):
                raise UnreadableAudio(
                    "The samples are not finite numbers. Export the file again, as 16-bit WAV or FLAC."
                )
            yield block

    return Sound(sound.sample_rate_hz, sound.channels, blocks())


def _check_complete(decoded_frames: int, promised_frames: int) -> None:
    if decoded_frames < (1 - MISSING_TOLERANCE) * promised_frames:
        raise _damaged()


def _damaged() -> UnreadableAudio:
    return UnreadableAudio("The file is damaged or cut short. Send the whole file again.")


def _not_audio() -> UnreadableAudio:
    return UnreadableAudio(
        "The file is cut short, or not audio in a format that can be read. "
        "Send a whole WAV, AIFF, FLAC, MP3, Ogg, Opus, M4A, WMA or WebM file."
    )

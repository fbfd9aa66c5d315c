"""Every codec in every container that FFmpeg writes here: heard as long as FFmpeg hears it, or refused."""

import io
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from features.audio import UnreadableAudio, open_audio
from tests.sounds import music

SECONDS = 4
CONTAINERS = """
wav w64 aiff caf au flac mp3 mp2 ac3 eac3 adts ipod mp4 mov 3gp matroska webm avi flv mpegts mpeg vob ogg oga ogv opus
spx asf tta wv amr
"""
FORMATS: dict[str, tuple[str, dict[str, str]]] = {
    **{name: (name, {}) for name in CONTAINERS.split()},
    "rf64": ("wav", {"rf64": "always"}),
    "live Matroska": ("matroska", {"live": "1"}),
    "MP4 in fragments": ("mp4", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "1000000"}),
}
CODECS = """
pcm_s16le pcm_s16be pcm_s24le pcm_f32le pcm_u8 pcm_alaw pcm_mulaw adpcm_ima_wav adpcm_ms adpcm_ima_qt adpcm_swf mp2
libmp3lame ac3 eac3 aac vorbis libopus flac alac wavpack tta wmav1 wmav2 libspeex truehd mlp dca g722 g726 nellymoser
libopencore_amrnb real_144
"""
SOUNDS = ((44_100, 2), (48_000, 1), (16_000, 1), (8000, 1))
COMBINATIONS = 300


@lru_cache(maxsize=8)
def _samples(rate: int, channels: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(music(SECONDS, rate, channels).T)


def _written(name: str, codec: str, rate: int, channels: int) -> bytes | None:
    """Return a song as FFmpeg writes it; None if it does not write this codec into this container."""
    container, options = FORMATS[name]
    buffer = io.BytesIO()
    layout = {1: "mono", 2: "stereo"}[channels]
    try:
        with av.open(buffer, "w", format=container, options=options) as output:
            stream = output.add_stream(codec, rate=rate, layout=layout)
            assert isinstance(stream, av.AudioStream)
            stream.codec_context.options = {"strict": "experimental"}
            frame = av.AudioFrame.from_ndarray(_samples(rate, channels), format="fltp", layout=layout)
            frame.sample_rate = rate
            output.mux(stream.encode(frame))
            output.mux(stream.encode())
    except (av.FFmpegError, ValueError, NotImplementedError):
        return None
    return buffer.getvalue()


def _songs() -> Iterator[tuple[str, bytes]]:
    for name in FORMATS:
        for codec in CODECS.split():
            for rate, channels in SOUNDS:
                if content := _written(name, codec, rate, channels):
                    yield f"{codec} in {name}, {rate} Hz", content


def _ffmpeg_seconds(content: bytes) -> float:
    """Return how long FFmpeg hears a file; what it cannot decode is skipped."""
    seconds = 0.0
    with suppress(av.FFmpegError), av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.best("audio")
        for packet in container.demux(stream) if isinstance(stream, av.AudioStream) else ():
            with suppress(av.FFmpegError):
                for frame in packet.decode():
                    assert isinstance(frame, av.AudioFrame)
                    seconds += frame.samples / frame.sample_rate
    return seconds


def _heard(content: bytes) -> tuple[float, bool | None] | None:
    """Return the seconds that are heard, and whether the file says that this is all; None if it is refused."""
    try:
        with open_audio(content) as sound:
            return sum(len(block) for block in sound.blocks) / sound.sample_rate_hz, sound.complete
    except UnreadableAudio:
        return None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_song_in_any_container_is_heard_as_long_as_ffmpeg_hears_it_or_refused() -> None:
    faults, songs = [], 0
    for name, content in _songs():
        songs += 1
        expected, found = _ffmpeg_seconds(content), _heard(content)
        if found is None:
            # FFmpeg writes some that it does not read itself.
            if expected > 1:
                faults.append(f"{name}: refused, of {expected:.2f} s")
        elif abs(found[0] - expected) > 0.02 * expected:
            faults.append(f"{name}: {found[0]:.2f} of {expected:.2f} s")
        for part in (0.5, 0.8, 0.95):
            cut = content[: int(part * len(content))]
            found = _heard(cut)
            if found and (found[1] or abs(found[0] - _ffmpeg_seconds(cut)) > 0.02 * SECONDS):
                faults.append(f"{name}, {part:.0%} of it: {found}")
    assert not faults
    assert songs >= COMBINATIONS

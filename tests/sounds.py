"""Sounds for tests, in every format people have them in."""

import hashlib
import io
import struct
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from inference.bundle import atomic_write

# Suffix -> how libsndfile, or else FFmpeg (container and codec), writes it.
LIBSNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
}
FFMPEG = {"m4a": ("ipod", "aac"), "wma": ("asf", "wmav2"), "webm": ("webm", "libopus"), "mp4": ("mp4", "aac")}
_CACHE = Path(__file__).resolve().parent.parent / ".cache" / "songs"
_SOURCE = Path(__file__).read_bytes()
_LAYOUTS = {1: "mono", 2: "stereo", 8: "7.1", 16: "16c"}


def music(seconds: float, rate: int = 44_100, channels: int = 2, seed: int = 0) -> NDArray[np.float32]:
    """Return chords over a beat, shape (samples, channels): something like a song, the same for the same seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    chord_seconds, beat_seconds = rng.uniform(0.7, 1.6), rng.uniform(0.35, 0.65)
    roots = rng.uniform(100, 220, size=1 + int(seconds / chord_seconds))[(time / chord_seconds).astype(int)]
    phase = 2 * np.pi * np.cumsum(roots) / rate
    voices = sum(np.sin(ratio * phase) / ratio for ratio in (1, 1.25, 1.5, 2, 3, 5, 8))
    drum = rng.normal(size=len(time)) * np.exp(-12 * (time % beat_seconds))
    mono = 0.1 * voices + 0.1 * drum
    sides = [mono * (1 + 0.2 * np.sin(2 * np.pi * 0.1 * time + side)) for side in range(channels)]
    # Whole steps of 16 bits, which every lossless encoder keeps.
    return (np.round(np.stack(sides, axis=1) * 32_768) / 32_768).astype(np.float32)


@lru_cache(maxsize=64)
def song(seconds: float, suffix: str, rate: int = 44_100, channels: int = 2, seed: int = 0) -> bytes:
    """Return `music` as the bytes of an audio file, encoded once: later processes and runs find it in `.cache/`."""
    made_by = (_SOURCE, av.__version__, np.__version__, soundfile.__version__, soundfile.__libsndfile_version__)
    facts = repr((made_by, seconds, suffix, rate, channels, seed))
    path = _CACHE / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.{suffix}"
    with suppress(FileNotFoundError):
        return path.read_bytes()
    content = encode(music(seconds, rate, channels, seed), rate, suffix)
    _CACHE.mkdir(parents=True, exist_ok=True)
    atomic_write(path, content)
    return content


def encode(samples: NDArray[np.float32], rate: int, suffix: str) -> bytes:
    """Return sound of shape (samples, channels) as the bytes of an audio file."""
    buffer = io.BytesIO()
    if suffix in LIBSNDFILE:
        container, subtype = LIBSNDFILE[suffix]
        with soundfile.SoundFile(buffer, "w", rate, samples.shape[1], subtype, format=container) as file:
            # A minute of Vorbis at once overflows libsndfile's stack.
            for start in range(0, len(samples), rate):
                file.write(samples[start : start + rate])
        return buffer.getvalue()
    container, codec = FFMPEG[suffix]
    with av.open(buffer, "w", format=container) as output:
        layout = _LAYOUTS[samples.shape[1]]
        stream = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 192_000
        if suffix == "mp4":
            picture = output.add_stream("mpeg4", rate=5, width=64, height=64, pix_fmt="yuv420p")
            still = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            output.mux(picture.encode(still))
            output.mux(picture.encode())
        # Interleaved, as PyAV miscounts the planes of eight channels or more.
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate = rate
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return buffer.getvalue()


def put(content: bytes, at: int, layout: str, number: int) -> bytes:
    """Return a file with another number in its header."""
    return content[:at] + struct.pack(layout, number) + content[at + struct.calcsize(layout) :]


@lru_cache(maxsize=4)
def single_samples(samples: int) -> bytes:
    """Return a Matroska file with one sample of noise per packet: 9 bytes each, and slow to decode."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(-10_000, 10_000, samples, np.int16)
    with av.open(buffer, "w", format="matroska") as output:
        stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        for place, sample in enumerate(noise):
            packet = av.Packet(sample.tobytes())
            packet.stream, packet.pts, packet.time_base = stream, place, Fraction(1, 8000)
            output.mux(packet)
    return buffer.getvalue()

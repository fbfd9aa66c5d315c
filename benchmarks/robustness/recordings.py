"""Recordings with all their channels, and audio files made of them in memory."""

import io
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from features.audio import UnreadableAudio

Samples = NDArray[np.float64]
# An MP3 of fewer bits per second is one of MPEG-2, which has no higher sample rate.
_MPEG_1_KBIT_PER_S = 33
_MPEG_2_HIGHEST_HZ = 24_000
_OPUS_HZ = 48_000


@dataclass(frozen=True)
class Recording:
    """Sound of one or two channels: `samples` has the shape (channels, samples), full scale ±1."""

    samples: Samples
    sample_rate_hz: int

    @property
    def seconds(self) -> float:
        """The duration."""
        return float(self.samples.shape[1] / self.sample_rate_hz)

    def with_samples(self, samples: Samples) -> "Recording":
        """Return a recording of these samples at the same sample rate."""
        return replace(self, samples=samples)


def read_recording(path: Path) -> Recording:
    """Return an audio file at its own sample rate, mixed to stereo if it has more channels.

    Raises UnreadableAudio if the file holds no audio that FFmpeg can decode.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise UnreadableAudio(f"{path} has no audio.")
            stream = container.streams.audio[0]
            layout = "mono" if stream.channels == 1 else "stereo"
            to_float = av.AudioResampler(format="fltp", layout=layout, rate=stream.sample_rate)
            blocks = [
                converted.to_ndarray() for frame in container.decode(stream) for converted in to_float.resample(frame)
            ]
            rate = stream.sample_rate
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableAudio(f"{path} cannot be decoded: {error}") from error
    if not blocks:
        raise UnreadableAudio(f"{path} has no audio.")
    return Recording(np.concatenate(blocks, axis=1).astype(np.float64), rate)


def resample(recording: Recording, rate: int) -> Recording:
    """Return the recording at another sample rate."""
    divisor = gcd(rate, recording.sample_rate_hz)
    samples = resample_poly(recording.samples, rate // divisor, recording.sample_rate_hz // divisor, axis=1)
    return Recording(samples, rate)


def power(samples: Samples) -> float:
    """Return the mean power of samples."""
    return float(np.mean(np.square(samples)))


def lossless(recording: Recording, container: str = "WAV") -> bytes:
    """Return a 16-bit file in a format of libsndfile, made quieter where it would exceed full scale."""
    file = io.BytesIO()
    # libsndfile rounds towards minus infinity in WAV, which leaves a trace where two channels cancel out.
    steps = np.round(32_768 * _within_full_scale(recording.samples)).clip(-32_768, 32_767).astype(np.int16)
    soundfile.write(file, steps.T, recording.sample_rate_hz, format=container, subtype="PCM_16")
    return file.getvalue()


def mp3(recording: Recording, kbit_per_s: int) -> bytes:
    """Return an MP3 of constant bit rate, with the band that LAME keeps at that rate."""
    highest_hz = recording.sample_rate_hz if kbit_per_s >= _MPEG_1_KBIT_PER_S else _MPEG_2_HIGHEST_HZ
    return _compressed(recording, "mp3", "libmp3lame", kbit_per_s, min(recording.sample_rate_hz, highest_hz))


def opus(recording: Recording, kbit_per_s: int) -> bytes:
    """Return an Ogg Opus file."""
    return _compressed(recording, "ogg", "libopus", kbit_per_s, _OPUS_HZ)


def aac(recording: Recording, kbit_per_s: int) -> bytes:
    """Return an M4A file with AAC."""
    return _compressed(recording, "ipod", "aac", kbit_per_s, recording.sample_rate_hz)


def _compressed(recording: Recording, container: str, codec: str, kbit_per_s: int, rate: int) -> bytes:
    file = io.BytesIO()
    layout = "mono" if len(recording.samples) == 1 else "stereo"
    samples = np.ascontiguousarray(_within_full_scale(recording.samples), np.float32)
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        if not isinstance(stream, av.AudioStream):
            raise TypeError(f"{codec} is no codec of audio.")
        stream.bit_rate = 1000 * kbit_per_s
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        frame.sample_rate = recording.sample_rate_hz
        # The encoder resamples.
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()


def _within_full_scale(samples: Samples) -> Samples:
    return samples / max(1.0, float(np.abs(samples).max(initial=0)))

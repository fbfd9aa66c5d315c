"""Short songs in every format that this machine can write and the decoder takes."""

import io
from functools import cache

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

# Name -> format and encoding of libsndfile.
_LIBSNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "wav, float": ("WAV", "FLOAT"),
    "wav, ADPCM": ("WAV", "IMA_ADPCM"),
    "wav, RF64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "ULAW"),
    "caf": ("CAF", "PCM_24"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
}
# Name -> container and codec of FFmpeg.
_FFMPEG = {
    "m4a": ("ipod", "aac"),
    "m4a, ALAC": ("ipod", "alac"),
    "mp4": ("mp4", "aac"),
    "wma": ("asf", "wmav2"),
    "webm": ("webm", "libopus"),
    "matroska": ("matroska", "pcm_s16le"),
    "aac": ("adts", "aac"),
    "ac3": ("ac3", "ac3"),
    "eac3": ("eac3", "eac3"),
    "avi": ("avi", "libmp3lame"),
    "mpeg": ("mpeg", "mp2"),
    "mpegts": ("mpegts", "mp2"),
    "flv": ("flv", "aac"),
    "tta": ("tta", "tta"),
    "wv": ("wv", "wavpack"),
    "amr": ("amr", "libopencore_amrnb"),
}
_RATE_HZ = 44_100
# These have rates of their own.
_RATES_HZ = {"opus": 48_000, "webm": 48_000, "amr": 8_000}
_MONO = "amr"
_BIT_RATE = 192_000
FORMATS = (*_LIBSNDFILE, *_FFMPEG)


@cache
def song(name: str, seconds: float, seed: int = 0) -> bytes:
    """Return a song in one of `FORMATS`, the same for the same seed."""
    rate = _RATES_HZ.get(name, _RATE_HZ)
    samples = _music(seconds, rate, 1 if name == _MONO else 2, seed)
    if name in _LIBSNDFILE:
        file = io.BytesIO()
        container, encoding = _LIBSNDFILE[name]
        soundfile.write(file, samples, rate, format=container, subtype=encoding)
        return file.getvalue()
    return _with_ffmpeg(samples, rate, *_FFMPEG[name])


def _music(seconds: float, rate: int, channels: int, seed: int) -> NDArray[np.float32]:
    """Return chords over a beat, shape (samples, channels)."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    roots = rng.uniform(100, 220, size=2 + int(seconds))[time.astype(int)]
    phase = 2 * np.pi * np.cumsum(roots) / rate
    chords = sum(np.sin(ratio * phase) / ratio for ratio in (1, 1.25, 1.5, 2, 3, 5, 8))
    beat = rng.normal(size=len(time)) * np.exp(-12 * (time % 0.5))
    return np.stack([0.1 * chords + 0.1 * beat] * channels, axis=1).astype(np.float32)


def _with_ffmpeg(samples: NDArray[np.float32], rate: int, container: str, codec: str) -> bytes:
    file = io.BytesIO()
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        if not isinstance(stream, av.AudioStream):
            raise TypeError(f"{codec} is no codec of audio.")
        if codec != "libopencore_amrnb":
            stream.bit_rate = _BIT_RATE
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
        frame.sample_rate = rate
        # The encoder converts and resamples.
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()

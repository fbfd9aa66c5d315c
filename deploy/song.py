"""A song to ask with, where there is none: a few seconds of a chord."""

import io
import math
import wave
from array import array
from functools import cache

_RATE_HZ = 22_050
_SECONDS = 3
_PITCHES_HZ = (220, 275, 330)


@cache
def chord() -> bytes:
    """Return it as a WAV file."""
    steps = [2 * math.pi * pitch_hz / _RATE_HZ for pitch_hz in _PITCHES_HZ]
    samples = (round(6_000 * sum(math.sin(step * place) for step in steps)) for place in range(_SECONDS * _RATE_HZ))
    file = io.BytesIO()
    with wave.open(file, "wb") as song:
        song.setnchannels(1)
        song.setsampwidth(2)
        song.setframerate(_RATE_HZ)
        song.writeframes(array("h", samples).tobytes())
    return file.getvalue()

"""The example song of the site: `python -m tests.site.example_song` composes and writes it."""

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from tests.serving.server import ROOT

PATH = ROOT / "django_site" / "songs" / "static" / "songs" / "example.mp3"
_RATE_HZ = 32_000
_BEAT_SECONDS = 60 / 122
# A minor, F, C, G: two beats each, as MIDI notes.
_CHORDS = ((57, 60, 64), (53, 57, 60), (48, 55, 64), (55, 59, 62))
_BEATS = 24
Sound = NDArray[np.float64]


def compose() -> Sound:
    """Return twelve seconds of disco, mono, in [-1, 1]."""
    rng = np.random.default_rng(5)
    song = np.zeros(round((_BEATS + 1) * _BEAT_SECONDS * _RATE_HZ))
    for beat in range(_BEATS):
        chord = _CHORDS[beat // 2 % len(_CHORDS)]
        _add(song, beat, 0.6 * _kick())
        _add(song, beat + 0.5, 0.3 * _noise(rng, 0.16, 6000))
        for quarter in range(4):
            _add(song, beat + quarter / 4, 0.12 * _noise(rng, 0.06, 8000))
        if beat % 2:
            _add(song, beat, 0.5 * _noise(rng, 0.2, 1500))
        for half in range(2):
            _add(song, beat + half / 2, 0.4 * _tone(chord[0] - 24 + 12 * half, 0.22, 900))
        for note in chord:
            _add(song, beat, 0.1 * _tone(note + 12, 0.5, 6000, decay=1))
            _add(song, beat, 0.05 * _tone(note + 24, 0.5, 6000, decay=1))
    return np.asarray(song / np.abs(song).max() * 0.9)


def _add(song: Sound, beat: float, sound: Sound) -> None:
    first = round(beat * _BEAT_SECONDS * _RATE_HZ)
    song[first : first + len(sound)] += sound[: len(song) - first]


def _time(seconds: float) -> Sound:
    return np.arange(round(seconds * _RATE_HZ)) / _RATE_HZ


def _kick() -> Sound:
    time = _time(0.25)
    return np.asarray(np.sin(2 * np.pi * (45 * time + 6 * (1 - np.exp(-30 * time)))) * np.exp(-12 * time))


def _noise(rng: np.random.Generator, seconds: float, above_hz: float) -> Sound:
    time = _time(seconds)
    high = butter(2, above_hz, "highpass", fs=_RATE_HZ)
    return np.asarray(lfilter(*high, rng.normal(size=len(time))) * np.exp(-18 * time))


def _tone(note: int, seconds: float, below_hz: float, decay: float = 8) -> Sound:
    time = _time(seconds)
    hz = 440 * 2 ** ((note - 69) / 12)
    saw = sum(
        np.sin(2 * np.pi * hz * wobble * partial * time) / partial for partial in range(1, 12) for wobble in (1, 1.004)
    )
    low = butter(2, below_hz, "lowpass", fs=_RATE_HZ)
    fade = np.minimum(1, np.minimum(time, time[::-1]) / 0.005)
    return np.asarray(lfilter(*low, saw)) * np.exp(-decay * time) * fade


def main() -> None:
    """Write it as an MP3 of 48 kbit/s."""
    samples = np.round(compose() * 32_767).astype(np.int16)
    with av.open(str(PATH), "w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=_RATE_HZ, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 48_000
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = _RATE_HZ
        file.mux(stream.encode(frame))
        file.mux(stream.encode())


if __name__ == "__main__":
    main()

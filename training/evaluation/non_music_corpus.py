"""A corpus of 200 generated files that are no music, to measure how many of them a model gives no genre.

No model may be fitted to these. They come from other generators than the sounds of `non_music.py`, which are for
training: other kinds of sound, or the same kinds made by other means.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt
from tqdm import tqdm

import features
from features.bandwidth import Bandwidth
from features.settings import MelSettings, PatchSettings
from features.windows import SongWindows, song_windows
from inference.classifier import GenreClassifier
from training.data.tracks import CACHE, cached_arrays

FILES = 200
_RATES_HZ = (16_000, 22_050, 44_100, 48_000)

Sound = NDArray[np.float64]


def share_not_sure(classifier: GenreClassifier) -> float:
    """Return the share of the corpus for which a model gives no genre."""
    songs = _corpus_windows(classifier.card.mel, classifier.card.patches)
    predicted = [classifier.predict(song).genre for song in tqdm(songs, "predicting non-music", unit="sound")]
    return float(np.mean([genre is None for genre in predicted]))


def _corpus_windows(settings: MelSettings, patches: PatchSettings | None) -> list[SongWindows]:
    """Return the features of the files, which models with the same settings share; kept in the cache."""
    code = [path.read_bytes() for path in (Path(__file__), *sorted(Path(features.__file__).parent.glob("*.py")))]
    arrays = cached_arrays(
        CACHE / "non_music_corpus",
        [settings, patches, code],
        lambda: [
            array
            for _, content in tqdm(corpus(), "hearing non-music", FILES, unit="sound")
            for array in _to_arrays(song_windows(content, settings, patches=patches))
        ],
    )
    per_song = len(fields(SongWindows))
    return [_from_arrays(arrays[first : first + per_song]) for first in range(0, len(arrays), per_song)]


def _to_arrays(song: SongWindows) -> list[NDArray[Any]]:
    """Return the fields of a song's features, each as an array."""
    values = vars(song) | {"bandwidth": [song.bandwidth.low_hz, song.bandwidth.high_hz]}
    return [np.zeros(0) if value is None else np.asarray(value) for value in values.values()]


def _from_arrays(arrays: Sequence[NDArray[Any]]) -> SongWindows:
    """Return the features that `_to_arrays` was given."""
    names = [field.name for field in fields(SongWindows)]
    values: dict[str, Any] = {
        name: (array if array.size else None) if array.ndim else array.item()
        for name, array in zip(names, arrays, strict=True)
    }
    values["bandwidth"] = Bandwidth(*values["bandwidth"].tolist())
    return SongWindows(**values)


def corpus() -> Iterator[tuple[str, bytes]]:
    """Yield 200 WAV files of 5 to 30 seconds, each with the kind of sound in it; they are always the same."""
    kinds = list(KINDS.items())
    for index in range(FILES):
        rng = np.random.default_rng([2026, index])
        kind, make = kinds[index % len(kinds)]
        rate = int(rng.choice(_RATES_HZ))
        time = np.arange(round(rng.uniform(5, 30) * rate)) / rate
        sound = make(time, rate, rng)
        sound = sound / max(np.abs(sound).max(), 1) * rng.uniform(0.05, 0.9)
        file = io.BytesIO()
        soundfile.write(file, sound, rate, format="WAV", subtype="PCM_16")
        yield kind, file.getvalue()


def _silence(time: Sound, _: int, rng: np.random.Generator) -> Sound:
    """Return a constant, or the last bit of 16 at random."""
    return np.asarray(rng.choice([0, 0.1]) + rng.choice([0, 1e-4]) * rng.integers(-1, 2, len(time)))


def _rain(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return drops at random moments over a hiss."""
    drops = (rng.random(len(time)) < rng.uniform(20, 400) / rate) * rng.exponential(1, len(time))
    decay = np.exp(-np.arange(rate // 50) / (0.003 * rate))
    return np.convolve(drops, decay * rng.normal(size=len(decay)))[: len(time)] + 0.02 * rng.normal(size=len(time))


def _wind(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return low noise in gusts."""
    gusts = 1.2 + sum(np.sin(2 * np.pi * rng.uniform(0.05, 0.6) * time + rng.uniform(0, 6)) / 3 for _ in range(3))
    low = butter(2, rng.uniform(150, 900), fs=rate, output="sos")
    return np.asarray(sosfilt(low, rng.normal(size=len(time))) * gusts**2)


def _static(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return hiss that breaks off and comes back at random, as from a radio."""
    flips = rng.random(len(time)) < rng.uniform(1, 15) / rate
    return rng.uniform(-1, 1, len(time)) * np.where(np.cumsum(flips) % 2, 1, rng.uniform(0, 0.3))


def _waveform(time: Sound, _: int, rng: np.random.Generator) -> Sound:
    """Return a square, sawtooth or triangle wave."""
    phase = rng.uniform(60, 2000) * time % 1
    return np.asarray([np.sign(phase - 0.5), 2 * phase - 1, 4 * np.abs(phase - 0.5) - 1][rng.integers(3)])


def _beeps(time: Sound, _: int, rng: np.random.Generator) -> Sound:
    """Return an alarm: a beep, or two that alternate."""
    low_hz, high_hz = rng.uniform(400, 3500), rng.uniform(400, 3500)
    turn = time / rng.uniform(0.15, 1.0)
    hz = np.where(turn % 2 < 1, low_hz, rng.choice([low_hz, high_hz]))
    return np.sin(2 * np.pi * hz * time) * (turn % 1 < rng.uniform(0.4, 1))


def _dialling(time: Sound, _: int, rng: np.random.Generator) -> Sound:
    """Return a telephone's keys, two tones each (ITU-T Q.23)."""
    press = (time / rng.uniform(0.12, 0.5)).astype(int)
    low_hz = rng.choice([697, 770, 852, 941], press[-1] + 1)[press]
    high_hz = rng.choice([1209, 1336, 1477], press[-1] + 1)[press]
    held = press % rng.choice([2, 100]) == 0
    return np.asarray((np.sin(2 * np.pi * low_hz * time) + np.sin(2 * np.pi * high_hz * time)) * held)


def _siren(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return a tone that rises and falls."""
    centre_hz, period_seconds = rng.uniform(500, 1500), rng.uniform(0.3, 8)
    hz = centre_hz * (1 + rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * time / period_seconds))
    return np.sin(2 * np.pi * np.cumsum(hz) / rate)


def _stairs(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return a hearing test: tones a third of an octave apart, from low to high."""
    steps = (time / rng.uniform(0.5, 2)).astype(int) % 24
    return np.sin(2 * np.pi * np.cumsum(31.25 * 2 ** (steps / 3)) / rate)


def _buzz(time: Sound, _: int, rng: np.random.Generator) -> Sound:
    """Return the mains through a rectifier, a dimmer or an overdriven amplifier."""
    mains = np.sin(2 * np.pi * rng.choice([50, 60]) * time)
    dimmed = mains * (np.abs(mains) > rng.uniform(0.2, 0.9))
    buzz = [np.abs(mains), dimmed, np.clip(rng.uniform(2, 20) * mains, -1, 1)][rng.integers(3)]
    return np.asarray(buzz + rng.uniform(0, 0.01) * rng.normal(size=len(time)))


def _engine(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return an engine's strokes, whose rate wanders."""
    strokes_hz = rng.uniform(8, 60) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.02, 0.3) * time))
    stroke = np.cumsum(strokes_hz) / rate
    low = butter(2, rng.uniform(200, 1500), fs=rate, output="sos")
    return np.asarray(sosfilt(low, np.exp(-5 * (stroke % 1)) * (0.3 + rng.random(len(time)))))


def _geiger_counter(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return clicks at moments that depend on nothing."""
    clicks = (rng.random(len(time)) < rng.uniform(1, 60) / rate).astype(float)
    high = butter(2, rng.uniform(500, 3000), "highpass", fs=rate, output="sos")
    return np.asarray(sosfilt(high, clicks))


def _crackle(time: Sound, _: int, rng: np.random.Generator) -> Sound:
    """Return the groove of a worn record without music: crackle, and a thump each turn."""
    crackle = rng.standard_cauchy(len(time)).clip(-300, 300) / 300
    turn_seconds = 60 / rng.choice([33.33, 45, 78])
    thump = np.exp(-(time % turn_seconds) * 60) * np.sin(2 * np.pi * 55 * time)
    return np.asarray(crackle + rng.uniform(0, 0.5) * thump)


def _speech(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return sentences of harmonics under formants that glide, without resonators or pulses."""
    pitch_hz = rng.uniform(90, 240) * 2 ** (_wander(time, 3, rng) / 4 - 0.15 * (time % rng.uniform(1.5, 4)) / 2)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate
    size = rng.uniform(0.9, 1.2)
    formants_hz = [size * (centre + spread * _wander(time, 6, rng)) for centre, spread in _FORMANTS_HZ]
    voice = np.zeros_like(time)
    for number in range(1, 25):
        hz = number * pitch_hz
        level = sum(1 / (1 + ((hz - formant_hz) / 90) ** 2) for formant_hz in formants_hz)
        voice += np.asarray(level) / number**0.5 * np.sin(number * phase) * (hz < 0.45 * rate)
    syllables = np.clip(_wander(time, rng.uniform(6, 10), rng) + 0.35, 0, 1)
    pauses = _wander(time, 0.7, rng) > -0.6
    hisses = np.clip(_wander(time, 8, rng) - 0.55, 0, 1) * np.diff(rng.normal(size=len(time)), prepend=0)
    return np.asarray((voice * syllables + 0.4 * hisses) * pauses)


# Centre and range of the first formants of adults, roughly.
_FORMANTS_HZ = ((500, 250), (1500, 650), (2500, 300), (3500, 150))


def _wander(time: Sound, changes_hz: float, rng: np.random.Generator) -> Sound:
    """Return a level between -1 and 1 that moves elsewhere so many times per second."""
    points = np.arange(0, time[-1] + 1, 1 / changes_hz)
    return np.asarray(np.interp(time, points, rng.uniform(-1, 1, len(points))))


KINDS: dict[str, Callable[[Sound, int, np.random.Generator], Sound]] = {
    "silence": _silence,
    "rain": _rain,
    "wind": _wind,
    "static": _static,
    "waveform": _waveform,
    "beeps": _beeps,
    "dialling": _dialling,
    "siren": _siren,
    "stairs": _stairs,
    "buzz": _buzz,
    "engine": _engine,
    "geiger counter": _geiger_counter,
    "crackle": _crackle,
    "speech": _speech,
}

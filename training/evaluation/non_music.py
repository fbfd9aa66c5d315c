"""Generated sounds that are no music, for models to learn from.

A model that has only ever seen songs gives noise a genre, and is often very sure of it. One that also learns from
sounds for which no genre is right (outlier exposure: Hendrycks, Mazeika and Dietterich, 2019, arXiv 1812.04606) is
not, also for kinds of sound it has not met. How well that worked is measured on other sounds: those of
`training/evaluation/non_music_corpus.py`, which share no generator with these.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import chirp, lfilter, sosfilt
from tqdm import tqdm

from features.clips import scale_clip
from features.mel import log_mel
from features.settings import MelSettings
from training.data.tracks import CACHE, cached_arrays

Sound = NDArray[np.float64]

# Formants of nine vowels in Hz (Peterson and Barney, 1952, men).
_VOWELS_HZ = (
    (270, 2290, 3010),
    (390, 1990, 2550),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (440, 1020, 2240),
    (300, 870, 2240),
    (490, 1350, 1690),
)
_FORMANT_WIDTHS_HZ = (70, 100, 140)


def non_music_clips(settings: MelSettings, number: int, seed: int) -> list[NDArray[np.float32]]:
    """Return clips of sounds that are no music, float32 of shape (n_mels, frames) in [0, 1], lowest band first.

    The sounds are those of `non_music_sounds`. The clips are kept in the cache.
    """
    return cached_arrays(
        CACHE / "non_music",
        [settings, number, seed, Path(__file__).read_bytes()],
        lambda: [
            scale_clip(log_mel(sound, settings.sample_rate_hz, settings))
            for sound in tqdm(non_music_sounds(settings, number, seed), "generating non-music", number, unit="sound")
        ],
    )


def non_music_sounds(settings: MelSettings, number: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Yield sounds that are no music, float32 of shape (samples,) at `settings.sample_rate_hz`.

    Each is as long as one window or up to two, and never longer than a clip. The kinds take turns. The same arguments
    give the same sounds.
    """
    for index in range(number):
        yield _sound(settings, KINDS, index, np.random.default_rng([seed, index]))


def high_voices(settings: MelSettings, number: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Yield speech of high voices, such as women's and children's; otherwise as `non_music_sounds`."""
    for index in range(number):
        yield _sound(settings, (_high_speech,), index, np.random.default_rng([seed, index]))


def _sound(settings: MelSettings, kinds: Sequence["Kind"], index: int, rng: np.random.Generator) -> NDArray[np.float32]:
    rate = settings.sample_rate_hz
    seconds = rng.uniform(settings.window_seconds, min(2 * settings.window_seconds, settings.clip_seconds))
    time = np.arange(round(seconds * rate)) / rate
    sound = _normal(kinds[index % len(kinds)](time, rate, rng))
    if len(kinds) > 1 and rng.random() < 0.3:
        sound += 10 ** rng.uniform(-3, 0) * _normal(kinds[int(rng.integers(len(kinds)))](time, rate, rng))
    # As loud as recordings are, and in 16 bits as most are.
    return (np.round(sound * 10 ** rng.uniform(-2, -0.3) * 32_768) / 32_768).astype(np.float32)


def _normal(sound: Sound) -> Sound:
    greatest = np.abs(sound).max()
    return sound / greatest if greatest else sound


def _silence(time: Sound, _: int, rng: np.random.Generator) -> Sound:
    """Return nothing, or one short sound and then nothing."""
    if rng.random() < 0.5:
        return np.zeros_like(time)
    return rng.normal(size=len(time)) * np.exp(-time / rng.uniform(0.01, 0.5))


def _noise(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return noise whose power falls or rises with frequency, swelling slowly."""
    exponent = rng.uniform(-2.5, 0.5)
    return _shaped_noise(len(time), rate, rng, lambda hz: hz ** (exponent / 2)) * _swell(time, rng)


def _band_noise(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return noise between two frequencies."""
    low_hz = _log_uniform(rng, 30, rate / 6)
    high_hz = low_hz * rng.uniform(1.1, 8)
    noise = _shaped_noise(len(time), rate, rng, lambda hz: ((hz > low_hz) & (hz < high_hz)) + 1e-4)
    return noise * _swell(time, rng)


def _tones(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return up to four tones that last, waver or come and go."""
    sound = np.zeros_like(time)
    for _ in range(rng.integers(1, 5)):
        hz = _log_uniform(rng, 50, 0.4 * rate)
        wavering = rng.choice([0, 0.02]) * hz * np.sin(2 * np.pi * rng.uniform(0.1, 8) * time)
        tone = np.sin(2 * np.pi * np.cumsum(hz + wavering) / rate)
        sound += rng.uniform(0.1, 1) * tone * (_swell(time, rng) if rng.random() < 0.5 else _gate(time, rng))
    return sound


def _sweeps(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return a tone that glides from one frequency to another, over and over."""
    period_seconds = _log_uniform(rng, 0.3, 30)
    start_hz, end_hz = _log_uniform(rng, 30, 0.45 * rate), _log_uniform(rng, 30, 0.45 * rate)
    method = rng.choice(["linear", "logarithmic"])
    return np.asarray(chirp(time % period_seconds, start_hz, period_seconds, end_hz, method))


def _hum(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return harmonics of the mains or of a motor, over faint noise."""
    base_hz = rng.choice([50, 60, rng.uniform(20, 300)])
    numbers = np.arange(1, 1 + min(int(rng.integers(2, 25)), int(0.45 * rate / base_hz)))
    levels = rng.uniform(0.1, 1, len(numbers)) * numbers ** -rng.uniform(0, 2)
    phases = rng.uniform(0, 2 * np.pi, len(numbers))
    hum = sum(
        level * np.sin(2 * np.pi * number * base_hz * time + phase)
        for number, level, phase in zip(numbers, levels, phases, strict=True)
    )
    return np.asarray(hum) + 10 ** rng.uniform(-4, -1) * rng.normal(size=len(time))


def _clicks(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return clicks, ringing or dull, that come evenly or not."""
    every_seconds = _log_uniform(rng, 0.03, 2)
    jitter = rng.choice([0, 0.05, 0.5])
    at = np.cumsum(every_seconds * np.maximum(0.1, rng.normal(1, jitter, 1 + int(time[-1] / every_seconds))))
    pulses = np.zeros_like(time)
    pulses[(at[at < time[-1]] * rate).astype(int)] = 1
    return _resonate(pulses, rate, [(_log_uniform(rng, 100, 0.4 * rate), _log_uniform(rng, 20, 3000))])


def _speech(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return syllables of one voice, which is at most as high as most women's."""
    voice_hz, size, longest_seconds = rng.uniform(60, 300), rng.uniform(0.85, 1.3), rng.uniform(0.15, 0.4)
    pauses, voiced = rng.uniform(0.02, 0.2), rng.random() < 0.9
    return _syllables(time, rate, rng, voice_hz * voiced, size, longest_seconds, pauses)


def _high_speech(time: Sound, rate: int, rng: np.random.Generator) -> Sound:
    """Return syllables of a high voice."""
    voice_hz, size, longest_seconds = rng.uniform(140, 450), rng.uniform(1.0, 1.5), rng.uniform(0.12, 0.35)
    return _syllables(time, rate, rng, voice_hz, size, longest_seconds, rng.uniform(0.02, 0.2))


def _syllables(
    time: Sound,
    rate: int,
    rng: np.random.Generator,
    voice_hz: float,
    size: float,
    longest_seconds: float,
    pauses: float,
) -> Sound:
    """Return syllables of one voice: pulses through three resonances, hisses, and pauses."""
    parts: list[Sound] = []
    samples = 0
    while samples < len(time):
        if rng.random() < pauses:
            part = np.zeros(round(rng.uniform(0.1, 0.9) * rate))
        else:
            part = _vowel(voice_hz, size, rng.uniform(0.05, longest_seconds), rate, rng)
            part = np.concatenate([_hiss(rate, rng), part])
        parts.append(part)
        samples += len(part)
    return np.concatenate(parts)[: len(time)] + 10 ** rng.uniform(-5, -2) * rng.normal(size=len(time))


Kind = Callable[[Sound, int, np.random.Generator], Sound]
KINDS: tuple[Kind, ...] = (
    _silence,
    _noise,
    _band_noise,
    _tones,
    _sweeps,
    _hum,
    _clicks,
    _speech,
)


def _hiss(rate: int, rng: np.random.Generator) -> Sound:
    samples = round(rng.uniform(0.02, 0.12) * rate)
    noise = rng.normal(size=samples) * np.hanning(samples)
    level = float(rng.choice([0, 0.02, 0.1, 0.4]))
    return level * _resonate(noise, rate, [(rng.uniform(1500, 7000), rng.uniform(500, 3000))])


def _vowel(voice_hz: float, size: float, seconds: float, rate: int, rng: np.random.Generator) -> Sound:
    """Return a vowel, whispered if the voice is at 0 Hz."""
    samples = round(seconds * rate)
    pitch_hz = voice_hz * np.interp(np.arange(samples), [0, samples], rng.normal(1, 0.12, 2).clip(0.6))
    pulses = np.diff(np.floor(np.cumsum(pitch_hz) / rate), prepend=0.0) + 0.01 * rng.normal(size=samples)
    # A glottis's spectrum falls by about 12 dB an octave, and the lips give 6 back.
    source = lfilter([1.0], [1.0, -0.95], pulses)
    formants_hz = size * np.asarray(_VOWELS_HZ[rng.integers(len(_VOWELS_HZ))])
    vowel = _resonate(source, rate, list(zip(formants_hz, _FORMANT_WIDTHS_HZ, strict=True)))
    return vowel * np.hanning(samples) ** 0.3 * rng.uniform(0.4, 1)


def _resonate(sound: Sound, rate: int, resonances: list[tuple[float, float]]) -> Sound:
    """Return a sound through resonances one after another, given as centres and widths in Hz.

    Klatt's digital resonator (1980): gain 1 at 0 Hz.
    """
    sections = []
    for centre_hz, width_hz in resonances:
        radius = np.exp(-np.pi * width_hz / rate)
        b, c = 2 * radius * np.cos(2 * np.pi * centre_hz / rate), -(radius**2)
        sections.append([1 - b - c, 0, 0, 1, -b, -c])
    return np.asarray(sosfilt(sections, sound))


def _shaped_noise(
    samples: int, rate: int, rng: np.random.Generator, gain: Callable[[Sound], NDArray[np.floating]]
) -> Sound:
    """Return Gaussian noise with the given gain over frequency in Hz."""
    size = next_fast_len(samples, real=True)
    hz = np.maximum(rfftfreq(size, 1 / rate), 20)
    return np.asarray(irfft(rfft(rng.normal(size=size)) * gain(hz), size)[:samples])


def _swell(time: Sound, rng: np.random.Generator) -> Sound:
    """Return a level between 0.001 and 1 that drifts, or stays."""
    depth_db = rng.choice([0, rng.uniform(0, 60)])
    points = np.linspace(0, time[-1], 2 + int(time[-1] * _log_uniform(rng, 0.1, 5)))
    return np.asarray(10 ** (-np.interp(time, points, rng.uniform(0, depth_db, len(points))) / 20))


def _gate(time: Sound, rng: np.random.Generator) -> Sound:
    """Return ones and zeros that alternate evenly."""
    return ((time / _log_uniform(rng, 0.1, 3)) % 1 < rng.uniform(0.1, 0.9)).astype(float)


def _log_uniform(rng: np.random.Generator, least: float, greatest: float) -> float:
    return float(np.exp(rng.uniform(np.log(least), np.log(greatest))))

"""Generated sounds that are no music, and silence.

Models learn from generated sounds too. These share no code with those, and are made by other means.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from benchmarks.robustness.recordings import Recording, Samples

SOUNDS_PER_KIND = 5
SILENCES = 12
_SEED = 7
_RATES_HZ = (16_000, 22_050, 44_100)
_DTMF_HZ = ((697, 770, 852, 941), (1209, 1336, 1477, 1633))
_MORSE = {
    "a": ".-",
    "d": "-..",
    "e": ".",
    "i": "..",
    "n": "-.",
    "o": "---",
    "q": "--.-",
    "r": ".-.",
    "s": "...",
    "t": "-",
}

Generate = Callable[[Samples, int, np.random.Generator, int], Samples]


def noises() -> list[tuple[str, Callable[[], Recording]]]:
    """Return 80 sounds: the kind of each, and how to make it. They last 8 to 30 seconds and are always the same."""
    return [
        (kind, partial(_noise_of, number, kind, turn))
        for number, (turn, kind) in enumerate((turn, kind) for turn in range(SOUNDS_PER_KIND) for kind in _KINDS)
    ]


def silences() -> list[tuple[str, Callable[[], Recording]]]:
    """Return recordings of nothing: zeros, a constant, and noise floors of -75 and -90 dBFS."""
    return [("silence", partial(_silence_of, number)) for number in range(SILENCES)]


def _noise_of(number: int, kind: str, turn: int) -> Recording:
    rng = np.random.default_rng([_SEED, number])
    rate = int(rng.choice(_RATES_HZ))
    time = np.arange(round(rng.uniform(8, 30) * rate)) / rate
    sound = _KINDS[kind](time, rate, rng, turn)
    # As loud as recordings are, over the noise of a good microphone.
    sound = sound / np.abs(sound).max() * 10 ** rng.uniform(-1.2, -0.05) + 3e-5 * rng.normal(size=len(time))
    return Recording(sound[None], rate)


def _silence_of(number: int) -> Recording:
    rng = np.random.default_rng([_SEED, 1000, number])
    rate = _RATES_HZ[number % len(_RATES_HZ)]
    shape = (1 + number % 2, round(rng.uniform(2, 70) * rate))
    level, offset = ((0, 0), (0, 0.01), (10 ** (-75 / 20), 0), (10 ** (-90 / 20), 0))[number // 3]
    return Recording(offset + level * rng.normal(size=shape), rate)


def _pink(samples: int, rng: np.random.Generator) -> Samples:
    """Return noise that falls by 3 dB an octave: random values held for 1, 2, 4 ... samples (Voss and McCartney)."""
    rows = (np.repeat(rng.normal(size=samples // 2**octave + 1), 2**octave)[:samples] for octave in range(14))
    return np.asarray(sum(rows))


def _keyed(states: Samples, seconds: float, samples: int, rate: int) -> Samples:
    """Return states, each held for so many seconds, over and over."""
    return np.asarray(states[(np.arange(samples) / (seconds * rate)).astype(int) % len(states)])


def _tone(hz: Samples | float, rate: int, samples: int) -> Samples:
    """Return a sine of that frequency, which may change, without a jump of its phase."""
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(hz, samples)) / rate)


def _noise(time: Samples, _: int, rng: np.random.Generator, turn: int) -> Samples:
    """Return white, pink or brown noise."""
    if turn % 3 == 0:
        return rng.uniform(-1, 1, len(time))
    if turn % 3 == 1:
        return _pink(len(time), rng)
    return np.asarray(lfilter([1], [1, -0.999], rng.normal(size=len(time))))


def _sea(time: Samples, _: int, rng: np.random.Generator, __: int) -> Samples:
    """Return breakers: pink noise that swells slowly and loses its highs as a wave runs out."""
    swell = (0.5 + 0.5 * np.sin(2 * np.pi * time / rng.uniform(5, 12) + rng.uniform(0, 6))) ** rng.uniform(1, 3)
    near = _pink(len(time), rng)
    far = lfilter([0.05], [1, -0.95], _pink(len(time), rng))
    return np.asarray(swell * near + 2 * far)


def _rain(time: Samples, rate: int, rng: np.random.Generator, __: int) -> Samples:
    """Return drops on several surfaces, each a dense shower of impulses through its own resonance."""
    sound = np.zeros_like(time)
    for _ in range(4):
        drops = rng.poisson(rng.uniform(200, 3000) / rate, len(time)) * rng.gamma(0.7, size=len(time))
        centre_hz = rng.uniform(600, 0.35 * rate)
        band = butter(1, (0.7 * centre_hz, 1.3 * centre_hz), "bandpass", fs=rate, output="sos")
        sound += sosfilt(band, drops)
    return sound


def _wind(time: Samples, rate: int, rng: np.random.Generator, __: int) -> Samples:
    """Return a howl: bands of noise that take over from one another as the gusts rise."""
    gust = np.interp(time, np.arange(0, time[-1] + 2, 1.5), rng.random(int((time[-1] + 2) // 1.5) + 1))
    sound = np.zeros_like(time)
    for step, centre_hz in enumerate(np.geomspace(120, 1200, 6)):
        band = butter(2, (0.85 * centre_hz, 1.18 * centre_hz), "bandpass", fs=rate, output="sos")
        sound += sosfilt(band, rng.normal(size=len(time))) * np.exp(-((6 * gust - step) ** 2))
    return sound * (0.2 + gust)


def _modem(time: Samples, rate: int, rng: np.random.Generator, turn: int) -> Samples:
    """Return bits as two frequencies (V.21 and Bell 103 at 300 bit/s, V.23 at 1200, Bell 202)."""
    zero_hz, one_hz, bits = ((1850, 1650, 300), (1070, 1270, 300), (2100, 1300, 1200), (2200, 1200, 1200))[turn % 4]
    hz = np.where(rng.random(int(time[-1] * bits) + 1) < 0.5, zero_hz, one_hz)
    return _tone(_keyed(hz, 1 / bits, len(time), rate), rate, len(time))


def _fax(time: Samples, rate: int, rng: np.random.Generator, __: int) -> Samples:
    """Return a call (T.30): a tone of 1100 Hz, an answer of 2100 Hz, then the page, phase-shifted at 1800 Hz."""
    phase = _keyed(rng.integers(0, 8, 5000) * np.pi / 4, 1 / 1600, len(time), rate)
    page = np.sin(2 * np.pi * 1800 * time + phase)
    call = _tone(1100.0, rate, len(time)) * (time % 3.5 < 0.5)
    return np.asarray(np.select([time < 4, time < 6.6], [call, _tone(2100.0, rate, len(time))], page))


def _dtmf(time: Samples, rate: int, rng: np.random.Generator, turn: int) -> Samples:
    """Return keys of a telephone pressed for 70 ms or more, with gaps between, on a line that hisses."""
    hold_seconds = 0.07 + 0.05 * turn
    low, high = (_keyed(rng.choice(group, 40), 2 * hold_seconds, len(time), rate) for group in _DTMF_HZ)
    keys = (_tone(low, rate, len(time)) + 1.25 * _tone(high, rate, len(time))) * (
        time % (2 * hold_seconds) < hold_seconds
    )
    return np.asarray(keys + 0.01 * rng.normal(size=len(time)))


def _dial_tone(time: Samples, rate: int, _: np.random.Generator, turn: int) -> Samples:
    """Return the tones of five networks: dial, busy and ringing."""
    hz, on_seconds, off_seconds = (
        ((425,), 1, 0),
        ((350, 440), 1, 0),
        ((480, 620), 0.5, 0.5),
        ((440, 480), 2, 4),
        ((425,), 0.48, 0.48),
    )[turn]
    tones = sum(_tone(float(each), rate, len(time)) for each in hz)
    return np.asarray(tones * (time % (on_seconds + off_seconds) < on_seconds))


def _single_tone(time: Samples, rate: int, _: np.random.Generator, turn: int) -> Samples:
    return _tone(float((100, 440, 1000, 3000, 6000)[turn]), rate, len(time))


def _tones(time: Samples, rate: int, rng: np.random.Generator, turn: int) -> Samples:
    """Return two to six tones at once, which have nothing to do with one another and stay as they are."""
    tones = (rng.uniform(0.3, 1) * _tone(hz, rate, len(time)) for hz in rng.uniform(80, 0.4 * rate, 2 + turn))
    return np.asarray(sum(tones))


def _sweep(time: Samples, rate: int, rng: np.random.Generator, turn: int) -> Samples:
    """Return a tone that goes up and down again between two frequencies, evenly in octaves."""
    position = np.abs(2 * (time / (1.5 * 2**turn) % 1) - 1)
    low_hz, high_hz = rng.uniform(40, 300), rng.uniform(0.15, 0.4) * rate
    return _tone(low_hz * (high_hz / low_hz) ** position, rate, len(time))


def _hum(time: Samples, rate: int, rng: np.random.Generator, turn: int) -> Samples:
    """Return the mains with the harmonics of a transformer that saturates, and a slow drift of its frequency."""
    mains_hz = (50, 60)[turn % 2] * (1 + 0.001 * np.sin(2 * np.pi * 0.05 * time))
    mains = _tone(mains_hz, rate, len(time))
    return np.tanh(rng.uniform(1, 5) * (mains + rng.uniform(-0.5, 0.5))) + 0.003 * _pink(len(time), rng)


def _clicks(time: Samples, _: int, rng: np.random.Generator, turn: int) -> Samples:
    """Return a clock's ticks, or someone who types: short bursts of noise that die away."""
    gaps = np.full(400, rng.uniform(0.25, 1.2)) if turn % 2 else rng.gamma(2, 0.08, 400)
    since = time - np.concatenate([[0], np.cumsum(gaps)])[np.searchsorted(np.cumsum(gaps), time, "right")]
    return np.asarray(np.exp(-since / rng.uniform(0.002, 0.02)) * rng.normal(size=len(time)))


def _engine(time: Samples, rate: int, rng: np.random.Generator, __: int) -> Samples:
    """Return the buzz of a motor: a saw's edge at each stroke, through a pipe that echoes, as its speed changes."""
    strokes_hz = rng.uniform(25, 120) * np.interp(time, np.linspace(0, 30, 12), rng.uniform(0.7, 1.4, 12))
    saw = 2 * (np.cumsum(strokes_hz) / rate % 1) - 1
    pipe = np.zeros(round(rng.uniform(0.002, 0.008) * rate))
    return np.asarray(lfilter([1], [1, *pipe, 0.6], saw + 0.1 * rng.normal(size=len(time))))


def _alarm(time: Samples, rate: int, rng: np.random.Generator, turn: int) -> Samples:
    """Return a horn with odd harmonics: a smoke alarm's three beeps (ISO 8201), a lorry, a two-tone horn, a klaxon."""
    base_hz = rng.uniform(500, 3000)
    hz = np.where(time % 1.4 < 0.7, base_hz, base_hz * 0.75) if turn % 2 else np.full(len(time), base_hz)
    on = (time % 4 < 3) & (time % 1 < 0.5) if turn == 0 else time % 1.2 < (0.6, 1.2, 0.6, 1.2, 0.2)[turn]
    return np.asarray(np.tanh(3 * _tone(hz, rate, len(time))) * on)


def _morse(time: Samples, rate: int, rng: np.random.Generator, __: int) -> Samples:
    """Return letters in Morse code at 12 to 25 words per minute, on a band with static."""
    letters = rng.choice(list(_MORSE.values()), 200)
    units = "000".join("0".join({".": "1", "-": "111"}[mark] for mark in letter) for letter in letters)
    keyed = _keyed(np.array(list(units), float), 1.2 / rng.uniform(12, 25), len(time), rate)
    edges = lfilter([0.01], [1, -0.99], keyed)
    return np.asarray(
        edges * _tone(rng.uniform(500, 900), rate, len(time)) + rng.uniform(0, 0.05) * _pink(len(time), rng)
    )


_KINDS: dict[str, Generate] = {
    "noise": _noise,
    "sea": _sea,
    "rain": _rain,
    "wind": _wind,
    "modem": _modem,
    "fax": _fax,
    "DTMF": _dtmf,
    "dial tone": _dial_tone,
    "single tone": _single_tone,
    "several tones": _tones,
    "sweep": _sweep,
    "hum": _hum,
    "clicks": _clicks,
    "engine": _engine,
    "alarm": _alarm,
    "morse": _morse,
}

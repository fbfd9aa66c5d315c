"""Changes that a song may go through on its way, made to copies in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.signal import butter, resample_poly, sosfilt

from benchmarks.robustness.recordings import Recording, Samples, aac, lossless, mp3, opus, power, resample
from benchmarks.robustness.voices import ESPEAK, speech
from features.clips import SHORTEST_SECONDS

NOISE_FLOOR_DBFS = -75.0
# A recording whose channels differ by less than this is mono in two channels.
_STEREO_DB = -40.0

Make = Callable[[Recording, np.random.Generator], bytes | None]


@dataclass(frozen=True)
class Change:
    """One change: `make` returns the changed copy as a file, or None for a song that it does not apply to.

    `needs` is the program that it cannot be made without.
    """

    kind: str
    name: str
    make: Make
    needs: str | None = None


def with_noise(samples: Samples, under_db: float, rng: np.random.Generator) -> Samples:
    """Return samples with white noise so many dB under their mean power."""
    gain = np.sqrt(power(samples) * 10 ** (-under_db / 10))
    return np.asarray(samples + gain * rng.normal(size=samples.shape))


def _resampled(song: Recording, _: np.random.Generator, *, rate: int) -> bytes | None:
    return lossless(resample(song, rate)) if song.sample_rate_hz > rate else None


def _filtered(song: Recording, order: int, hz: float | tuple[float, float]) -> Recording | None:
    """Return the song through a Butterworth low-pass or band-pass; None if the song has nothing above it."""
    if np.max(hz) >= song.sample_rate_hz / 2:
        return None
    kind = "bandpass" if isinstance(hz, tuple) else "lowpass"
    return song.with_samples(sosfilt(butter(order, hz, kind, fs=song.sample_rate_hz, output="sos"), song.samples))


def _band(song: Recording, _: np.random.Generator, *, order: int, hz: float | tuple[float, float]) -> bytes | None:
    filtered = _filtered(song, order, hz)
    return None if filtered is None else lossless(filtered)


def _radio(song: Recording, rng: np.random.Generator) -> bytes | None:
    """Return the song as AM radio brings it: the receiver's band limits the noise as well."""
    band = (100.0, 4500.0)
    music = _filtered(song, 4, band)
    noise = _filtered(song.with_samples(rng.normal(size=song.samples.shape)), 4, band)
    if music is None or noise is None:
        return None
    gain = np.sqrt(power(music.samples) * 1e-3 / power(noise.samples))
    return lossless(music.with_samples(music.samples + gain * noise.samples))


def _shellac(song: Recording, rng: np.random.Generator) -> bytes | None:
    """Return the song as from a worn record of 78 turns per minute, with hiss over the whole band and crackle."""
    music = _filtered(song, 3, (150.0, 5000.0))
    if music is None:
        return None
    rate = song.sample_rate_hz
    loudness = np.sqrt(power(music.samples))
    crackle = (rng.random(song.samples.shape[1]) < 40 / rate) * rng.laplace(size=song.samples.shape[1])
    ringing = sosfilt(butter(1, (1000, min(6000, 0.45 * rate)), "bandpass", fs=rate, output="sos"), crackle)
    surface = 4 * loudness * ringing / max(np.abs(ringing).max(), 1e-12)
    return lossless(music.with_samples(with_noise(music.samples, 24, rng) + surface))


def _encoded(song: Recording, _: np.random.Generator, *, write: Callable[[Recording], bytes]) -> bytes:
    return write(song)


def _inverted(song: Recording, _: np.random.Generator, *, write: Callable[[Recording], bytes]) -> bytes:
    """Return the song's mix in two channels, the right one of the opposite polarity."""
    mono = song.samples.mean(axis=0)
    return write(song.with_samples(np.stack([mono, -mono])))


def _inverted_right(song: Recording, _: np.random.Generator, *, write: Callable[[Recording], bytes]) -> bytes | None:
    if len(song.samples) < 2:
        return None
    left, right = song.samples
    if power(left - right) <= power(left + right) * 10 ** (_STEREO_DB / 10):
        return None
    return write(song.with_samples(np.stack([left, -right])))


def _silence(
    song: Recording, rng: np.random.Generator, *, seconds: float, at: float, floor_dbfs: float = -np.inf
) -> bytes:
    """Return the song with silence put in at a share of its length, 0 to 1."""
    before, after = np.split(song.samples, [round(at * song.samples.shape[1])], axis=1)
    gap = np.zeros((len(song.samples), round(seconds * song.sample_rate_hz)))
    whole = np.concatenate([before, gap, after], axis=1)
    # A noise floor does not end where the music begins.
    return lossless(song.with_samples(whole + 10 ** (floor_dbfs / 20) * rng.normal(size=whole.shape)))


def _gain(song: Recording, _: np.random.Generator, *, db: float) -> bytes:
    return lossless(song.with_samples(np.clip(song.samples * 10 ** (db / 20), -1, 1)))


def _later(song: Recording, _: np.random.Generator, *, seconds: float) -> bytes | None:
    samples = song.samples[:, round(seconds * song.sample_rate_hz) :]
    return lossless(song.with_samples(samples)) if song.seconds - seconds >= SHORTEST_SECONDS else None


def _faster(song: Recording, _: np.random.Generator, *, percent: int) -> bytes:
    return lossless(song.with_samples(resample_poly(song.samples, 100, 100 + percent, axis=1)))


def _noisy(song: Recording, rng: np.random.Generator, *, under_db: float) -> bytes:
    return lossless(song.with_samples(with_noise(song.samples, under_db, rng)))


def _spoken_over(song: Recording, rng: np.random.Generator, *, under_db: float) -> bytes:
    voice = resample(speech(int(rng.integers(1000))), song.sample_rate_hz).samples[0]
    voice = np.resize(voice, song.samples.shape[1])
    gain = np.sqrt(power(song.samples) / power(voice) * 10 ** (-under_db / 10))
    return lossless(song.with_samples(song.samples + gain * voice))


_LOSSY = {
    **{f"MP3 {kbit} kbit/s": partial(mp3, kbit_per_s=kbit) for kbit in (24, 32, 64)},
    **{f"Opus {kbit} kbit/s": partial(opus, kbit_per_s=kbit) for kbit in (12, 24)},
    "AAC 32 kbit/s": partial(aac, kbit_per_s=32),
}
_TWO_CHANNELS: dict[str, Callable[[Recording], bytes]] = {
    "WAV": lossless,
    "FLAC": partial(lossless, container="FLAC"),
    "MP3 128 kbit/s": partial(mp3, kbit_per_s=128),
}
_SILENCES = {"60 s after": (60, 1), "120 s after": (120, 1), "17 s before": (17, 0), "20 s in the middle": (20, 0.5)}
_FLOORS = {"zeros": -np.inf, f"noise of {NOISE_FLOOR_DBFS:g} dBFS": NOISE_FLOOR_DBFS}

CHANGES: tuple[Change, ...] = (
    *(
        Change("band-limited", f"resampled to {rate / 1000:g} kHz", partial(_resampled, rate=rate))
        for rate in (8000, 11_025, 16_000)
    ),
    Change("band-limited", "low-pass 4 kHz, order 8", partial(_band, order=8, hz=4000)),
    Change("band-limited", "low-pass 5.5 kHz, order 4", partial(_band, order=4, hz=5500)),
    Change("band-limited", "telephone, 300-3400 Hz", partial(_band, order=4, hz=(300, 3400))),
    Change("band-limited", "AM radio, 100-4500 Hz, noise", _radio),
    Change("band-limited", "shellac, 150-5000 Hz, crackle", _shellac),
    *(Change("band-limited", name, partial(_encoded, write=write)) for name, write in _LOSSY.items()),
    *(
        Change("polarity", f"mono, right inverted, {name}", partial(_inverted, write=write))
        for name, write in _TWO_CHANNELS.items()
    ),
    *(
        Change("polarity", f"stereo, right inverted, {name}", partial(_inverted_right, write=write))
        for name, write in _TWO_CHANNELS.items()
    ),
    *(
        Change("silence", f"{name}, {floor}", partial(_silence, seconds=seconds, at=at, floor_dbfs=floor_dbfs))
        for floor, floor_dbfs in _FLOORS.items()
        for name, (seconds, at) in _SILENCES.items()
    ),
    *(Change("level", f"{db} dB", partial(_gain, db=db)) for db in (-30, -12)),
    *(Change("level", f"clipping at +{db} dB", partial(_gain, db=db)) for db in (6, 12)),
    *(Change("time", f"begun {seconds} s later", partial(_later, seconds=seconds)) for seconds in (0.5, 1.7, 5)),
    *(Change("time", f"speed {percent:+} %", partial(_faster, percent=percent)) for percent in (-5, -3, 3, 5)),
    *(Change("added", f"white noise, {db} dB SNR", partial(_noisy, under_db=db)) for db in (30, 20)),
    Change("added", "speech, 10 dB under", partial(_spoken_over, under_db=10), needs=ESPEAK),
)

"""Silence in a song is skipped, wherever it lies, and times are still those of the song."""

import io

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from features.settings import MelSettings, PatchSettings
from features.silence import SilenceFilter
from features.windows import SongWindows, song_windows
from tests.sounds import encode, music

RATE = 22_050
SETTINGS, PATCHES = MelSettings(), PatchSettings()

Samples = NDArray[np.float32]


def sound(seconds: float, seed: int = 0) -> Samples:
    return music(seconds, RATE, channels=1, seed=seed)[:, 0]


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def heard(samples: Samples, cuts: list[int] | None = None) -> NDArray[np.bool_]:
    """Return which samples the filter keeps, having checked that each is in its own place, in turn, and only once."""
    kept = np.zeros(len(samples), bool)
    silence_filter = SilenceFilter(RATE)
    pieces = [piece for block in np.split(samples, cuts or []) for piece in silence_filter.add(block)]
    end = 0
    for position, piece in [*pieces, *silence_filter.finish()]:
        assert position >= end
        end = position + len(piece)
        np.testing.assert_array_equal(piece, samples[position:end])
        kept[position:end] = True
    return kept


PLACES = {
    "before": [silence(2.5), sound(3)],
    "after": [sound(3), silence(2.5)],
    "in the middle": [sound(2), silence(4.05), sound(1.03)],
    "everywhere": [silence(1.3), sound(2), silence(1.2), sound(0.2), silence(1.04), sound(0.5), silence(5)],
    "nowhere": [sound(3.33)],
    "all of it": [silence(3.33)],
    "all but the last moment": [silence(3.3), sound(0.03)],
}


@pytest.mark.parametrize("parts", PLACES.values(), ids=PLACES)
def test_what_is_kept_does_not_depend_on_how_blocks_are_cut(parts: list[Samples]) -> None:
    samples = np.concatenate(parts)
    whole = heard(samples)
    rng = np.random.default_rng(0)
    for blocks in (2, 7, 50, 1000):
        cuts = np.sort(rng.integers(0, len(samples), blocks)).tolist()
        np.testing.assert_array_equal(heard(samples, cuts), whole)
    np.testing.assert_array_equal(heard(samples, list(range(1000, len(samples), 1000))), whole)


@pytest.mark.parametrize("parts", PLACES.values(), ids=PLACES)
def test_sound_is_kept_and_silence_is_not(parts: list[Samples]) -> None:
    samples = np.concatenate(parts)
    kept = heard(samples)
    assert kept[samples != 0].all()
    # No more than the chunks of 0.1 seconds in which silence meets sound, at either end.
    silent = [part for part in parts if not part.any()]
    assert (~kept).sum() >= sum(len(part) - 0.2 * RATE for part in silent)


@pytest.mark.parametrize(("seconds", "skipped"), [(0.5, False), (0.9, False), (1.2, True), (3, True)])
@pytest.mark.parametrize("place", ["before", "after", "in the middle"])
def test_a_pause_of_less_than_a_second_is_music(seconds: float, skipped: bool, place: str) -> None:  # noqa: FBT001
    parts = {
        "before": [silence(seconds), sound(2)],
        "after": [sound(2), silence(seconds)],
        "in the middle": [sound(2), silence(seconds), sound(2)],
    }[place]
    assert heard(np.concatenate(parts)).all() != skipped


@pytest.mark.parametrize("gain", [0.01, 0.3, 4.0, 1000.0])
def test_the_level_of_a_recording_does_not_matter(gain: float) -> None:
    hiss = np.random.default_rng(0).normal(0, 1e-5, 3 * RATE).astype(np.float32)
    samples = np.concatenate([sound(2), silence(2), sound(2, seed=1), hiss, sound(1)])
    assert 0.4 < heard(samples).mean() < 0.7
    np.testing.assert_array_equal(heard(np.float32(gain) * samples), heard(samples))


def test_what_is_60_db_below_the_loudest_is_silence() -> None:
    loud = np.float32(0.5) * np.sin(np.arange(2 * RATE)).astype(np.float32)
    for level_db, kept in ((-55, True), (-65, False)):
        quiet = np.float32(10 ** (level_db / 20)) * loud
        assert heard(np.concatenate([loud, quiet]))[-len(quiet) :].all() == kept


def test_less_than_a_bit_of_16_is_silence() -> None:
    """Dither, before the first sound as anywhere."""
    dither = np.random.default_rng(0).choice(np.array([-1, 0, 1], np.float32) / 32_768, 5 * RATE)
    assert not heard(dither).any()
    assert heard(np.concatenate([dither, sound(2)])).sum() <= 2.1 * RATE


def float_wav(samples: Samples) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def windows(*parts: Samples) -> SongWindows:
    return song_windows(float_wav(np.concatenate(parts)), SETTINGS, patches=PATCHES)


# Whole chunks, so that silence leaves nothing of itself in the sound.
HALF = 15 * RATE - 15 * RATE % 2205


@pytest.mark.parametrize("before", [0, 2, 100])
@pytest.mark.parametrize("between", [0, 3, 45])
@pytest.mark.parametrize("after", [0, 7])
def test_silence_changes_no_window_and_times_are_the_songs(before: int, between: int, after: int) -> None:
    song = sound(30)
    alone = windows(song)
    found = windows(silence(before), song[:HALF], silence(between), song[HALF:], silence(after))
    np.testing.assert_array_equal(found.windows, alone.windows)
    np.testing.assert_array_equal(np.asarray(found.patches), np.asarray(alone.patches))
    assert found.duration_seconds == pytest.approx(30 + before + between + after, abs=0.001)

    def in_song(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        return seconds + before + between * (seconds > HALF / RATE)

    np.testing.assert_allclose(found.start_seconds, in_song(alone.start_seconds), atol=0.001)
    np.testing.assert_allclose(found.end_seconds, in_song(alone.end_seconds), atol=0.001)
    assert (found.weights == 1).all()


def test_times_after_the_first_clip_are_the_songs_too() -> None:
    found = windows(silence(5), sound(40), silence(20), sound(25, seed=1), silence(5))
    starts = 5 + np.array([0, 10.01, 20.02, 30, 60 + 0.01, 70.02 - 0.01])
    # The fourth window runs to the end of the first part, and the fifth begins in the second.
    np.testing.assert_allclose(found.start_seconds, starts, atol=0.05)
    assert (np.diff(found.start_seconds) > 0).all()
    assert (found.end_seconds > found.start_seconds).all()
    assert found.end_seconds[-1] < 5 + 40 + 20 + 25 + 0.1


@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a"])
@pytest.mark.parametrize("seconds", [1, 30, 95])
def test_a_file_of_silence_is_one_window_that_counts_for_nothing(suffix: str, seconds: int) -> None:
    samples = np.zeros((seconds * RATE, 2), np.float32)
    song = song_windows(encode(samples, RATE, suffix), SETTINGS, patches=PATCHES)
    assert song.windows.shape == (1, 128, 128, 1)
    assert song.patches is not None
    assert song.patches.shape == (1, 2, 187, 96)
    assert not song.windows.any()
    assert not song.patches.any()
    assert song.weights.tolist() == [0]
    assert song.start_seconds.tolist() == [0]
    assert song.end_seconds.tolist() == [song.duration_seconds] == [pytest.approx(seconds, abs=0.1)]


def test_a_window_50_db_below_the_song_counts_for_nothing() -> None:
    song = windows(sound(30), np.float32(0.002) * sound(30, seed=1))
    assert song.weights.tolist() == [1, 1, 1, 0, 0, 0]
    assert windows(sound(30), np.float32(0.01) * sound(30, seed=1)).weights.all()

"""Two channels as one: also where one of them is upside down."""

import io

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from features.audio import load_audio
from features.settings import MelSettings, PatchSettings
from features.windows import song_windows
from tests.sounds import encode, music

RATE = 44_100


def alac(samples: NDArray[np.float32]) -> bytes:
    """Return stereo sound as M4A of the lossless kind, which FFmpeg reads."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ipod") as output:
        stream = output.add_stream("alac", rate=RATE, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        whole = np.ascontiguousarray(np.round(samples.T * 32_768).astype(np.int16))
        frame = av.AudioFrame.from_ndarray(whole, format="s16p", layout="stereo")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return buffer.getvalue()


def with_right_inverted(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return samples * np.array([1, -1], np.float32)


def stored(samples: NDArray[np.float32], suffix: str) -> bytes:
    return alac(samples) if suffix == "alac" else encode(samples, RATE, suffix)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "alac"])
def test_a_right_channel_upside_down_gives_the_identical_windows(suffix: str) -> None:
    samples = music(31, RATE)
    found, expected = (
        song_windows(stored(sound, suffix), MelSettings(), patches=PatchSettings())
        for sound in (with_right_inverted(samples), samples)
    )
    np.testing.assert_array_equal(found.windows, expected.windows)
    np.testing.assert_array_equal(np.asarray(found.patches), np.asarray(expected.patches))
    assert found.bandwidth == expected.bandwidth


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "opus", "m4a", "wma"])
def test_a_lossy_file_with_one_is_nearly_the_same(suffix: str) -> None:
    samples = music(12, 48_000)
    found, expected = (
        load_audio(encode(sound, 48_000, suffix)).samples for sound in (with_right_inverted(samples), samples)
    )
    # Encoders leave out other things of one than of the other; left to cancel, little but the sides would remain.
    assert np.std(found - expected) < 0.25 * np.std(expected)
    assert np.std(found) == pytest.approx(np.std(expected), rel=0.05)


def test_channels_that_cancel_give_their_difference_at_full_level() -> None:
    samples = music(3, RATE, channels=1)[:, 0]
    opposite = encode(np.stack([samples, -samples], axis=1), RATE, "flac")
    np.testing.assert_array_equal(load_audio(opposite).samples, samples)


def test_a_wide_stereo_song_is_still_the_mean_of_its_channels() -> None:
    rng = np.random.default_rng(0)
    middle, side = rng.normal(0, 0.1, (2, 5 * RATE)).astype(np.float32)
    wide = encode(np.stack([middle + np.float32(0.9) * side, middle - np.float32(0.9) * side], axis=1), RATE, "wav")
    np.testing.assert_allclose(load_audio(wide).samples, middle, atol=1e-4)


def test_silence_before_the_music_decides_nothing() -> None:
    """A beginning of noise too soft to hear, of opposite sign, does not turn the song that follows."""
    rng = np.random.default_rng(0)
    song = music(20, RATE)
    hiss = np.round(rng.normal(0, 3, RATE * 10)).astype(np.float32) / 32_768
    samples = np.concatenate([np.stack([hiss, -hiss], axis=1), song])
    found = load_audio(encode(samples, RATE, "flac")).samples[-15 * RATE :]
    np.testing.assert_allclose(found, song.mean(axis=1)[-15 * RATE :], atol=1e-6)


def test_one_wide_passage_does_not_turn_a_song() -> None:
    """Longer than a block of the file; what is in it cancels, as in any mean."""
    song = music(20, RATE)
    passage = slice(8 * RATE, 16 * RATE)
    song[passage, 1] = -song[passage, 0]
    song[passage] *= np.float32(0.25)
    np.testing.assert_allclose(load_audio(encode(song, RATE, "flac")).samples, song.mean(axis=1), atol=1e-4)

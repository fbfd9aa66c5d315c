"""Excerpts of a song: the same samples as those of the whole song, found without decoding what lies between."""

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from features.audio import UnreadableAudio, load_audio, open_audio
from features.clips import TooLong, song_clips
from features.deadline import Deadline
from features.settings import EXCERPT_SECONDS, MelSettings
from features.windows import song_windows
from tests.features.test_whole import ID3V1, ID3V2, with_frames, without_end_of_stream, without_header
from tests.sounds import FFMPEG, LIBSNDFILE, encode, music, song

# In mono and at a low rate, which makes encoding and decoding cheap.
SECONDS, RATE = 70, 24_000
MUSIC = music(SECONDS, RATE, 1)


def excerpts_of(content: bytes | Path, number: int, deadline: Deadline | None = None) -> dict[int, NDArray[np.float32]]:
    """Return the samples of each excerpt, by where it starts."""
    with open_audio(content, deadline or Deadline(), number) as sound:
        return {start: np.concatenate(list(blocks)) for start, blocks in sound.parts}


def check_excerpts(content: bytes, share: float = 1.0) -> None:
    """Check that excerpts are the samples of the whole song within -80 dB, or that share of them."""
    whole = load_audio(content)
    for number in (1, 2):
        excerpts = excerpts_of(content, number)
        assert len(excerpts) == number
        for start, samples in excerpts.items():
            assert len(samples) == EXCERPT_SECONDS * whole.sample_rate_hz
            expected = whole.samples[start : start + len(samples)]
            assert np.quantile(np.abs(samples - expected), share) < 1e-4 * np.abs(expected).max(), start


@pytest.mark.parametrize("suffix", [*LIBSNDFILE, *FFMPEG])
def test_excerpts_are_the_samples_of_the_whole_song(suffix: str) -> None:
    # FFmpeg's encoder leaves some noise for the decoder to make up.
    check_excerpts(song(SECONDS, suffix, RATE, 1), 0.95 if suffix in ("m4a", "mp4") else 1.0)


def whole(suffix: str) -> bytes:
    return song(SECONDS, suffix, RATE, 1)


@lru_cache
def mp3(channels: int, mode: str) -> bytes:
    file, rate = io.BytesIO(), 32_000
    soundfile.write(file, music(SECONDS, rate, channels), rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return file.getvalue()


def wav(subtype: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, MUSIC, RATE, format="WAV", subtype=subtype)
    return file.getvalue()


VARIANTS: dict[str, Callable[[], bytes]] = {
    "MP3 without a header": lambda: without_header(whole("mp3")),
    "MP3 without a header between tags": lambda: ID3V2 + without_header(whole("mp3")) + ID3V1,
    "MP3 cut out of a stream": lambda: without_header(whole("mp3"))[1000:-100],
    "MP3 whose header states no frames": lambda: with_frames(whole("mp3"), 0),
    "MP3s, joined": lambda: whole("mp3") + song(20, "mp3", RATE, 1),
    "MP3s without headers, joined": lambda: without_header(whole("mp3")) + without_header(song(20, "mp3", RATE, 1)),
    "MP3 of MPEG 1": lambda: mp3(2, "CONSTANT"),
    "MP3 of MPEG 1 without a header": lambda: without_header(mp3(2, "CONSTANT")),
    "MP3 of a variable bit rate": lambda: mp3(1, "VARIABLE"),
    "MP3 of a variable bit rate without a header": lambda: without_header(mp3(1, "VARIABLE")),
    "Vorbis, chained": lambda: whole("ogg") + song(20, "ogg", RATE, 1, seed=1),
    "Vorbis capture": lambda: without_end_of_stream(whole("ogg")),
    "FLACs, joined": lambda: whole("flac") * 2,
    "FLAC and an ID3v1 tag": lambda: whole("flac") + ID3V1,
    "floats": lambda: wav("FLOAT"),
    "24 bits": lambda: wav("PCM_24"),
    "ADPCM": lambda: wav("IMA_ADPCM"),
    "channels of opposite sign": lambda: encode(MUSIC * np.array([[1, -0.9]], np.float32), RATE, "flac"),
    "six channels": lambda: encode(MUSIC * np.ones((1, 6), np.float32), RATE, "wav"),
}


@pytest.mark.parametrize("kind", VARIANTS)
def test_excerpts_of_odd_files_are_the_samples_of_the_whole_song(kind: str) -> None:
    check_excerpts(VARIANTS[kind]())


class Counted(Deadline):
    """A deadline that counts the blocks, packets and reads before which it is checked."""

    checks = 0

    def check(self) -> None:
        self.checks += 1


@pytest.mark.parametrize("kind", ["mp3", "flac", "wav", "aiff", "ogg", "opus", "m4a", "MP3 without a header"])
def test_little_is_decoded_beside_the_excerpts(kind: str) -> None:
    content = VARIANTS[kind]() if kind in VARIANTS else song(SECONDS, kind, RATE, 1)
    decoded = []
    for excerpts in (0, 1):
        deadline = Counted()
        with open_audio(content, deadline, excerpts) as sound:
            deadline.checks = 0
            for _ in sound.blocks:
                pass
            decoded.append(deadline.checks)
    # 30 of 70 seconds.
    assert decoded[1] < 0.6 * decoded[0]


def test_excerpts_lie_in_the_middle_of_equal_parts() -> None:
    content = song(200, "flac", 8000, 1)
    assert list(excerpts_of(content, 1)) == [85 * 8000]
    assert list(excerpts_of(content, 4)) == [10 * 8000, 60 * 8000, 110 * 8000, 160 * 8000]


@pytest.mark.parametrize("suffix", ["flac", "mp3", "m4a", "wma"])
@pytest.mark.parametrize("number", [3, 100])
def test_a_song_no_longer_than_its_excerpts_is_heard_whole(suffix: str, number: int) -> None:
    content = song(SECONDS, suffix, RATE, 1)
    (samples,) = excerpts_of(content, number).values()
    np.testing.assert_array_equal(samples, load_audio(content).samples)


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg", "m4a", "webm"])
def test_times_are_those_of_the_song(suffix: str) -> None:
    found = song_windows(song(SECONDS, suffix, RATE, 1), MelSettings(), excerpts=2)
    assert found.duration_seconds == pytest.approx(SECONDS, abs=0.1)
    assert found.heard_seconds == 60
    assert found.complete is True
    starts = [2.5 + place for place in (0, 10.01, 20.02)]
    assert found.start_seconds == pytest.approx([*starts, *(35 + start for start in starts)], abs=0.1)
    assert len(found.windows) == 6


def test_where_all_excerpts_are_silent_the_song_is_heard_whole() -> None:
    samples = np.zeros((200 * 8000, 1), np.float32)
    samples[: 40 * 8000] = music(40, 8000, 1)
    found = song_clips(encode(samples, 8000, "flac"), MelSettings(), excerpts=1)
    assert found.heard_seconds == found.duration_seconds == 200
    assert sum(clip.seconds for clip in found.clips) > 39


def test_silence_in_an_excerpt_is_skipped() -> None:
    samples = music(100, 8000, 1)
    samples[45 * 8000 : 52 * 8000] = 0
    (clip,) = song_clips(encode(samples, 8000, "flac"), MelSettings(), excerpts=1).clips
    assert clip.seconds == pytest.approx(23, abs=0.2)
    assert [in_song for _, in_song in clip.pieces if in_song >= 45] == pytest.approx([52], abs=0.2)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "mp3", "ogg", "opus", "m4a"])
def test_a_file_cut_in_half_is_refused_with_excerpts_too(suffix: str) -> None:
    whole = song(SECONDS, suffix, RATE, 1)
    with pytest.raises(UnreadableAudio, match="cut short"):
        excerpts_of(whole[: len(whole) // 2], 1)


def test_a_flac_that_lacks_its_last_seconds_is_refused() -> None:
    with pytest.raises(UnreadableAudio, match="cut short"):
        excerpts_of(whole("flac")[: round(0.93 * len(whole("flac")))], 1)


def test_a_damaged_excerpt_is_refused() -> None:
    content = bytearray(song(SECONDS, "m4a", RATE, 1))
    middle, width = len(content) // 2, len(content) // 8
    content[middle - width : middle + width] = bytes(2 * width)
    with pytest.raises(UnreadableAudio):
        excerpts_of(bytes(content), 1)


def test_the_limit_is_of_the_song_not_of_its_excerpts() -> None:
    content = whole("flac")
    assert song_clips(content, MelSettings(), SECONDS + 1, excerpts=1).heard_seconds == 30
    with pytest.raises(TooLong):
        song_clips(content, MelSettings(), SECONDS - 1, excerpts=1)


def test_a_video_is_heard_in_excerpts() -> None:
    content = song(SECONDS, "mp4", RATE, 1)
    with av.open(io.BytesIO(content)) as file:
        assert file.streams.video
    assert len(excerpts_of(content, 1)) == 1

"""load_audio and open_audio, on real files of every format and on files that are no sound."""

import io
import os
import struct
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from features.audio import UnreadableAudio, load_audio, open_audio
from tests.sounds import FFMPEG, LIBSNDFILE, encode, music, song


@pytest.mark.parametrize("suffix", [*LIBSNDFILE, *FFMPEG])
def test_a_file_gives_its_mono_sound_at_its_own_rate(suffix: str, tmp_path: Path) -> None:
    rate = 48_000
    samples = music(5, rate)
    path = tmp_path / "song"
    path.write_bytes(encode(samples, rate, suffix))
    audio = load_audio(path)
    assert (audio.sample_rate_hz, audio.channels) == (rate, 2)
    assert audio.samples.dtype == np.float32
    assert len(audio.samples) == pytest.approx(5 * rate, abs=0.1 * rate)
    # Encoders differ in delay, so compare what does not depend on it.
    assert np.std(audio.samples) == pytest.approx(np.std(samples.mean(axis=1)), rel=0.05)
    assert np.array_equal(audio.samples, load_audio(path.read_bytes()).samples)


def test_mono_is_the_mean_of_all_channels() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (1000, 6)).astype(np.float32)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="FLOAT")
    np.testing.assert_allclose(load_audio(buffer.getvalue()).samples, samples.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(("suffix", "channels"), [("m4a", 8), ("webm", 8), ("wma", 2)])
def test_many_channels_are_decoded_by_ffmpeg(suffix: str, channels: int) -> None:
    """PyAV reads memory that is not its own where a frame has eight planes or more: the process crashed."""
    audio = load_audio(song(2, suffix, 48_000, channels))
    assert audio.channels == channels
    assert len(audio.samples) == pytest.approx(2 * 48_000, rel=0.05)


def test_the_name_of_a_file_plays_no_part(tmp_path: Path) -> None:
    path = tmp_path / "song.raw"
    path.write_bytes(song(2, "flac"))
    assert len(load_audio(path).samples) == 2 * 44_100


def test_an_mp3_without_a_frame_count_is_read_to_its_end() -> None:
    """Libsndfile alone would stop where the first frame's bit rate says that the file ends."""
    rng = np.random.default_rng(0)
    loud_then_silent = np.concatenate([rng.normal(0, 0.2, 10 * 44_100), np.zeros(20 * 44_100)])
    buffer = io.BytesIO()
    soundfile.write(buffer, loud_then_silent, 44_100, format="MP3", bitrate_mode="VARIABLE", compression_level=0.2)
    whole = buffer.getvalue()
    second_frame = whole.index(whole[:2], 2)
    assert b"Xing" in whole[:second_frame]
    assert len(load_audio(whole[second_frame:]).samples) == pytest.approx(30 * 44_100, rel=0.01)


def test_a_long_song_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(path, "w", 8000, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8000, np.int16))
    tracemalloc.start()
    with open_audio(path) as sound:
        seconds = sum(len(block) for block in sound.blocks) / sound.sample_rate_hz
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds == 3600
    assert peak < 4_000_000


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "mp3", "ogg", "opus", "m4a"])
def test_a_file_cut_in_half_is_refused(suffix: str) -> None:
    whole = song(10, suffix, 48_000)
    with pytest.raises(UnreadableAudio, match="cut short"):
        load_audio(whole[: len(whole) // 2])


HLS_PLAYLIST = "#EXTM3U\n#EXTINF:10,\nfile://{}\n#EXT-X-ENDLIST\n"
CONCAT_SCRIPT = "ffconcat version 1.0\nfile '{}'\n"


@pytest.mark.parametrize("script", [HLS_PLAYLIST, CONCAT_SCRIPT])
def test_a_playlist_cannot_name_a_file_of_the_server(script: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp3"
    secret.write_bytes(song(2, "mp3"))
    for source in (script.format(secret).encode(), tmp_path / "song.mp3"):
        if isinstance(source, Path):
            source.write_text(script.format(secret))
        with pytest.raises(UnreadableAudio, match="not audio"):
            load_audio(source)


NOT_SOUND = {
    "text": b"These are only words. " * 500,
    "picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\6\0\0\0\x1f\x15\xc4\x89" + bytes(500),
    "zeros": bytes(100_000),
    "noise": os.urandom(100_000),
    "one byte": b"x",
    "WAV header alone": b"RIFF\0\0\0\0WAVE",
    "Ogg start": b"OggS" + bytes(100),
    "WAV of an unknown codec": song(2, "wav").replace(b"fmt \x10\0\0\0\1\0", b"fmt \x10\0\0\0\x34\x12"),
    "ID3 tag alone": b"ID3\4\0\0\0\0\0\x0a" + bytes(10),
}


@pytest.mark.parametrize("content", NOT_SOUND.values(), ids=NOT_SOUND)
def test_what_is_not_sound_is_refused_with_what_to_send_instead(content: bytes) -> None:
    with pytest.raises(UnreadableAudio, match="a whole WAV"):
        load_audio(content)


def test_a_video_without_sound_is_refused() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        picture = output.add_stream("mpeg4", rate=5, width=64, height=64, pix_fmt="yuv420p")
        output.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        output.mux(picture.encode())
    with pytest.raises(UnreadableAudio, match="not audio"):
        load_audio(buffer.getvalue())


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp3"
    path.touch()
    for source in (path, b""):
        with pytest.raises(UnreadableAudio, match="empty"):
            load_audio(source)


@pytest.mark.parametrize("sample", [np.nan, np.inf, 1e30])
def test_samples_that_are_not_finite_are_refused(sample: float) -> None:
    samples = np.zeros(8000, np.float32)
    samples[4000] = sample
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="FLOAT")
    with pytest.raises(UnreadableAudio, match="not finite"):
        load_audio(buffer.getvalue())


@pytest.mark.parametrize(("rate", "channels"), [(1, 1), (4_000_000, 1), (44_100, 1000)])
def test_a_forged_header_is_refused_before_memory_is_taken_for_it(rate: int, channels: int) -> None:
    sound = bytes(2 * channels * 100)
    layout = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2 % 2**32, channels * 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(sound)) + sound
    with pytest.raises(UnreadableAudio):
        load_audio(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)


def test_a_path_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_audio(tmp_path / "gone.mp3")

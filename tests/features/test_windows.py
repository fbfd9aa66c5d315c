"""A song as windows: what they cover, how they are scaled, and that they look like the pictures models learn from."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image

from features.audio import UnreadableAudio, load_audio
from features.clips import scale_clip, song_clips
from features.mel import log_mel
from features.settings import MelSettings
from features.windows import cut_windows, song_windows
from tests.sounds import encode, music, song

SETTINGS = MelSettings()
WINDOW = SETTINGS.window_seconds


def wav(seconds: float, rate: int = 22_050) -> bytes:
    return song(seconds, "wav", rate, channels=1)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (1, [0]),
        (5, [0]),
        (9.9, [0]),
        (12, [0]),
        (19.2, [0, 9.2]),
        (30, [0, 10, 20]),
        (30.013, [0, 10, 20]),
        (39, [0, 10, 20]),
        (40, [0, 10, 20, 30]),
        (65, [0, 10, 20, 30, 40, 50]),
        (90, [0, 10, 20, 30, 40, 50, 60, 70, 80]),
    ],
)
def test_windows_cover_the_song(seconds: float, starts: list[float]) -> None:
    song = song_windows(wav(seconds), SETTINGS)
    assert song.windows.shape == (len(starts), 128, 128, 1)
    assert song.windows.dtype == np.float32
    assert song.duration_seconds == pytest.approx(seconds, abs=0.001)
    np.testing.assert_allclose(song.start_seconds, starts, atol=0.15)
    assert song.windows.min() >= 0
    assert 0.9 < song.windows.max() <= 1


def test_a_clip_is_scaled_by_itself() -> None:
    loud_then_quiet = np.concatenate([music(30, 22_050), 0.01 * music(30, 22_050, seed=1)])
    clips = song_clips(encode(loud_then_quiet, 22_050, "flac"), SETTINGS).spectrograms
    assert [(clip.min(), clip.max()) for clip in clips] == [(0, 1), (0, 1)]


def test_a_clip_of_a_long_song_is_the_clip_alone() -> None:
    samples = music(60, 22_050, channels=1)
    second = song_windows(encode(samples[30 * 22_050 :], 22_050, "wav"), SETTINGS).windows
    np.testing.assert_array_equal(song_windows(encode(samples, 22_050, "wav"), SETTINGS).windows[3:], second)


def test_a_short_clip_is_repeated_to_fill_a_window() -> None:
    clip = np.random.default_rng(0).uniform(size=(128, 50)).astype(np.float32)
    (window,) = cut_windows(clip, SETTINGS)
    np.testing.assert_array_equal(window[..., 0], np.hstack([clip, clip, clip])[:, :128])


def test_silence_is_zeros() -> None:
    song = song_windows(encode(np.zeros((44_100, 2), np.float32), 22_050, "wav"), SETTINGS)
    assert not song.windows.any()


def test_less_than_a_second_is_refused() -> None:
    with pytest.raises(UnreadableAudio, match=r"0\.90 seconds"):
        song_windows(wav(0.9), SETTINGS)


def test_a_file_without_any_sample_is_refused() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(0, np.float32), 22_050, format="WAV")
    with pytest.raises(UnreadableAudio, match=r"0\.00 seconds"):
        song_windows(buffer.getvalue(), SETTINGS)


GTZAN_AUDIO = {
    "blues.00000.wav": 0.03,
    "classical.00000.flac": 0.03,
    "country.00010.flac": 0.03,
    "disco.00003.flac": 0.03,
    "jazz.00002.flac": 0.03,
    "metal.00009.flac": 0.03,
    "country.00025.m4a": 0.05,
    "hiphop.00005.mp3": 0.05,
    "pop.00007.mp3": 0.05,
    "pop.00017.opus": 0.05,
    "reggae.00001.mp3": 0.05,
    "reggae.00012.ogg": 0.05,
    "rock.00000.ogg": 0.05,
}
PICTURE_FRAMES = 387


@pytest.mark.parametrize(("name", "tolerance"), GTZAN_AUDIO.items())
def test_real_audio_looks_like_its_picture_in_the_data(name: str, tolerance: float, research_data: Path) -> None:
    """The mean difference, in parts of full scale, between what is computed from a clip and its training picture."""
    track = name.rpartition(".")[0]
    picture = _picture(research_data, track)
    audio = load_audio(research_data / "audio" / "gtzan" / name)
    clip = scale_clip(log_mel(audio.samples, audio.sample_rate_hz, SETTINGS))
    if track == "disco.00003":
        # 30.3 seconds drawn over as many frames as 30.0, so take the very frames its picture shows.
        fine = scale_clip(log_mel(audio.samples, audio.sample_rate_hz, replace(SETTINGS, hop_length=512)))
        clip = fine[:, ((np.arange(PICTURE_FRAMES) + 0.25) * fine.shape[1] / PICTURE_FRAMES).astype(int)]
    frames = min(clip.shape[1], PICTURE_FRAMES)
    assert np.abs(clip[:, :frames] - picture[:, :frames]).mean() <= tolerance


def _picture(research_data: Path, track: str) -> NDArray[np.float32]:
    with zipfile.ZipFile(research_data / "gtzan_mel.zip") as archive:
        content = archive.read(f"{track.partition('.')[0]}/{track}.jpg")
    return np.flipud(np.asarray(Image.open(io.BytesIO(content)), np.float32)) / np.float32(255)

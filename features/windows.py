"""A song as the windows that models take: clips of 30 seconds, each scaled by itself and cut into windows."""

import math
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from features.audio import UnreadableAudio, open_audio
from features.mel import MelClip
from features.settings import MelSettings

SHORTEST_SECONDS = 1.0


class TooLong(ValueError):
    """Sound that is longer than the caller wants; the message says what to do."""


@dataclass(frozen=True)
class SongClips:
    """A song's consecutive clips: `clips` are float32 of shape (n_mels, frames) in [0, 1], lowest band first.

    `sample_rate_hz` and `channels` are those of the file. `decode_seconds` and `mel_seconds` are the time it took to
    decode the file, and to compute the spectrograms.
    """

    clips: list[NDArray[np.float32]]
    duration_seconds: float
    sample_rate_hz: int
    channels: int
    decode_seconds: float
    mel_seconds: float


@dataclass(frozen=True)
class SongWindows:
    """What models and answers need of a song.

    `windows` is float32 of shape (n, n_mels, window_frames, 1) in [0, 1], lowest band first; `start_seconds`, of shape
    (n,), says where in the song each begins. The other fields are those of `SongClips`.
    """

    windows: NDArray[np.float32]
    start_seconds: NDArray[np.float64]
    duration_seconds: float
    sample_rate_hz: int
    channels: int
    decode_seconds: float
    mel_seconds: float


def song_windows(source: Path | str | bytes, settings: MelSettings, longest_seconds: float = math.inf) -> SongWindows:
    """Return the windows of an audio file, given as its path or its bytes; raises as `song_clips`."""
    song = song_clips(source, settings, longest_seconds)
    windows = [cut_windows(clip, settings) for clip in song.clips]
    start_seconds = [
        number * settings.clip_seconds + _window_starts(clip.shape[1], settings) * settings.frame_seconds
        for number, clip in enumerate(song.clips)
    ]
    return SongWindows(
        np.concatenate(windows),
        np.concatenate(start_seconds),
        song.duration_seconds,
        song.sample_rate_hz,
        song.channels,
        song.decode_seconds,
        song.mel_seconds,
    )


def song_clips(source: Path | str | bytes, settings: MelSettings, longest_seconds: float = math.inf) -> SongClips:
    """Return the scaled log-mel spectrograms of an audio file, given as its path or its bytes.

    The song is cut into consecutive clips of `settings.clip_seconds`. What remains at the end becomes a clip of its
    own if it fills a window, or if the song has no other clip; else it is left out. No more than some seconds are held
    as sound, however long the file. Raises UnreadableAudio if the file is not sound, damaged, or under one second
    long, TooLong as soon as more than `longest_seconds` of it have been decoded, and OSError if the path cannot be
    opened.
    """
    began = perf_counter()
    mel_seconds = 0.0
    with open_audio(source) as sound:
        rate = sound.sample_rate_hz
        clip_samples = round(settings.clip_seconds * rate)
        clips: list[NDArray[np.float32]] = []
        samples = 0
        clip = MelClip(rate, settings)
        for block in sound.blocks:
            samples += len(block)
            if samples > longest_seconds * rate:
                raise TooLong(f"The song is longer than {longest_seconds / 60:g} minutes. Send a part of it.")
            decoded = perf_counter()
            while len(block):
                taken = block[: clip_samples - clip.samples]
                block = block[len(taken) :]
                clip.add(taken)
                if clip.samples == clip_samples:
                    clips.append(scale_clip(clip.log_mel()))
                    clip = MelClip(rate, settings)
            mel_seconds += perf_counter() - decoded
        if samples < SHORTEST_SECONDS * rate:
            raise UnreadableAudio(f"The file holds {samples / rate:.2f} seconds of sound. Send at least one second.")
        decode_seconds = perf_counter() - began - mel_seconds
        if clip.samples >= settings.window_seconds * rate or not clips:
            clips.append(scale_clip(clip.log_mel()))
        mel_seconds = perf_counter() - began - decode_seconds
        return SongClips(clips, samples / rate, rate, sound.channels, decode_seconds, mel_seconds)


def scale_clip(decibels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a clip's log-mel spectrogram scaled from its own least to its own greatest value, to [0, 1].

    A clip without any difference, such as silence, becomes zeros.
    """
    least = decibels.min()
    span = decibels.max() - least
    return np.asarray((decibels - least) / (span or np.float32(1)))


def cut_windows(clip: NDArray[np.float32], settings: MelSettings) -> NDArray[np.float32]:
    """Return the windows of one scaled clip, shape (n_mels, frames) -> (n, n_mels, window_frames, 1).

    They start every `settings.window_hop_frames`; where that would leave half a window or more at the end uncovered,
    one more ends with the clip. A clip shorter than a window is repeated until it fills one.
    """
    frames = clip.shape[1]
    if frames < settings.window_frames:
        clip = np.take(clip, np.arange(settings.window_frames) % frames, axis=1)
    views = np.lib.stride_tricks.sliding_window_view(clip, settings.window_frames, axis=1)
    return np.ascontiguousarray(views[:, _window_starts(frames, settings)].transpose(1, 0, 2))[..., None]


def _window_starts(frames: int, settings: MelSettings) -> NDArray[np.intp]:
    """Return the first frame of each window of a clip, shape (n,)."""
    last = max(0, frames - settings.window_frames)
    starts = np.arange(0, last + 1, settings.window_hop_frames)
    return np.append(starts, last) if 2 * (last - starts[-1]) >= settings.window_frames else starts

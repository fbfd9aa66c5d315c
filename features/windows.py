"""The features of a song, from which models predict: windows of its clips, and patches for a pretrained encoder."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.bandwidth import FULL_BANDWIDTH, Bandwidth, find_bandwidth
from features.clips import Clip, song_clips, window_starts
from features.deadline import NO_DEADLINE, Deadline
from features.patches import compress
from features.settings import MelSettings, PatchSettings

# A window whose loudest moment lies so far below the song's is as good as silent.
_SILENT_DB = -50.0


@dataclass(frozen=True)
class SongWindows:
    """The features of a song.

    `windows` is float32 of shape (n, n_mels, window_frames, 1) in [0, 1], lowest band first; `start_seconds` and
    `end_seconds`, of shape (n,), say which part of the song each is from, and `weights`, float32 of shape (n,), are 0
    for windows as good as silent and 1 for others. `patches`, float16 of shape (n, patches_per_window, patch_frames,
    bands), are the windows' patches for an encoder, or None where none were asked for; `bandwidth` is the song's. The
    other fields are those of `SongClips`.
    """

    windows: NDArray[np.float32]
    start_seconds: NDArray[np.float64]
    end_seconds: NDArray[np.float64]
    weights: NDArray[np.float32]
    duration_seconds: float
    heard_seconds: float
    sample_rate_hz: int
    channels: int
    decode_seconds: float
    mel_seconds: float
    patches: NDArray[np.float16] | None = None
    bandwidth: Bandwidth = FULL_BANDWIDTH
    complete: bool | None = None


def song_windows(
    source: Path | str | bytes,
    settings: MelSettings,
    longest_seconds: float = math.inf,
    patches: PatchSettings | None = None,
    deadline: Deadline = NO_DEADLINE,
    excerpts: int = 0,
) -> SongWindows:
    """Return the windows of an audio file, given as its path or its bytes, with patches if wanted.

    The whole song is heard, or `excerpts` of it; raises as `song_clips`.
    """
    song = song_clips(source, settings, longest_seconds, patches, deadline, excerpts)
    starts = [window_starts(clip.scaled.shape[1], settings) * settings.frame_seconds for clip in song.clips]
    ends = [
        np.minimum(own + settings.window_seconds, clip.seconds) for clip, own in zip(song.clips, starts, strict=True)
    ]
    weights = _weights(song.clips, settings)
    power = sum((clip.seconds * clip.band_power for clip in song.clips), np.zeros(settings.n_mels, np.float32))
    return SongWindows(
        np.concatenate([cut_windows(clip.scaled, settings) for clip in song.clips]),
        _song_seconds(song.clips, starts),
        _song_seconds(song.clips, ends) if weights.any() else np.array([song.duration_seconds]),
        weights,
        song.duration_seconds,
        song.heard_seconds,
        song.sample_rate_hz,
        song.channels,
        song.decode_seconds,
        song.mel_seconds,
        _compressed(song.clips, weights > 0, patches) if patches else None,
        find_bandwidth(power, settings),
        song.complete,
    )


def cut_windows(clip: NDArray[np.float32], settings: MelSettings) -> NDArray[np.float32]:
    """Return the windows of one scaled clip, shape (n_mels, frames) -> (n, n_mels, window_frames, 1).

    They start where `window_starts` says. A clip shorter than a window is repeated until it fills one.
    """
    frames = clip.shape[1]
    if frames < settings.window_frames:
        clip = np.take(clip, np.arange(settings.window_frames) % frames, axis=1)
    views = np.lib.stride_tricks.sliding_window_view(clip, settings.window_frames, axis=1)
    return np.ascontiguousarray(views[:, window_starts(frames, settings)].transpose(1, 0, 2))[..., None]


def _weights(clips: list[Clip], settings: MelSettings) -> NDArray[np.float32]:
    """Return 0 for each window that is as good as silent, 1 for each other, shape (n,)."""
    levels = np.array(
        [
            clip.level_db[start : start + settings.window_frames].max() if clip.seconds else -np.inf
            for clip in clips
            for start in window_starts(clip.scaled.shape[1], settings)
        ]
    )
    return np.asarray((levels > -np.inf) & (levels >= levels.max() + _SILENT_DB), np.float32)


def _song_seconds(clips: list[Clip], times: list[NDArray[np.floating]]) -> NDArray[np.float64]:
    """Return the times in the song of times in each clip."""
    return np.array([clip.song_seconds(time) for clip, own in zip(clips, times, strict=True) for time in own])


def _compressed(clips: list[Clip], heard: NDArray[np.bool_], patches: PatchSettings) -> NDArray[np.float16]:
    power = np.concatenate([clip.patch_power for clip in clips if clip.patch_power is not None])
    return compress(power, patches, heard).astype(np.float16)

"""The outputs of an encoder for tracks, and which of them belong to each window."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from features.bandwidth import FULL_BANDWIDTH
from features.clips import window_starts
from features.patches import patch_starts
from features.settings import MelSettings, PatchSettings
from features.windows import song_windows
from inference.classifier import Encoded
from inference.encoder import TagEncoder
from training.data.tracks import CACHE, BadData, TagCurves, Track, cached_arrays, file_version

# Room for rounding where patches must lie within a window.
_TOLERANCE_SECONDS = 0.05


def with_tags(tracks: Sequence[Track], settings: MelSettings, encoder: TagEncoder) -> list[Track]:
    """Return the tracks that have tags or, where they came from audio, can be given them; the others are left out.

    Prints how many those are.
    """
    tagged = []
    for track in tqdm(tracks, "encoding", unit="track"):
        if track.tags:
            tagged.append(track)
        elif track.audio:
            tagged.append(replace(track, tags=_tags(track, track.audio, settings, encoder)))
    if len(tagged) < len(tracks):
        tqdm.write(f"{len(tracks) - len(tagged)} tracks left out: there is neither audio of them nor published tags.")
    return tagged


def encoded_windows(track: Track, settings: MelSettings, patches: PatchSettings) -> Encoded:
    """Return the encoder's inputs for a track's windows, from the patches nearest to those that serving takes."""
    tags = _known(track)
    starts = window_seconds(track, settings)
    wanted = patch_starts(starts, settings.window_seconds, patches)
    nearest = np.abs(tags.seconds - wanted[..., None]).argmin(axis=-1)
    return Encoded.of(tags.logits[nearest], FULL_BANDWIDTH)


def window_seconds(track: Track, settings: MelSettings) -> NDArray[np.float64]:
    """Return when each window of a track starts in its clips, one after another, shape (n,)."""
    return np.concatenate(
        [
            number * settings.clip_seconds + window_starts(clip.shape[1], settings) * settings.frame_seconds
            for number, clip in enumerate(track.clips)
        ]
    )


def tags_between(tags: TagCurves | None, start: float, end: float) -> TagCurves | None:
    """Return the tags of the patches that lie within a part of a song, with times from its start; None without any."""
    if tags is None:
        return None
    ends = tags.seconds + PatchSettings().patch_seconds
    inside = (tags.seconds >= start - _TOLERANCE_SECONDS) & (ends <= end + _TOLERANCE_SECONDS)
    return TagCurves(tags.logits[inside], tags.seconds[inside] - start) if inside.any() else None


def random_means(
    track: Track, settings: MelSettings, patches: PatchSettings, draws: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return means over patches as those of a window begun anywhere in a track, (draws, tags)."""
    logits, seconds = _known(track).logits, _known(track).seconds
    span = settings.window_seconds - patches.patch_seconds
    means = []
    for first in random.integers(len(seconds), size=draws):
        within = np.flatnonzero((seconds >= seconds[first]) & (seconds <= seconds[first] + span))
        chosen = random.choice(within, min(patches.patches_per_window, len(within)), replace=False)
        means.append(logits[chosen].mean(axis=0))
    return np.stack(means)


def _known(track: Track) -> TagCurves:
    if track.tags is None:
        raise BadData(f"There are no tags of {track.name}.")
    return track.tags


def _tags(track: Track, audio: Path, settings: MelSettings, encoder: TagEncoder) -> TagCurves:
    """Return the tags of a track that came from an audio file; the logits are kept in the cache."""
    patches = encoder.card.patches

    def compute() -> list[NDArray[np.float32]]:
        return [encoder.window_logits(song_windows(audio, settings, patches=patches))]

    key = ["tag logits", settings, encoder.card.weights_sha256, patches, *file_version(audio)]
    (logits,) = cached_arrays(CACHE / "tags", key, compute)
    starts = patch_starts(window_seconds(track, settings), settings.window_seconds, patches)
    return TagCurves(logits.reshape(-1, logits.shape[-1]), starts.ravel())

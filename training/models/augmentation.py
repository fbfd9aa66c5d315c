"""Augmentation on audio: the songs of the training side again, begun elsewhere, in another key and with noise.

For tracks that came from audio; those from pictures can be changed along the axes of the spectrogram only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from features.audio import UnreadableAudio, load_audio
from features.clips import scale_clip
from features.mel import log_mel
from features.settings import MelSettings
from training.data.tracks import CACHE, BadData, Track, cached_arrays, file_version
from training.workers import start_workers

LARGEST_SHIFT_SEMITONES = 2.0
# Of the song's mean power over the noise's: from hiss that is hardly heard to that of a worn cassette.
SIGNAL_TO_NOISE_DB = (30.0, 60.0)


def augmented_tracks(tracks: Sequence[Track], settings: MelSettings, copies: int, seed: int) -> list[Track]:
    """Return the tracks, each that came from audio with the clips of so many changed copies of its song after its own.

    A copy is begun up to a window later, shifted by up to two semitones either way, and has Gaussian noise 30 to 60 dB
    under it, all drawn evenly and by the track's name and the seed alone. The copies are kept in the cache of clips.
    Raises BadData for audio that can no longer be read.
    """
    songs = [(track.audio, track.name) for track in tracks if track.audio]
    with start_workers() as workers:
        made = workers.map(
            partial(_changed_clips, settings=settings, copies=copies, seed=seed, cache=CACHE / "clips"),
            songs,
            chunksize=4,
        )
        further = iter(list(tqdm(made, "augmenting", len(songs), unit="track")))
    return [replace(track, clips=[*track.clips, *next(further)]) if track.audio else track for track in tracks]


def _changed_clips(
    song: tuple[Path, str], settings: MelSettings, copies: int, seed: int, cache: Path
) -> list[NDArray[np.float32]]:
    """Return the clips of all changed copies of a song, given as its file and the track's name."""
    path, name = song

    def compute() -> list[NDArray[np.float32]]:
        audio = load_audio(path)
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
        rngs = [np.random.default_rng([seed, number, copy]) for copy in range(copies)]
        return [clip for rng in rngs for clip in _changed_copy(audio.samples, audio.sample_rate_hz, settings, rng)]

    try:
        ranges = (LARGEST_SHIFT_SEMITONES, SIGNAL_TO_NOISE_DB)
        return cached_arrays(cache, [settings, name, copies, seed, ranges, *file_version(path)], compute)
    except UnreadableAudio as error:
        raise BadData(f"{path}: {error}") from error


def _changed_copy(
    samples: NDArray[np.float32], sample_rate_hz: int, settings: MelSettings, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Return the scaled clips of one changed copy of a song, samples of shape (samples,), as `song_clips` cuts them."""
    window_samples = round(settings.window_seconds * sample_rate_hz)
    begin = rng.integers(min(window_samples, max(0, len(samples) - window_samples)), endpoint=True)
    ratio = 2 ** (rng.uniform(-LARGEST_SHIFT_SEMITONES, LARGEST_SHIFT_SEMITONES) / 12)
    noise_power = np.mean(np.square(samples)) / 10 ** (rng.uniform(*SIGNAL_TO_NOISE_DB) / 10)
    noisy = samples + np.float32(np.sqrt(noise_power)) * rng.standard_normal(len(samples), dtype=np.float32)
    # Read as if its rate were another, sound is in another key, and the hop makes up for its other tempo: no phase
    # vocoder, which would blur the beats.
    shifted = replace(settings, hop_length=round(settings.hop_length / ratio), window_frames=1)
    clip_samples = round(settings.clip_seconds * sample_rate_hz)
    pieces = [noisy[start : start + clip_samples] for start in range(begin, len(noisy), clip_samples)]
    return [
        scale_clip(log_mel(piece, round(sample_rate_hz * ratio), shifted))
        for number, piece in enumerate(pieces)
        if number == 0 or len(piece) >= window_samples
    ]

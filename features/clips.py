"""A song as clips of 30 seconds, read block by block; silence is skipped."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from features.audio import UnreadableAudio, open_audio
from features.deadline import NO_DEADLINE, Deadline
from features.mel import MelClip
from features.patches import Resampler, patch_power, patch_starts
from features.settings import MelSettings, PatchSettings
from features.silence import Piece, SilenceFilter

SHORTEST_SECONDS = 1.0


class TooLong(ValueError):
    """Sound that is longer than the caller wants; the message has the remedy."""


@dataclass(frozen=True)
class Clip:
    """One clip: `scaled` is its log-mel spectrogram, float32 of shape (n_mels, frames) in [0, 1], lowest band first.

    `level_db`, of shape (frames,), is the level of the loudest band in each frame, and `band_power`, of shape
    (n_mels,), the mean power of each band; both are absolute. `patch_power` is that of the patches of each window, or
    None. `seconds` is the length of the sound; `pieces` holds, for each piece of the song in it, when it starts in the
    clip and when in the song.
    """

    scaled: NDArray[np.float32]
    level_db: NDArray[np.float32]
    band_power: NDArray[np.float32]
    patch_power: NDArray[np.float32] | None
    seconds: float
    pieces: list[tuple[float, float]]

    def song_seconds(self, clip_seconds: float) -> float:
        """Return the time in the song of a time in the clip."""
        in_clip, in_song = self.pieces[max(0, bisect_right(self.pieces, (clip_seconds, -math.inf)) - 1)]
        return in_song + clip_seconds - in_clip


@dataclass(frozen=True)
class SongClips:
    """A song's consecutive clips, or those of its excerpts, without its silence.

    `heard_seconds` is how much of its duration they are from. `sample_rate_hz` and `channels` are those of the file,
    and `complete` is as in `Sound`. `decode_seconds` and `mel_seconds` are the time it took to decode the file, and to
    compute the spectrograms.
    """

    clips: list[Clip]
    duration_seconds: float
    heard_seconds: float
    sample_rate_hz: int
    channels: int
    decode_seconds: float
    mel_seconds: float
    complete: bool | None = None

    @property
    def spectrograms(self) -> list[NDArray[np.float32]]:
        """The scaled log-mel spectrograms of the clips."""
        return [clip.scaled for clip in self.clips]


def song_clips(
    source: Path | str | bytes,
    settings: MelSettings,
    longest_seconds: float = math.inf,
    patches: PatchSettings | None = None,
    deadline: Deadline = NO_DEADLINE,
    excerpts: int = 0,
) -> SongClips:
    """Return the clips of an audio file, given as its path or its bytes.

    The song, without stretches of silence, is cut into consecutive clips of `settings.clip_seconds`. What remains at
    the end becomes a clip of its own if it fills a window, or if the song has no other clip; else it is left out. Of a
    song longer than `excerpts` of 30 seconds, if that is not 0, these are heard in place of the whole, unless all of
    them are silent; a rest of one that fills no window is joined to the next. No more than some seconds are held
    as sound, however long the file. Raises UnreadableAudio if the file is not sound, damaged, or under one second long,
    TooLong as soon as more than `longest_seconds` of it are known, OutOfTime once the deadline has passed, and OSError
    if the path cannot be opened.
    """
    began = perf_counter()
    mel_seconds = 0.0
    with open_audio(source, deadline, excerpts) as sound:
        rate = sound.sample_rate_hz
        reader = _ClipReader(rate, settings, patches)
        silence = SilenceFilter(rate)
        heard = 0
        for start, blocks in sound.parts:
            silence.begin(start)
            for block in blocks:
                heard += len(block)
                if max(heard, sound.samples or 0) > longest_seconds * rate:
                    raise TooLong(f"The song is longer than {longest_seconds / 60:g} minutes. Use a part of it.")
                decoded = perf_counter()
                for piece in silence.add(block):
                    reader.add(piece)
                mel_seconds += perf_counter() - decoded
            decoded = perf_counter()
            for piece in silence.finish():
                reader.add(piece)
            reader.end_part()
            mel_seconds += perf_counter() - decoded
    samples = heard if sound.samples is None else sound.samples
    if samples < SHORTEST_SECONDS * rate:
        raise UnreadableAudio(f"The file holds {samples / rate:.2f} seconds of sound. At least one second is needed.")
    if heard < samples and not silence.has_heard_sound:
        return song_clips(source, settings, longest_seconds, patches, deadline)
    decoded = perf_counter()
    clips = reader.finish()
    mel_seconds += perf_counter() - decoded
    decode_seconds = perf_counter() - began - mel_seconds
    return SongClips(
        clips, samples / rate, heard / rate, rate, sound.channels, decode_seconds, mel_seconds, sound.complete
    )


def scale_clip(decibels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a clip's log-mel spectrogram scaled from its own least to its own greatest value, to [0, 1].

    A clip without any difference, such as silence, becomes zeros.
    """
    least = decibels.min()
    span = decibels.max() - least
    return np.asarray((decibels - least) / (span or np.float32(1)))


def window_starts(frames: int, settings: MelSettings) -> NDArray[np.intp]:
    """Return the first frame of each window of a clip, shape (n,).

    Windows start every `settings.window_hop_frames`; where that would leave half a window or more at the end
    uncovered, one more ends with the clip.
    """
    last = max(0, frames - settings.window_frames)
    starts = np.arange(0, last + 1, settings.window_hop_frames)
    return np.append(starts, last) if 2 * (last - starts[-1]) >= settings.window_frames else starts


class _ClipReader:
    """Cuts the pieces of a song into clips."""

    def __init__(self, rate: int, settings: MelSettings, patches: PatchSettings | None) -> None:
        self._rate = rate
        self._settings = settings
        self._patches = patches
        self._clip_samples = round(settings.clip_seconds * rate)
        self._clips: list[Clip] = []
        self._begin()

    def add(self, piece: Piece) -> None:
        position, samples = piece
        while len(samples):
            taken = samples[: self._clip_samples - self._mel.samples]
            samples = samples[len(taken) :]
            self._pieces.append((self._mel.samples / self._rate, position / self._rate))
            position += len(taken)
            self._mel.add(taken)
            if self._sound:
                self._sound.add(taken)
            if self._mel.samples == self._clip_samples:
                self._clips.append(self._clip())
                self._begin()

    def end_part(self) -> None:
        if self._mel.samples >= self._settings.window_seconds * self._rate:
            self._clips.append(self._clip())
            self._begin()

    def finish(self) -> list[Clip]:
        return self._clips or [self._clip()]

    def _begin(self) -> None:
        self._mel = MelClip(self._rate, self._settings)
        self._sound = Resampler(self._rate, self._patches.sample_rate_hz) if self._patches else None
        self._pieces: list[tuple[float, float]] = []

    def _clip(self) -> Clip:
        decibels = self._mel.log_mel()
        seconds = self._mel.samples / self._rate
        power = None
        if self._patches and self._sound:
            settings = self._settings
            windows = window_starts(decibels.shape[1], settings) * settings.frame_seconds
            starts = patch_starts(windows, min(settings.window_seconds, seconds), self._patches)
            power = patch_power(self._sound.sound(), starts.ravel(), self._patches)
            power = power.reshape(*starts.shape, *power.shape[1:])
        return Clip(
            scale_clip(decibels),
            self._mel.peak_db + decibels.max(axis=0),
            self._mel.band_power,
            power,
            seconds,
            self._pieces or [(0.0, 0.0)],
        )

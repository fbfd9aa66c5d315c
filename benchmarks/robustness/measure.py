"""Predictions for songs, for changed copies of them and for sounds that are not music."""

import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.robustness.changes import CHANGES, Change
from benchmarks.robustness.noises import noises, silences
from benchmarks.robustness.recordings import Recording, lossless, read_recording
from benchmarks.robustness.voices import ESPEAK, FLITE, espeak_voices, flite_voices, is_installed
from features.audio import UnreadableAudio
from inference.prediction import Prediction

SURE = 0.6
_TIMED_SECONDS = (29.0, 31.0)
_TIMINGS = 3

Classify = Callable[[bytes], Prediction]


@dataclass(frozen=True)
class Answer:
    """One prediction: `top` is the most probable genre; `genre` is the same, or None if the model is not sure."""

    top: str
    genre: str | None
    top_probability: float
    is_sure: bool

    @classmethod
    def of(cls, prediction: Prediction) -> "Answer":
        """Return the answer in a prediction; it is sure if it names a genre with a confidence of `SURE`."""
        top, top_probability = max(prediction.probabilities.items(), key=lambda item: item[1])
        is_sure = prediction.genre is not None and prediction.confidence >= SURE
        return cls(top, prediction.genre, top_probability, is_sure)


@dataclass(frozen=True)
class Song:
    """A song of the folder: the answer to it unchanged, and to each changed copy by the change's name.

    `cpu_milliseconds` is the processor time of the answer, for a song of 30 seconds.
    """

    path: str
    unchanged: Answer
    changed: dict[str, Answer]
    cpu_milliseconds: float | None


@dataclass(frozen=True)
class Sound:
    """A sound that is no music, and the answer to it."""

    kind: str
    answer: Answer


@dataclass(frozen=True)
class ChangeRow:
    """The songs that one change applies to; shares from 0 to 1, None of nothing.

    `same` is the share with the same top genre as unchanged. Of the `sure` copies, `sure_of_another` is the share with
    another. `became_null` is the share without a genre of the songs that had one. `top_probability_change` is a mean.
    """

    kind: str
    change: str
    songs: int
    same: float | None
    sure: int
    sure_of_another: float | None
    became_null: float | None
    top_probability_change: float | None
    missing: str | None


@dataclass(frozen=True)
class SoundRow:
    """The sounds of one kind; `null` is the share without a genre, `genres` counts those of the others."""

    kind: str
    sounds: int
    null: float | None
    sure: int
    genres: dict[str, int]
    missing: str | None


def measure_songs(classify: Classify, folder: Path, limit: int | None = None) -> list[Song]:
    """Return the answers to all songs of a folder, or to the first few, changed in every way; skip other files."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    songs: list[Song] = []
    for path in tqdm(paths, "classifying changed songs", unit="file"):
        if len(songs) == limit:
            break
        name = str(path.relative_to(folder))
        content = path.read_bytes()
        try:
            unchanged = Answer.of(classify(content))
            recording = read_recording(path)
        except UnreadableAudio as error:
            tqdm.write(f"Skipping {path}: {error}")
            continue
        timed = _TIMED_SECONDS[0] <= recording.seconds <= _TIMED_SECONDS[1]
        milliseconds = _cpu_milliseconds(classify, content) if timed else None
        changed = {change.name: answer for change, answer in _changed_answers(classify, recording, name)}
        songs.append(Song(name, unchanged, changed, milliseconds))
    return songs


def _changed_answers(classify: Classify, recording: Recording, name: str) -> Iterator[tuple[Change, Answer]]:
    for change in CHANGES:
        if change.needs is not None and not is_installed(change.needs):
            continue
        # The same for a song whatever other songs and changes there are.
        rng = np.random.default_rng(zlib.crc32(f"{name} {change.name}".encode()))
        content = change.make(recording, rng)
        if content is not None:
            yield change, Answer.of(classify(content))


def _cpu_milliseconds(classify: Classify, content: bytes) -> float:
    timings = []
    for _ in range(_TIMINGS):
        began = time.process_time()
        classify(content)
        timings.append(time.process_time() - began)
    return 1000 * min(timings)


def measure_sounds(classify: Classify, limit: int | None = None) -> list[Sound]:
    """Return the answers to silence, generated sounds and voices, or to the first few of each kind."""
    makers = [*silences(), *noises()]
    makers += espeak_voices() if is_installed(ESPEAK) else []
    makers += flite_voices() if is_installed(FLITE) else []
    taken: Counter[str] = Counter()
    sounds = []
    for kind, make in tqdm(makers, "classifying non-music", unit="sound"):
        taken[kind] += 1
        if limit is None or taken[kind] <= limit:
            sounds.append(Sound(kind, Answer.of(classify(lossless(make())))))
    return sounds


def change_rows(songs: Sequence[Song]) -> list[ChangeRow]:
    """Return one row a change."""
    return [_change_row(change, songs) for change in CHANGES]


def _change_row(change: Change, songs: Sequence[Song]) -> ChangeRow:
    pairs = [(song.unchanged, song.changed[change.name]) for song in songs if change.name in song.changed]
    return ChangeRow(
        change.kind,
        change.name,
        songs=len(pairs),
        same=_share([after.top == before.top for before, after in pairs]),
        sure=sum(after.is_sure for _, after in pairs),
        sure_of_another=_share([after.top != before.top for before, after in pairs if after.is_sure]),
        became_null=_share([after.genre is None for before, after in pairs if before.genre is not None]),
        top_probability_change=_share([after.top_probability - before.top_probability for before, after in pairs]),
        missing=_missing(change.needs),
    )


def sound_rows(sounds: Sequence[Sound]) -> list[SoundRow]:
    """Return one row a kind, after one each for all generated sounds and all voices of a program."""
    kinds = list(dict.fromkeys(sound.kind for sound in sounds))
    spoken = [kind for kind in kinds if kind.startswith(ESPEAK)]
    generated = [kind for kind in kinds if kind not in ("silence", FLITE, *spoken)]
    groups: dict[str, list[str]] = {"silence": ["silence"], ESPEAK: spoken, FLITE: [FLITE], "generated": generated}
    groups |= {kind: [kind] for kind in (*spoken, *generated)}
    return [_sound_row(name, [sound for sound in sounds if sound.kind in group]) for name, group in groups.items()]


def _sound_row(name: str, sounds: Sequence[Sound]) -> SoundRow:
    answers = [sound.answer for sound in sounds]
    return SoundRow(
        name,
        sounds=len(answers),
        null=_share([answer.genre is None for answer in answers]),
        sure=sum(answer.is_sure for answer in answers),
        genres=dict(Counter(answer.genre for answer in answers if answer.genre is not None).most_common()),
        missing=_missing(name) if name in (ESPEAK, FLITE) else None,
    )


def mean_cpu_milliseconds(songs: Sequence[Song]) -> float | None:
    """Return the processor time of an answer, the mean of the songs of 30 seconds; None if there are none."""
    return _share([song.cpu_milliseconds for song in songs if song.cpu_milliseconds is not None])


def as_json(songs: Sequence[Song], sounds: Sequence[Sound]) -> dict[str, object]:
    """Return the rows and all answers."""
    return {
        "cpu_milliseconds": mean_cpu_milliseconds(songs),
        "changes": [asdict(row) for row in change_rows(songs)],
        "sounds": [asdict(row) for row in sound_rows(sounds)],
        "answers_to_songs": [asdict(song) for song in songs],
        "answers_to_sounds": [asdict(sound) for sound in sounds],
    }


def _share(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def _missing(program: str | None) -> str | None:
    return None if program is None or is_installed(program) else f"{program} is not installed"

"""What a model answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """The genre of one window of the song, or None if the model is not sure."""

    start_seconds: float
    end_seconds: float
    genre: str | None
    confidence: float


@dataclass(frozen=True)
class AudioInfo:
    """What the file is."""

    duration_seconds: float
    sample_rate_hz: int
    channels: int


@dataclass(frozen=True)
class ModelInfo:
    """Which model answered."""

    name: str
    version: str


@dataclass(frozen=True)
class Prediction:
    """The answer for one song.

    `probabilities` has every genre, the most probable first; they add up to 1. `confidence` is the greatest of them,
    and `genre` None if that is less than the model's `not_sure_below`.

    `tags` has up to 5 tags with a probability of 0.1 or more, the most probable first. Each probability is independent
    of the others. `tags` is empty for a model without tags and for silence.
    """

    genre: str | None
    confidence: float
    probabilities: dict[str, float]
    tags: dict[str, float]
    segments: list[Segment]
    audio: AudioInfo
    model: ModelInfo

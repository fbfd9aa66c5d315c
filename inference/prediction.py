"""The prediction of a model for a song."""

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
    """The sound of the file, as it was decoded.

    Of `duration_seconds`, `heard_seconds` were heard: all of them, or those of excerpts. `complete` is True if the file
    states its length or its end and has it, and None if it states neither: then a part may be missing. A file that
    lacks a part it states is not predicted at all, but damage between excerpts is not noticed.
    """

    duration_seconds: float
    heard_seconds: float
    sample_rate_hz: int
    channels: int
    complete: bool | None = None


@dataclass(frozen=True)
class ModelInfo:
    """Which model answered."""

    name: str
    version: str


@dataclass(frozen=True)
class Prediction:
    """The prediction for one song.

    `probabilities` has every genre, the most probable first; they add up to 1. `confidence` is the greatest of them,
    and `genre` None if that is less than the model's `abstain_threshold`. `tags` are up to five descriptions of the
    music, the most probable first; each has a probability of its own. A model without an encoder has none.
    """

    genre: str | None
    confidence: float
    probabilities: dict[str, float]
    tags: dict[str, float]
    segments: list[Segment]
    audio: AudioInfo
    model: ModelInfo

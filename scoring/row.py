"""A song to be scored, and its result: a row of the table."""

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass

from inference.card import ModelCard
from inference.prediction import Segment


@dataclass(frozen=True)
class SongFile:
    """A file to score: its path or s3:// address, its size in bytes, and a version that changes with its content.

    `path` may hold what is not UTF-8, as Python has it (surrogate escapes). The size of what cannot be looked at is 0.
    """

    path: str
    size: int
    version: str

    @property
    def in_bucket(self) -> bool:
        """Whether it is an object of S3."""
        return in_bucket(self.path)


@dataclass(frozen=True)
class Row:
    """The result for a file: a prediction, or `error`, a sentence, and `error_kind`, a word.

    `probabilities` has every genre, and `tags` is as in `Prediction`; both are empty where there is an error. `genre`
    is None there, and where the model is not sure. Of the song's duration, `heard_seconds` were heard.
    `settings` is the hash of all that an answer depends on beside the file, and `seconds` how long it took.
    """

    path: str
    size: int
    genre: str | None
    confidence: float | None
    probabilities: dict[str, float]
    tags: dict[str, float]
    segments: list[Segment]
    duration_seconds: float | None
    heard_seconds: float | None
    model: str
    model_version: str
    settings: str
    seconds: float
    error: str | None = None
    error_kind: str | None = None

    @property
    def second(self) -> tuple[str, float] | tuple[None, None]:
        """The second most probable genre and its probability, None where there is none."""
        ordered = sorted(self.probabilities.items(), key=lambda item: item[1], reverse=True)
        return ordered[1] if len(ordered) > 1 else (None, None)

    def pack(self) -> bytes:
        """Return the row as bytes, which `unpack` reads back."""
        return zlib.compress(json.dumps(asdict(self)).encode(), 1)

    @classmethod
    def unpack(cls, packed: bytes) -> "Row":
        """Return the row that `pack` packed; a row of a version without tags or excerpts has none."""
        fields = {"tags": {}, "heard_seconds": None} | json.loads(zlib.decompress(packed))
        return cls(**fields | {"segments": [Segment(**segment) for segment in fields["segments"]]})


def settings_hash(card: ModelCard, excerpts: int) -> str:
    """Return the hash of all that a prediction depends on beside the file: weights, features, temperature, threshold.

    Weights include the encoder's. Where a song is heard in excerpts, their number counts.
    """
    facts = [card.name, card.version, card.weights_sha256, asdict(card.mel), card.temperature, card.abstain_threshold]
    if card.encoder:
        facts += [card.encoder.weights_sha256, asdict(card.encoder.patches)]
    if excerpts:
        facts.append(excerpts)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def in_bucket(path: str) -> bool:
    """Return whether a path is the address of an object in S3, or of a prefix there."""
    return path.startswith("s3://")


class BucketError(OSError):
    """A failed request to a bucket; the message has its name and the reason."""


def readable(path: str) -> str:
    r"""Return a path as text, with bytes that are not UTF-8 as \xe9."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

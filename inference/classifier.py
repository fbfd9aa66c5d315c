"""A model at work: a song in, its genre out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.bandwidth import Bandwidth
from features.deadline import NO_DEADLINE, Deadline
from features.modulations import mel_modulations
from features.statistics import mel_statistics
from features.windows import SongWindows, song_windows
from inference.bundle import BadBundle, Bundle
from inference.encoder import TagEncoder
from inference.prediction import AudioInfo, ModelInfo, Prediction, Segment
from inference.session import load_session

# The inputs that a bundle's graph may have, and how each is computed from windows (n, n_mels, frames, 1).
INPUTS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "windows": lambda windows: windows,
    "mel_statistics": mel_statistics,
    "mel_modulations": mel_modulations,
}
# Those that only a model with an encoder has; see `Encoded`.
ENCODED_INPUTS = ("tag_logits", "band_limits")
OUTPUT = "logits"
# Bounds the memory a long song takes inside the network.
_WINDOWS_PER_RUN = 32
# The tags of a prediction: at most so many, and each at least so probable.
_MAX_TAGS = 5
_MIN_TAG_PROBABILITY = 0.1


@dataclass(frozen=True)
class Encoded:
    """The inputs that an encoder adds to windows.

    `tag_logits`, float32 of shape (n, tags), are the mean over a window's patches. `band_limits`, float32 of shape
    (n, 2), are 1 where the recording lacks the lowest or the highest frequencies, and 0 elsewhere.
    """

    tag_logits: NDArray[np.float32]
    band_limits: NDArray[np.float32]

    @classmethod
    def of(cls, patch_logits: NDArray[np.float32], bandwidth: Bandwidth) -> "Encoded":
        """Return the inputs for windows, from the logits of their patches, shape (n, patches_per_window, tags)."""
        limits = np.array([bandwidth.lows_missing, bandwidth.highs_missing], np.float32)
        return cls(patch_logits.mean(axis=1), np.broadcast_to(limits, (len(patch_logits), 2)))


class GenreClassifier:
    """A loaded model bundle.

    The weights are an ONNX graph that takes one or more of `INPUTS`, with an encoder also of `ENCODED_INPUTS`, and
    gives "logits", float32 of shape (n, genres). Raises BadBundle if the graph is not of that kind. May be used from
    several threads at once.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.card = bundle.card
        self.encoder: TagEncoder | None = None
        inputs: tuple[str, ...] = tuple(INPUTS)
        shapes = {}
        if bundle.card.encoder:
            if bundle.encoder is None:
                raise BadBundle(f"The model {self.card.name} needs the encoder {bundle.card.encoder.name}.")
            self.encoder = TagEncoder(bundle.card.encoder, bundle.encoder)
            inputs += ENCODED_INPUTS
            shapes = {"tag_logits": (len(bundle.card.encoder.tags),)}
        self._session = load_session(bundle.weights, self.card.name, inputs, OUTPUT, len(self.card.genres), shapes)
        self._inputs = [graph_input.name for graph_input in self._session.get_inputs()]

    def classify(self, source: Path | str | bytes, excerpts: int = 0) -> Prediction:
        """Return the prediction for an audio file, given as its path or its bytes; raises as `song_windows`.

        The whole song is heard, or `excerpts` of 30 seconds.
        """
        return self.predict(song_windows(source, self.card.mel, patches=self.card.patches, excerpts=excerpts))

    def predict(
        self, song: SongWindows, encoded: Encoded | None = None, deadline: Deadline = NO_DEADLINE
    ) -> Prediction:
        """Return the prediction for a song's features, which must have been computed with the card's settings.

        Who has the encoder's inputs already passes them as `encoded`. Raises OutOfTime once the deadline has passed.
        """
        encoded = encoded or self.encode(song, deadline)
        by_window = self.window_probabilities(song.windows, encoded, deadline)
        silent = not song.weights.any()
        by_genre = np.average(by_window, axis=0, weights=None if silent else song.weights)
        order = np.argsort(-by_genre, kind="stable")
        genres = self.card.genres
        sure = [
            None if not weight else self._sure(row.argmax(), row.max())
            for row, weight in zip(by_window, song.weights, strict=True)
        ]
        return Prediction(
            genre=None if silent else self._sure(order[0], by_genre[order[0]]),
            confidence=float(by_genre[order[0]]),
            probabilities={genres[index]: float(by_genre[index]) for index in order},
            tags=_tags(self.encoder.card.tags, encoded, song.weights) if self.encoder and encoded else {},
            segments=[
                Segment(round(float(start), 3), round(float(end), 3), genre, float(row.max()))
                for start, end, genre, row in zip(song.start_seconds, song.end_seconds, sure, by_window, strict=True)
            ],
            audio=AudioInfo(
                round(song.duration_seconds, 3),
                round(song.heard_seconds, 3),
                song.sample_rate_hz,
                song.channels,
                song.complete,
            ),
            model=ModelInfo(self.card.name, self.card.version),
        )

    def encode(self, song: SongWindows, deadline: Deadline = NO_DEADLINE) -> Encoded | None:
        """Return the encoder's inputs for a song's windows; None for a model without an encoder."""
        if self.encoder is None:
            return None
        return Encoded.of(self.encoder.window_logits(song, deadline), song.bandwidth)

    def window_probabilities(
        self, windows: NDArray[np.float32], encoded: Encoded | None = None, deadline: Deadline = NO_DEADLINE
    ) -> NDArray[np.float64]:
        """Return the probabilities of each window, shape (n, n_mels, frames, 1) -> (n, genres)."""
        return softmax(self.window_logits(windows, encoded, deadline) / self.card.temperature)

    def window_logits(
        self, windows: NDArray[np.float32], encoded: Encoded | None = None, deadline: Deadline = NO_DEADLINE
    ) -> NDArray[np.float32]:
        """Return the graph's output for each window, shape (n, n_mels, frames, 1) -> (n, genres)."""
        logits = []
        for first in range(0, len(windows), _WINDOWS_PER_RUN):
            deadline.check()
            batch = slice(first, first + _WINDOWS_PER_RUN)
            inputs = {name: INPUTS[name](windows[batch]) for name in self._inputs if name in INPUTS}
            if encoded:
                inputs |= {name: getattr(encoded, name)[batch] for name in self._inputs if name in ENCODED_INPUTS}
            logits.append(self._session.run([OUTPUT], inputs)[0])
        return np.concatenate(logits)

    def _sure(self, index: int | np.intp, confidence: float) -> str | None:
        return self.card.genres[index] if confidence >= self.card.abstain_threshold else None


def _tags(names: Sequence[str], encoded: Encoded, weights: NDArray[np.float32]) -> dict[str, float]:
    """Return the most probable tags of a song, the most probable first; none for silence."""
    if not weights.any():
        return {}
    by_window = 1 / (1 + np.exp(-encoded.tag_logits.astype(np.float64)))
    by_tag = np.average(by_window, axis=0, weights=weights)
    order = np.argsort(-by_tag, kind="stable")[:_MAX_TAGS]
    return {names[index]: float(by_tag[index]) for index in order if by_tag[index] >= _MIN_TAG_PROBABILITY}


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities for logits, shape (n, genres) -> (n, genres)."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

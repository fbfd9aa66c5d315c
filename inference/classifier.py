"""A model at work: a song in, its genre out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from features.modulations import mel_modulations
from features.statistics import mel_statistics
from features.windows import SongWindows, song_windows
from inference.bundle import BadBundle, Bundle
from inference.prediction import AudioInfo, ModelInfo, Prediction, Segment

# What the inputs of a bundle's graph may be named, and how each is computed from windows (n, n_mels, frames, 1).
INPUTS: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "windows": lambda windows: windows,
    "mel_statistics": mel_statistics,
    "mel_modulations": mel_modulations,
}
OUTPUT = "logits"
# Bounds the memory a long song takes inside the network.
_WINDOWS_PER_RUN = 32


class GenreClassifier:
    """A loaded model bundle.

    The weights are an ONNX graph that takes one or more of `INPUTS` and gives "logits", float32 of shape
    (n, genres). Raises BadBundle if the graph is not of that kind. May be used from several threads at once.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.card = bundle.card
        options = onnxruntime.SessionOptions()
        # Requests, and processes, are what runs side by side.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(bundle.weights, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no other base
            raise BadBundle(
                f"The weights of {self.card.name} are not a graph ONNX Runtime can load: {error}"
            ) from error
        self._inputs = [graph_input.name for graph_input in self._session.get_inputs()]
        outputs = self._session.get_outputs()
        if not set(self._inputs) <= set(INPUTS) or [output.name for output in outputs] != [OUTPUT]:
            raise BadBundle(
                f"The graph of {self.card.name} must take some of {list(INPUTS)} and give {OUTPUT!r} alone."
            )
        if outputs[0].shape[-1] != len(self.card.genres):
            raise BadBundle(
                f"The graph of {self.card.name} gives {outputs[0].shape}, not its {len(self.card.genres)} genres."
            )

    def classify(self, source: Path | str | bytes) -> Prediction:
        """Return the answer for an audio file, given as its path or its bytes; raises as `song_windows`."""
        return self.predict(song_windows(source, self.card.mel))

    def predict(self, song: SongWindows) -> Prediction:
        """Return the answer for a song's windows, which must have been made with the card's own `mel`."""
        by_window = self.window_probabilities(song.windows)
        by_genre = by_window.mean(axis=0)
        order = np.argsort(-by_genre, kind="stable")
        genres = self.card.genres
        ends = np.minimum(song.start_seconds + self.card.mel.window_seconds, song.duration_seconds)
        return Prediction(
            genre=self._sure(order[0], by_genre[order[0]]),
            confidence=float(by_genre[order[0]]),
            probabilities={genres[index]: float(by_genre[index]) for index in order},
            tags={},
            segments=[
                Segment(round(float(start), 3), round(float(end), 3), self._sure(index, row[index]), float(row[index]))
                for start, end, row, index in zip(
                    song.start_seconds, ends, by_window, by_window.argmax(axis=1), strict=True
                )
            ],
            audio=AudioInfo(round(song.duration_seconds, 3), song.sample_rate_hz, song.channels),
            model=ModelInfo(self.card.name, self.card.version),
        )

    def window_probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probabilities of each window, shape (n, n_mels, frames, 1) -> (n, genres)."""
        return softmax(self.window_logits(windows) / self.card.temperature)

    def window_logits(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the graph's answer for each window, shape (n, n_mels, frames, 1) -> (n, genres)."""
        batches = (windows[first : first + _WINDOWS_PER_RUN] for first in range(0, len(windows), _WINDOWS_PER_RUN))
        logits = [
            self._session.run([OUTPUT], {name: INPUTS[name](batch) for name in self._inputs})[0] for batch in batches
        ]
        return np.concatenate(logits)

    def _sure(self, index: int, confidence: float) -> str | None:
        return self.card.genres[index] if confidence >= self.card.not_sure_below else None


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities for logits, shape (n, genres) -> (n, genres)."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

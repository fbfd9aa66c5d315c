"""A pretrained encoder at work: patches of a song in, logits of its tags out."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from features.bandwidth import Bandwidth
from features.deadline import NO_DEADLINE, Deadline
from features.mel import mel_frequencies
from features.windows import SongWindows
from inference.card import EncoderCard
from inference.session import load_session

OUTPUT = "tag_logits"


class TagEncoder:
    """A loaded encoder.

    Its ONNX graph takes "patches", float32 of shape (n, patch_frames, bands), and "heard", float32 of shape (n, bands),
    which is 0 for the bands above a recording's bandwidth, and 1 for others; it gives "tag_logits", float32 of shape
    (n, tags). Raises BadBundle if the graph is not of that kind. May be used from several threads at once.
    """

    def __init__(self, card: EncoderCard, weights: bytes) -> None:
        self.card = card
        shapes = {"patches": (card.patches.patch_frames, card.patches.n_mels), "heard": (card.patches.n_mels,)}
        self._session: onnxruntime.InferenceSession = load_session(
            weights, card.name, shapes.keys(), OUTPUT, len(card.tags), shapes
        )
        self._band_hz = mel_frequencies(card.patches.mel)

    def window_logits(self, song: SongWindows, deadline: Deadline = NO_DEADLINE) -> NDArray[np.float32]:
        """Return the logits of the tags for each patch of a song's windows, shape (n, patches_per_window, tags).

        Raises ValueError for a song that was read without patches, and as `tag_logits`.
        """
        if song.patches is None:
            raise ValueError("The song was read without patches.")
        n, per_window = song.patches.shape[:2]
        patches = song.patches.reshape(n * per_window, *song.patches.shape[2:])
        logits = self.tag_logits(patches, song.bandwidth, deadline)
        return logits.reshape(n, per_window, -1)

    def tag_logits(
        self, patches: NDArray[np.floating], bandwidth: Bandwidth, deadline: Deadline = NO_DEADLINE
    ) -> NDArray[np.float32]:
        """Return the logits of the tags for each patch of a song, shape (n, patch_frames, bands) -> (n, tags).

        Raises OutOfTime once the deadline has passed.
        """
        heard = (self._band_hz <= bandwidth.high_hz).astype(np.float32)[None]
        # One by one: together they would take 15 MB each inside the network, and not a moment less.
        logits = []
        for patch in patches:
            deadline.check()
            inputs = {"patches": patch.astype(np.float32)[None], "heard": heard}
            logits.append(self._session.run([OUTPUT], inputs)[0])
        return np.concatenate(logits)

"""The best model: a pretrained encoder's tags, blended with the perceptron on the spectrogram's own statistics.

log P(genre) = (1 - s) log P(genre | tags) + s log P(genre | statistics, modulations) + constant

P(genre | tags) is a logistic regression on the logits of an encoder's tags, and the second the perceptron of
`perceptron.py`. Its share s is zero for a recording that lacks high or low frequencies, whose statistics are
unlike any that it learned from. The tags then decide alone, with as much less confidence as makes them calibrated.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from features.settings import MelSettings, PatchSettings
from training.data.splits import Split
from training.data.tracks import Track
from training.models.export import append_graph, parse_graph
from training.models.perceptron import train_perceptron
from training.models.tags import random_means

# Chosen by cross-validation over artists of GTZAN's fault-filtered training songs.
_OWN_SHARE = 0.4
_OWN_TEMPERATURE = 1.5
# Of the tags where they decide alone: the blend's temperature over theirs, which makes up for the blend's lesser
# confidence.
_LIMITED_SHARE = 0.8
_C = 0.01
_DRAWS_PER_CLIP = 12

_TAIL = """
model (float[n, {tags}] tag_logits, float[n, 2] band_limits, float[n, {genres}] own_logits)
    => (float[n, {genres}] logits) {{
    tags_centred = Sub (tag_logits, tag_means)
    tag_products = MatMul (tags_centred, tag_weights)
    by_tags = Add (tag_products, tag_bias)
    log_by_tags = LogSoftmax <axis = 1> (by_tags)
    calm = Div (own_logits, temperature)
    log_own = LogSoftmax <axis = 1> (calm)
    limited = ReduceMax (band_limits, last_axis)
    unlimited = Sub (one, limited)
    share = Mul (unlimited, own_share)
    rest = Sub (one, share)
    lost = Mul (limited, limited_loss)
    tag_share = Sub (rest, lost)
    tag_part = Mul (log_by_tags, tag_share)
    own_part = Mul (log_own, share)
    logits = Add (tag_part, own_part)
}}
"""


def train_blend(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    """Return an ONNX graph of the blend, which learns from the training tracks; all of them must have tags.

    Its inputs are "tag_logits", "band_limits", "mel_statistics" and "mel_modulations". Nothing is chosen on the
    validation tracks.
    """
    means, weights, bias = _fit_tags(split.train, genres, settings, PatchSettings(), seed)
    tables = {
        "tag_means": means,
        "tag_weights": weights,
        "tag_bias": bias,
        "temperature": np.array(_OWN_TEMPERATURE),
        "own_share": np.array(_OWN_SHARE),
        "limited_loss": np.array(1 - _LIMITED_SHARE),
        "one": np.array(1.0),
        "last_axis": np.array([1]),
    }
    tail = parse_graph(_TAIL, tables, tags=len(means), genres=len(genres))
    return append_graph(train_perceptron(split, genres, settings, seed), tail, "own_logits")


def _fit_tags(
    tracks: Sequence[Track], genres: Sequence[str], settings: MelSettings, patches: PatchSettings, seed: int
) -> tuple[NDArray[np.floating], ...]:
    """Return the means of the tags (tags,), and the weights (tags, genres) and bias (genres,) of a regression."""
    random = np.random.default_rng(seed)
    draws = [random_means(track, settings, patches, _DRAWS_PER_CLIP * len(track.clips), random) for track in tracks]
    labels = np.repeat([genres.index(track.genre) for track in tracks], [len(rows) for rows in draws])
    scaler, regression = StandardScaler(), LogisticRegression(C=_C, max_iter=2000)
    make_pipeline(scaler, regression).fit(np.concatenate(draws), labels)
    weights, bias = regression.coef_.T / scaler.scale_[:, None], regression.intercept_
    if len(genres) == 2:
        # scikit-learn has the second genre's only.
        weights, bias = np.pad(weights, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    return scaler.mean_, weights, bias

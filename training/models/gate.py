"""A gate before any model: sound that is not music gets no genre.

P(genre | window) = P(music | window) · P(genre | window, music) + (1 - P(music | window)) / genres

P(music | window) is a logistic regression on `mel_statistics`, standardised over songs, and on their absolute values:
how far out a statistic lies tells more than on which side. It learns from the songs and from generated sounds (outlier
exposure, see `training/evaluation/non_music.py`). Which genre is the most probable, the gate does not change.

For a model with an encoder, it is the product of two: the second learns from the tags' logits in the same way. Of a
recording that lacks high or low frequencies, the tags alone decide; and one that lacks low ones is never quite sure.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx.utils
import soundfile
from numpy.typing import NDArray
from onnx import helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from tqdm import tqdm

from features.settings import MelSettings
from features.statistics import mel_statistics
from features.windows import cut_windows, song_windows
from inference.classifier import OUTPUT
from inference.encoder import TagEncoder
from training.data.tracks import CACHE, Track, cached_arrays
from training.evaluation import non_music
from training.evaluation.non_music import high_voices, non_music_clips, non_music_sounds
from training.models.export import append_graph, parse_graph
from training.models.tags import encoded_windows

_GENRE_LOGITS = "genre_logits"
# Chosen by GTZAN's fault-filtered validation songs, and by kinds of generated sound held out in turn.
_NON_MUSIC_CLIPS = 400
_C = 0.01
# Chosen by cross-validation over GTZAN's fault-filtered training songs.
_HIGH_VOICES = 120
_TAG_C = 0.3
# The most that P(music) is without the lowest frequencies: beneath the confidence from which tags are written.
_MOST_WITHOUT_LOWS = 0.6

_ONE_GATE = """
    {gate}_centred = Sub ({taken}, {gate}_means)
    {gate}_standardised = Div ({gate}_centred, {gate}_spreads)
    {gate}_absolute = Abs ({gate}_standardised)
    {gate}_numbers = Concat <axis = 1> ({gate}_standardised, {gate}_absolute)
    {gate}_logit = Gemm ({gate}_numbers, {gate}_weights, {gate}_bias)
    {gate}_music = Sigmoid ({gate}_logit)
"""
_MIX = """
    gate_other = Sub (gate_one, gate_music)
    gate_genre_if_music = Softmax <axis = 1> (genre_logits)
    gate_genre_and_music = Mul (gate_genre_if_music, gate_music)
    gate_share = Div (gate_other, gate_genres)
    gate_probabilities = Add (gate_genre_and_music, gate_share)
    gate_positive = Max (gate_probabilities, gate_least)
    logits = Log (gate_positive)
"""
# Of a probability, so that it has a logarithm.
_LEAST = 1e-7


@dataclass(frozen=True)
class _Gate:
    """Means and spreads (k,) that standardise numbers; weights (2k, 1) and bias (1,) for them and their absolutes."""

    means: NDArray[np.floating]
    spreads: NDArray[np.floating]
    weights: NDArray[np.floating]
    bias: NDArray[np.floating]

    def tables(self, name: str) -> dict[str, NDArray[np.floating]]:
        """Return the tables of the gate of that name in a graph."""
        return {f"{name}_{part}": value for part, value in vars(self).items()}


def add_gate(
    weights: bytes, tracks: Sequence[Track], settings: MelSettings, encoder: TagEncoder | None = None
) -> bytes:
    """Return a bundle's graph with the gate behind it, which learns from the tracks; it also takes "mel_statistics".

    With an encoder, the tracks must have tags, and the graph takes "tag_logits" and "band_limits", too.
    """
    songs = mel_statistics(np.concatenate([track.windows(settings) for track in tracks]))
    (logits,) = onnx.load_from_string(weights).graph.output
    n_genres = logits.type.tensor_type.shape.dim[1].dim_value
    tables = {"gate_one": np.array(1.0), "gate_genres": np.array(float(n_genres)), "gate_least": np.array(_LEAST)}
    sizes = {"statistics": songs.shape[1], "genres": n_genres}
    if encoder is None:
        clips = non_music_clips(settings, _NON_MUSIC_CLIPS, seed=0)
        others = mel_statistics(np.concatenate([cut_windows(clip, settings) for clip in clips]))
        tables |= _fit(songs, others, _C).tables("gate")
        text = _text("", _ONE_GATE.format(gate="gate", taken="mel_statistics"))
    else:
        others, other_tags = _non_music(settings, encoder)
        encoded = np.concatenate([encoded_windows(t, settings, encoder.card.patches).tag_logits for t in tracks])
        tables |= _fit(songs, others, _C).tables("own_gate")
        tables |= _fit(encoded, other_tags, _TAG_C).tables("tag_gate")
        tables |= {
            "gate_last_axis": np.array([1]),
            "gate_lost_without_lows": np.array(1 - _MOST_WITHOUT_LOWS),
            "gate_first": np.array([0]),
        }
        sizes["tags"] = encoded.shape[1]
        text = _text(
            ", float[n, {tags}] tag_logits, float[n, 2] band_limits",
            _ONE_GATE.format(gate="own_gate", taken="mel_statistics"),
            _ONE_GATE.format(gate="tag_gate", taken="tag_logits"),
            """
            gate_limited = ReduceMax (band_limits, gate_last_axis)
            gate_own = Max (own_gate_music, gate_limited)
            gate_both = Mul (tag_gate_music, gate_own)
            gate_lows_missing = Gather <axis = 1> (band_limits, gate_first)
            gate_lost = Mul (gate_lows_missing, gate_lost_without_lows)
            gate_kept = Sub (gate_one, gate_lost)
            gate_music = Mul (gate_both, gate_kept)
            """,
        )
    return append_graph(weights, parse_graph(text, tables, **sizes), _GENRE_LOGITS)


def before_gate(weights: bytes, inputs: Sequence[str]) -> bytes:
    """Return the graph that a gate was added to, which takes these inputs."""
    model = onnx.load_from_string(weights)
    (logits,) = model.graph.output
    logits.name = _GENRE_LOGITS
    extracted = onnx.utils.Extractor(model).extract_model(list(inputs), [_GENRE_LOGITS])
    extracted.graph.output[0].name = OUTPUT
    extracted.graph.node.append(helper.make_node("Identity", [_GENRE_LOGITS], [OUTPUT]))
    return bytes(extracted.SerializeToString())


def _text(further_inputs: str, *steps: str) -> str:
    """Return the text of a gate, of steps that give "gate_music"."""
    inputs = f"float[n, {{genres}}] genre_logits, float[n, {{statistics}}] mel_statistics{further_inputs}"
    return f"model ({inputs}) => (float[n, {{genres}}] logits) {{{{{''.join(steps)}{_MIX}}}}}"


def _fit(songs: NDArray[np.float32], others: NDArray[np.float32], c: float) -> _Gate:
    """Return the gate between numbers of songs and of other sounds, (n, k) and (m, k)."""
    standardise = StandardScaler().fit(songs)
    regression = make_pipeline(
        FunctionTransformer(lambda values: np.concatenate([values, np.abs(values)], axis=1)),
        StandardScaler(),
        LogisticRegression(C=c, class_weight="balanced", max_iter=2000),
    )
    numbers = standardise.transform(np.concatenate([songs, others]))
    regression.fit(numbers, np.repeat([1, 0], [len(songs), len(others)]))
    _, scaler, logistic = (step for _, step in regression.steps)
    weights = logistic.coef_[0] / scaler.scale_
    bias = logistic.intercept_ - weights @ scaler.mean_
    return _Gate(standardise.mean_, standardise.scale_, weights[:, None], bias)


def _non_music(settings: MelSettings, encoder: TagEncoder) -> list[NDArray[np.float32]]:
    """Return statistics and tags of sounds that are no music, through the same front end as songs; kept in the cache.

    Shapes (n, k), for all windows, and (m, tags), for those that are not silent.
    """

    def compute() -> list[NDArray[np.float32]]:
        sounds = [*non_music_sounds(settings, _NON_MUSIC_CLIPS, seed=0), *high_voices(settings, _HIGH_VOICES, seed=7)]
        statistics, tags = [], []
        for sound in tqdm(sounds, "hearing non-music", unit="sound"):
            file = io.BytesIO()
            soundfile.write(file, sound, settings.sample_rate_hz, format="WAV", subtype="FLOAT")
            song = song_windows(file.getvalue(), settings, patches=encoder.card.patches)
            statistics.append(mel_statistics(song.windows))
            tags.append(encoder.window_logits(song).mean(axis=1)[song.weights > 0])
        return [np.concatenate(statistics), np.concatenate(tags)]

    key = ["non-music", settings, encoder.card.weights_sha256, _HIGH_VOICES, Path(non_music.__file__).read_bytes()]
    return cached_arrays(CACHE / "non_music", key, compute)

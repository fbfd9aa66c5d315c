"""What speaks for a genre, of models of which that is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from features.windows import SongWindows, song_windows
from inference.bundle import MODELS, Bundle, load_bundle
from inference.classifier import GenreClassifier
from inference.explanation import BANDS, explain
from tests.sounds import song
from training.models.export import parse_graph

GRAPH = """
model (float[n, 128, 128, 1] windows) => (float[n, 10] logits) {{
    heard = Mul (windows, listened_to)
    level = ReduceSum <keepdims = 0> (heard, axes)
    column = Unsqueeze (level, last)
    logits = MatMul (column, genres)
}}
"""
METAL = 6


def listener(**parts: tuple[slice, slice]) -> GenreClassifier:
    """Return a model that says metal the louder the part `loud` of a window is, and the softer the part `soft`."""
    listened_to = np.zeros((128, 128, 1), np.float32)
    for name, part in parts.items():
        listened_to[part] = {"loud": 4, "soft": -2}[name] / listened_to[part].size
    genres = np.zeros((1, 10), np.float32)
    genres[0, METAL] = 1
    tables = {"listened_to": listened_to, "genres": genres, "axes": np.array([1, 2, 3]), "last": np.array([1])}
    card = load_bundle(MODELS / "gtzan-cnn").card
    assert card.genres[METAL] == "metal"
    return GenreClassifier(Bundle(card, parse_graph(GRAPH, tables)))


def song_of(windows: NDArray[np.float32]) -> SongWindows:
    starts = 10.01 * np.arange(len(windows), dtype=np.float64)
    weights = np.ones(len(windows), np.float32)
    seconds = 10.01 * len(windows)
    return SongWindows(windows, starts, starts + 9.93, weights, seconds, seconds, 22_050, 1, 0.0, 0.0)


def test_the_part_that_a_model_listens_to_has_all_the_weight() -> None:
    windows = np.random.default_rng(0).uniform(0, 0.2, (2, 128, 128, 1)).astype(np.float32)
    windows[0, 96:112, 32:48] = 1
    explanation = explain(listener(loud=(slice(96, 112), slice(32, 48))), song_of(windows))
    assert explanation.genre == "metal"
    assert explanation.weights.shape == (2, BANDS, 8)
    assert explanation.weights[0, 6, 2] > 0.3
    assert abs(explanation.weights[1, 6, 2]) < 0.05
    explanation.weights[:, 6, 2] = 0
    assert np.abs(explanation.weights).max() < 1e-6


def test_what_speaks_against_the_genre_has_a_weight_below_zero() -> None:
    windows = np.zeros((1, 128, 128, 1), np.float32)
    windows[0, 96:112, 32:48] = windows[0, 0:16, 0:16] = 1
    model = listener(loud=(slice(96, 112), slice(32, 48)), soft=(slice(0, 16), slice(0, 16)))
    explanation = explain(model, song_of(windows))
    assert explanation.genre == "metal"
    assert explanation.weights[0, 6, 2] > 0.1
    assert explanation.weights[0, 0, 0] < -0.1


@pytest.mark.parametrize(("windows", "steps"), [(1, 8), (7, 8), (60, 2), (300, 1)])
def test_long_songs_are_explained_in_coarser_parts(windows: int, steps: int) -> None:
    model = GenreClassifier(load_bundle(MODELS / "gtzan-logistic"))
    # A longer song is the same minute again.
    minute = song_windows(song(60, "wav"), model.card.mel).windows
    long_song = song_of(np.resize(minute, (windows, *minute.shape[1:])))
    explanation = explain(model, long_song)
    assert explanation.weights.shape == (windows, BANDS, steps)
    assert explanation.prediction == model.predict(long_song)
    assert explanation.genre == next(iter(explanation.prediction.probabilities))

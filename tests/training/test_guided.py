"""The perceptron that learns embeddings beside the genre."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from features.settings import MelSettings
from inference.bundle import Bundle, list_cards
from inference.classifier import GenreClassifier
from training.evaluation import evaluate
from training.fit import KINDS
from training.guided import train_guided
from training.splits import Split
from training.tracks import Track

BANDS = MelSettings(window_frames=32, window_hop_frames=32)
GENRES = list_cards()["fma-small-fast"].genres


def tracks(seed: int) -> list[Track]:
    """Return tracks of genres told apart by which band is loud, with embeddings that tell it, too."""
    rng = np.random.default_rng(seed)
    made = []
    for index, genre in enumerate(GENRES):
        clip = rng.uniform(0, 0.4, (128, 32 * 8)).astype(np.float32)
        clip[16 * index : 16 * index + 8] += 0.5
        embedding = np.eye(len(GENRES), dtype=np.float32)[index] + rng.normal(0, 0.1, len(GENRES)).astype(np.float32)
        made += [Track(f"{genre} {half}", genre, [clip[:, half::2]], embedding=embedding) for half in (0, 1)]
    return made


@pytest.fixture(scope="module")
def split() -> Split:
    return Split(tracks(0), tracks(1), tracks(2))


@pytest.fixture(scope="module")
def weights(split: Split) -> bytes:
    return train_guided(split, GENRES, BANDS, seed=0)


def test_it_learns_and_needs_no_embedding_to_answer(weights: bytes, split: Split) -> None:
    card = replace(list_cards()["fma-small-fast"], mel=BANDS)
    unknown = [replace(track, embedding=None) for track in split.test]
    assert evaluate(GenreClassifier(Bundle(card, weights)), unknown).accuracy > 0.9


def test_the_embeddings_change_what_is_learned(weights: bytes, split: Split) -> None:
    assert weights == train_guided(split, GENRES, BANDS, seed=0)
    turned = [replace(track, embedding=track.embedding[::-1]) for track in split.train if track.embedding is not None]
    assert weights != train_guided(replace(split, train=turned), GENRES, BANDS, seed=0)


def inputs(weights: bytes) -> set[str]:
    return {graph_input.name for graph_input in onnx.load_from_string(weights).graph.input}


def test_the_fast_model_is_guided_only_where_every_track_has_an_embedding(split: Split, tmp_path: Path) -> None:
    fast = KINDS["fast"]
    assert "windows" in inputs(fast.train(split, GENRES, BANDS, 0, tmp_path).weights)
    lacking = replace(split, train=[replace(split.train[0], embedding=None), *split.train[1:]])
    assert "windows" not in inputs(fast.train(lacking, GENRES, BANDS, 0, tmp_path).weights)

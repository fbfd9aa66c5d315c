"""Probabilities that mean something, and sounds that get no genre."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from features.clips import scale_clip
from features.mel import log_mel
from features.settings import MelSettings
from features.statistics import mel_statistics
from features.windows import cut_windows
from inference.bundle import MODELS, list_cards, load_bundle
from inference.card import ModelCard
from inference.classifier import GenreClassifier, softmax
from tests.sounds import music
from tests.training.conftest import run
from training.evaluation.calibration import choose_threshold, coverage, fit_temperature, reliability
from training.evaluation.non_music import non_music_clips
from training.evaluation.non_music_corpus import KINDS, corpus, share_not_sure
from training.models.gate import before_gate

# A training or several in a process each, on a machine that may be busy.
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_answers_is_found(temperature: float) -> None:
    """Truth is drawn by the probabilities of the logits; a model that says them too loudly has that temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 5))
    truth = (softmax(logits).cumsum(axis=1) > rng.random((len(logits), 1))).argmax(axis=1)
    found = fit_temperature([row[None] * temperature for row in logits], truth.tolist())
    assert found == pytest.approx(temperature, rel=0.05)


def test_the_calibration_error_is_what_one_can_count() -> None:
    confidence = np.array([0.31, 0.33, 0.95, 0.97, 0.99, 1.0])
    right = np.array([True, False, True, True, False, True])
    found = reliability(confidence, right)
    assert [(part.tracks, part.accuracy) for part in found.bins] == [(2, 0.5), (4, 0.75)]
    assert found.error == pytest.approx((2 * abs(0.32 - 0.5) + 4 * abs(0.9775 - 0.75)) / 6)


def test_the_threshold_keeps_95_of_100_right_answers() -> None:
    confidence = np.arange(1, 201) / 200
    right = np.arange(200) % 2 == 0
    threshold = choose_threshold(confidence, right)
    kept = coverage(confidence, right, threshold)
    assert 0.95 <= kept.right_kept <= 0.96
    assert coverage(confidence, right, threshold + 0.02).right_kept < 0.95
    assert kept.answered == pytest.approx((confidence >= threshold).mean())
    assert choose_threshold(confidence, np.zeros(200, bool)) == 0


def test_the_gate_changes_how_sure_a_model_is_and_not_of_what() -> None:
    bundle = load_bundle(MODELS / "gtzan-logistic")
    rng = np.random.default_rng(0)
    noise = scale_clip(log_mel(rng.normal(size=30 * 22_050).astype(np.float32), 22_050, bundle.card.mel))
    song = scale_clip(log_mel(music(30, 22_050, channels=1)[:, 0], 22_050, bundle.card.mel))
    for clip in (noise, song):
        windows = cut_windows(clip, bundle.card.mel)
        gated = softmax(GenreClassifier(bundle).window_logits(windows))
        session = onnxruntime.InferenceSession(before_gate(bundle.weights, ["mel_statistics"]))
        (logits,) = session.run(["logits"], {"mel_statistics": mel_statistics(windows)})
        np.testing.assert_array_equal(gated.argmax(axis=1), logits.argmax(axis=1))
        assert (gated.max(axis=1) < softmax(logits).max(axis=1)).all()
    assert GenreClassifier(bundle).window_probabilities(cut_windows(noise, bundle.card.mel)).max() < 0.3


@pytest.mark.parametrize(
    "card",
    [
        pytest.param(card, id=card.name, marks=() if card.name == "gtzan-fast" else pytest.mark.slow)
        for card in list_cards().values()
    ],
)
def test_what_is_no_music_gets_no_genre(card: ModelCard) -> None:
    # Among FMA's experimental music is plain noise: to call it so is no mistake.
    least = 0.6 if "Experimental" in card.genres else 0.9
    assert share_not_sure(GenreClassifier(load_bundle(MODELS / card.name))) >= least


def test_the_corpus_is_always_the_same() -> None:
    one, other = ([content for _, content in islice(corpus(), len(KINDS))] for _ in range(2))
    assert len(set(one)) == len(KINDS)
    assert one == other


def test_generated_clips_are_as_long_as_windows() -> None:
    settings = MelSettings(window_frames=32, window_hop_frames=32)
    clips = non_music_clips(settings, 20, seed=7)
    assert len(clips) == 20
    for clip in clips:
        assert clip.shape[0] == 128
        assert 32 <= clip.shape[1] <= settings.clip_frames
        assert 0 <= clip.min() <= clip.max() <= 1


def test_evaluation_says_how_often_and_how_surely_a_bundle_is_right(
    own_music: Path, own_bundle: Path, tmp_path: Path
) -> None:
    result = run("evaluate", "--bundle", own_bundle, "--data", own_music, "--json", tmp_path / "figures.json")
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert f"calibration error {figures['calibration']['error']:.3f}" in result.stdout
    assert f'{figures["non_music_not_sure"]:.1%} are answered with "not sure"' in result.stdout
    assert figures["tracks"] == 56
    assert figures["accuracy"] == np.trace(figures["confusion"]) / 56
    assert f"accuracy {figures['accuracy']:.3f}" in result.stdout
    assert sum(part["tracks"] for part in figures["calibration"]["bins"]) == 56
    answered = [point["answered"] for point in figures["coverage"]]
    assert answered == sorted(answered, reverse=True)

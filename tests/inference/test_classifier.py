"""The shipped models at work, from songs to answers."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import librosa
import numpy as np
import onnx
import pytest
import soundfile
from numpy.typing import NDArray
from onnx import TensorProto, helper

from features.settings import MelSettings, PatchSettings
from features.windows import SongWindows, song_windows
from inference.bundle import MODELS, BadBundle, Bundle, list_cards, load_bundle
from inference.classifier import Encoded, GenreClassifier
from tests.sounds import FFMPEG, LIBSNDFILE, encode, song

ROOT = Path(__file__).resolve().parents[2]
CARDS = list_cards()


@pytest.fixture(scope="module", params=CARDS)
def classifier(request: pytest.FixtureRequest) -> GenreClassifier:
    return GenreClassifier(load_bundle(MODELS / request.param))


@cache
def windows_of(
    seconds: float, suffix: str, rate: int, settings: MelSettings, patches: PatchSettings | None
) -> SongWindows:
    """Return the windows of a song, which all models with the same settings share."""
    return song_windows(song(seconds, suffix, rate), settings, patches=patches)


def features(classifier: GenreClassifier, seconds: float, suffix: str, rate: int) -> SongWindows:
    """Return a song's windows, with patches for a model with an encoder."""
    encoder = classifier.card.encoder
    return windows_of(seconds, suffix, rate, classifier.card.mel, encoder.patches if encoder else None)


def test_an_answer_is_complete(classifier: GenreClassifier) -> None:
    prediction = classifier.classify(song(65, "mp3"))
    assert set(prediction.probabilities) == set(classifier.card.genres)
    values = list(prediction.probabilities.values())
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(1)
    likeliest, confidence = next(iter(prediction.probabilities.items()))
    least = classifier.card.abstain_threshold
    assert prediction.confidence == confidence
    assert prediction.genre == (likeliest if confidence >= least else None)
    tags = list(prediction.tags.values())
    assert len(tags) <= 5
    assert tags == sorted(tags, reverse=True)
    assert all(0.1 <= probability <= 1 for probability in tags)
    starts = {128: [0, 10.01, 20.02, 30, 40.01, 50.02], 32: [0, 7.5, 15, 22.5, 30, 37.5, 45, 52.5]}
    mel = classifier.card.mel
    assert [segment.start_seconds for segment in prediction.segments] == pytest.approx(
        starts[mel.window_frames], abs=0.01
    )
    for segment in prediction.segments:
        assert segment.end_seconds == pytest.approx(segment.start_seconds + mel.window_seconds, abs=0.01)
        assert (segment.genre in classifier.card.genres) == (segment.confidence >= least)
        assert 0.1 <= segment.confidence <= 1
    assert asdict(prediction.audio) == {
        "duration_seconds": 65.0,
        "heard_seconds": 65.0,
        "sample_rate_hz": 44_100,
        "channels": 2,
        "complete": True,
    }
    assert asdict(prediction.model) == {"name": classifier.card.name, "version": classifier.card.version}


def test_a_song_is_the_mean_of_its_windows(classifier: GenreClassifier) -> None:
    windows = features(classifier, 65, "wav", 44_100)
    by_window = classifier.window_probabilities(windows.windows, classifier.encode(windows))
    assert by_window.shape == (len(windows.start_seconds), len(classifier.card.genres))
    probabilities = classifier.predict(windows).probabilities
    expected = dict(zip(classifier.card.genres, by_window.mean(axis=0), strict=True))
    assert probabilities == pytest.approx(expected)


def test_a_segment_never_ends_after_the_song(classifier: GenreClassifier) -> None:
    (segment,) = classifier.classify(song(4, "wav")).segments
    assert (segment.start_seconds, segment.end_seconds) == (0, 4)


def test_windows_asked_for_together_or_alone_have_the_same_answer(classifier: GenreClassifier) -> None:
    windows = features(classifier, 400, "wav", 22_050)
    encoded = classifier.encode(windows)
    assert len(windows.windows) > 32
    rows = [slice(number, number + 1) for number in range(len(windows.windows))]
    alone = [
        classifier.window_probabilities(
            windows.windows[row], encoded and Encoded(encoded.tag_logits[row], encoded.band_limits[row])
        )
        for row in rows
    ]
    together = classifier.window_probabilities(windows.windows, encoded)
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-6)


def test_the_temperature_divides_the_logits(classifier: GenreClassifier) -> None:
    bundle = load_bundle(MODELS / classifier.card.name)
    warmer = GenreClassifier(replace(bundle, card=replace(bundle.card, temperature=3 * bundle.card.temperature)))
    windows = features(classifier, 30, "wav", 44_100)
    encoded = classifier.encode(windows)
    found, warm = (model.window_probabilities(windows.windows, encoded) for model in (classifier, warmer))
    cubed = warm**3
    np.testing.assert_allclose(found, cubed / cubed.sum(axis=1, keepdims=True), atol=1e-6)


def test_below_the_threshold_there_is_no_genre_but_all_else(classifier: GenreClassifier) -> None:
    bundle = load_bundle(MODELS / classifier.card.name)
    windows = features(classifier, 30, "wav", 44_100)
    sure, unsure = (
        GenreClassifier(replace(bundle, card=replace(bundle.card, abstain_threshold=least))).predict(windows)
        for least in (0.0, 1.0)
    )
    assert sure.genre == next(iter(sure.probabilities))
    assert all(segment.genre for segment in sure.segments)
    nameless = [replace(segment, genre=None) for segment in sure.segments]
    assert unsure == replace(sure, genre=None, segments=nameless)


NO_MUSIC = {
    "silence": np.zeros((30 * 22_050, 1), np.float32),
    "noise": np.random.default_rng(0).normal(0, 0.1, (30 * 22_050, 1)).astype(np.float32),
}


@pytest.mark.parametrize("samples", NO_MUSIC.values(), ids=NO_MUSIC)
def test_the_default_model_names_no_genre_for_what_is_no_music(samples: NDArray[np.float32], tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    sound.write_bytes(encode(samples, 22_050, "wav"))
    prediction = GenreClassifier(load_bundle(MODELS / next(iter(CARDS)))).classify(sound)
    assert prediction.genre is None
    assert all(segment.genre is None for segment in prediction.segments)
    assert prediction.confidence == max(prediction.probabilities.values())
    answer = json.loads(run(sound).stdout)
    assert answer["genre"] is None
    assert answer["confidence"] == pytest.approx(prediction.confidence, abs=1e-6)


def test_the_default_model_names_a_genre_for_nearly_all_real_music(research_data: Path) -> None:
    classifier = GenreClassifier(load_bundle(MODELS / next(iter(CARDS))))
    songs = [path for path in (research_data / "audio").rglob("*") if path.is_file()]
    answered = [classifier.classify(path).genre is not None for path in songs]
    assert np.mean(answered) >= 0.85


LOSSLESS = {"wav", "aiff", "flac"}
# By whether the format is lossless. Lossy ones cut off the highest bands, which the models look at: those of FMA-Small,
# which hear up to 22 kHz, the most.
FORMAT_TOLERANCE = {True: 1e-6, False: 0.3}
REAL_TOLERANCE = {True: 1e-6, False: 0.15}


@pytest.mark.parametrize("suffix", [*LIBSNDFILE, *FFMPEG])
def test_the_format_of_the_file_changes_little(suffix: str, classifier: GenreClassifier) -> None:
    expected, found = (classifier.predict(features(classifier, 30, each, 48_000)) for each in ("wav", suffix))
    assert found.probabilities == pytest.approx(expected.probabilities, abs=FORMAT_TOLERANCE[suffix in LOSSLESS])


@pytest.mark.parametrize("name", ["blues.00000.wav", "metal.00009.flac", "classical.00000.flac", "disco.00003.flac"])
@pytest.mark.parametrize("suffix", ["mp3", "ogg", "opus", "m4a", "flac"])
def test_nor_does_it_change_the_default_models_genre_of_real_music(name: str, suffix: str, research_data: Path) -> None:
    classifier = GenreClassifier(load_bundle(MODELS / next(iter(CARDS))))
    samples, rate = soundfile.read(research_data / "audio" / "gtzan" / name, dtype="float32", always_2d=True)
    if suffix == "opus":
        samples = librosa.resample(samples, orig_sr=rate, target_sr=24_000, axis=0)
        rate = 24_000
    expected = classifier.classify(encode(samples, rate, "wav"))
    found = classifier.classify(encode(samples, rate, suffix))
    assert found.genre == expected.genre
    assert found.probabilities == pytest.approx(expected.probabilities, abs=REAL_TOLERANCE[suffix in LOSSLESS])


def graph(inputs: list[str], output: str, genres: int) -> bytes:
    weights = np.zeros((128, genres), np.float32)
    made = helper.make_graph(
        [
            helper.make_node("ReduceMean", [inputs[0]], ["bands"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["bands", "weights"], [output]),
        ],
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 128, 128, 1]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", genres])],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    opset = helper.make_opsetid("", 13)
    return bytes(onnx.helper.make_model(made, opset_imports=[opset], ir_version=8).SerializeToString())


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (b"these are no weights", "not a graph"),
        (graph(["spectrogram"], "logits", 10), "must take some of"),
        (graph(["windows"], "answer", 10), "must take some of"),
        (graph(["windows"], "logits", 9), r"gives \['n', 9\]; by its card, that is \(n, 10\)"),
    ],
)
def test_weights_that_do_not_fit_the_card_are_refused(weights: bytes, message: str) -> None:
    card = replace(CARDS["gtzan-cnn"], name="broken")
    with pytest.raises(BadBundle, match=message):
        GenreClassifier(Bundle(card, weights))


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inference", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_line_answers_one_json_object_a_song(tmp_path: Path, classifier: GenreClassifier) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(song(12, "flac"))
    result = run(path, path, "--model", classifier.card.name)
    assert result.returncode == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert answers[0] == answers[1]
    expected = asdict(classifier.classify(path))
    assert answers[0].pop("file") == str(path)
    assert answers[0].pop("probabilities") == pytest.approx(expected.pop("probabilities"), abs=1e-6)
    assert answers[0]["tags"] == pytest.approx(expected["tags"], abs=1e-6)
    assert answers[0]["model"] == expected["model"]


def test_the_command_line_names_what_it_cannot_read_and_goes_on(tmp_path: Path) -> None:
    path, text = tmp_path / "song.wav", tmp_path / "text.mp3"
    path.write_bytes(song(5, "wav"))
    text.write_text("words")
    result = run(text, tmp_path / "gone.mp3", path)
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == 1
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [str(text), str(tmp_path / "gone.mp3")]


def test_the_command_line_names_the_models_there_are(tmp_path: Path) -> None:
    result = run(tmp_path / "song.mp3", "--model", "nope")
    assert (result.returncode, result.stdout) == (2, "")
    assert "gtzan-svm" in result.stderr

"""The tags of an encoder in training: where they come from, what is learned of them, and how that is calibrated."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from features.clips import song_clips
from features.settings import MelSettings, PatchSettings
from features.windows import song_windows
from inference.bundle import MODELS, list_cards, load_bundle, load_encoder
from inference.classifier import GenreClassifier
from inference.encoder import TagEncoder
from tests.sounds import encode, music
from training import __main__ as command
from training import fit as fitting
from training import kept
from training.data import tracks as tracks_module
from training.data.datasets import DATASETS
from training.data.splits import Split, artist_folds
from training.data.tracks import BadData, TagCurves, Track, read_tracks
from training.evaluation.calibration import track_logits
from training.fit import fit
from training.models import gate, perceptron, tags
from training.models.blend import train_blend
from training.models.tags import encoded_windows, tags_between, with_tags

SETTINGS, PATCHES = MelSettings(), PatchSettings()
GENRES = ("blues", "rock")
TAGS = 50


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep nothing of a test."""
    for module in (tags, tracks_module, kept):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture(autouse=True, scope="module")
def few_steps() -> Iterator[None]:
    """Let a perceptron learn for a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(perceptron, "_STEPS", (200, 200))
        yield


@pytest.fixture(scope="module")
def encoder() -> TagEncoder:
    return TagEncoder(*load_encoder(MODELS / "msd-musicnn"))


def tagged(genres: tuple[str, ...], each: int, seed: int) -> list[Track]:
    """Return tracks of noise whose genre only one of their tags tells; two of each artist."""
    rng = np.random.default_rng(seed)
    made = []
    for index, genre in enumerate(genres):
        for number in range(each):
            logits = rng.normal(-3, 1, (27, TAGS)).astype(np.float32)
            logits[:, index] += 6
            clip = rng.uniform(size=(128, 387)).astype(np.float32)
            curves = TagCurves(logits, 0.976 * np.arange(27, dtype=np.float64))
            name = f"{genre}.{seed}.{number}"
            made.append(Track(name, genre, [clip], artist=f"{genre} {seed} {number // 2}", tags=curves))
    return made


@pytest.fixture(scope="module", params=[2, 3])
def blend(request: pytest.FixtureRequest) -> tuple[bytes, int]:
    """Return a blend, and the number of genres it knows."""
    genres = ("blues", "rock", "jazz")[: request.param]
    return train_blend(Split(tagged(genres, 6, 0), [], tagged(genres, 1, 1)), genres, SETTINGS, seed=0), len(genres)


def ask(weights: bytes, limited: tuple[int, int], seed: int, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits of windows of certain tags, and of statistics drawn by a seed."""
    rng = np.random.default_rng(seed)
    n = len(logits)
    inputs = {
        "tag_logits": logits,
        "band_limits": np.broadcast_to(np.array(limited, np.float32), (n, 2)),
        "mel_statistics": rng.normal(size=(n, 400)).astype(np.float32),
        "mel_modulations": rng.normal(size=(n, 490)).astype(np.float32),
    }
    session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], inputs)[0])


def test_a_blend_takes_tags_limits_statistics_and_modulations(blend: tuple[bytes, int]) -> None:
    weights, genres = blend
    graph = onnx.load_from_string(weights).graph
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim][1:] for value in graph.input}
    assert shapes == {"tag_logits": [TAGS], "band_limits": [2], "mel_statistics": [400], "mel_modulations": [490]}
    assert ask(weights, (0, 0), 0, np.zeros((3, TAGS), np.float32)).shape == (3, genres)


def test_a_recording_that_lacks_bands_is_judged_by_its_tags_alone(blend: tuple[bytes, int]) -> None:
    weights, genres = blend
    logits = np.concatenate([track.tags.logits[:4] for track in tagged(("a", "b", "c"), 1, 7) if track.tags])
    logits = logits[: 4 * genres]
    for limited in ((0, 1), (1, 0), (1, 1)):
        found = ask(weights, limited, 1, logits)
        np.testing.assert_array_equal(found, ask(weights, limited, 2, logits))
        assert found.argmax(axis=1).tolist() == np.repeat(np.arange(genres), 4).tolist()
    assert np.abs(ask(weights, (0, 0), 1, logits) - ask(weights, (0, 0), 2, logits)).max() > 0.1


def test_a_track_without_tags_is_named() -> None:
    split = Split([replace(tagged(GENRES, 1, 0)[0], tags=None)], [], [])
    with pytest.raises(BadData, match=r"There are no tags of blues\.0\.0"):
        train_blend(split, GENRES, SETTINGS, seed=0)


@pytest.fixture
def quick(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a gate learn from a few sounds, and ask a model about none."""
    monkeypatch.setattr(gate, "_NON_MUSIC_CLIPS", 12)
    monkeypatch.setattr(gate, "_HIGH_VOICES", 4)
    monkeypatch.setattr(gate, "CACHE", cache)
    for module in (fitting, command):
        monkeypatch.setattr(module, "share_not_sure", lambda _: 0.5)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("quick")
def test_without_tags_of_validation_tracks_calibration_is_by_cross_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = {"train": tagged(GENRES, 12, 0), "test": tagged(GENRES, 4, 1)}
    sides["valid"] = [replace(track, tags=None) for track in tagged(GENRES, 4, 2)]
    read = [replace(track, published={"fault-filtered": side}) for side, tracks in sides.items() for track in tracks]
    monkeypatch.setitem(DATASETS, "gtzan", replace(DATASETS["gtzan"], read=lambda _: read))
    folds: list[tuple[list[Track], list[Track]]] = []

    def kept_folds(tracks: list[Track], count: int) -> Iterator[tuple[list[Track], list[Track]]]:
        folds.extend(artist_folds(tracks, count))
        yield from folds

    monkeypatch.setattr(fitting, "artist_folds", kept_folds)
    (run,) = fit("gtzan", "best", None, tmp_path, 0, None)
    card = run.bundle.card
    assert (card.training.train_tracks, card.training.valid_tracks, card.training.test_tracks) == (24, 0, 8)
    assert set(card.scores) == {"cross-validation", "test"}
    assert (card.scores["cross-validation"].tracks, card.scores["test"].tracks) == (24, 8)
    assert card.scores["cross-validation"].accuracy == card.scores["test"].accuracy == 1
    assert run.figures()["valid_accuracy"] == 1
    assert card.temperature != 1
    assert 0 < card.abstain_threshold < 1
    # Each training track was asked about once, by a model that had learned from other artists.
    assert sorted(track.name for _, asked in folds for track in asked) == sorted(t.name for t in sides["train"])
    for learned, asked in folds:
        assert not {track.artist for track in learned} & {track.artist for track in asked}
    GenreClassifier(run.bundle)


def test_folds_keep_artists_apart_and_ask_about_each_track_once() -> None:
    tracks = tagged(GENRES, 12, 0)
    found = artist_folds(tracks, 3)
    assert len(found) == 3
    assert sorted(track.name for _, asked in found for track in asked) == sorted(track.name for track in tracks)
    for learned, asked in found:
        assert len(learned) + len(asked) == len(tracks)
        assert not {track.artist for track in learned} & {track.artist for track in asked}


@pytest.fixture(scope="module")
def short_songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two genres, apart by far, with twelve songs each, of a clip and more and of less."""
    folder = tmp_path_factory.mktemp("short")
    for index, genre in enumerate(GENRES):
        (folder / genre).mkdir()
        for number in range(12):
            seconds = 42 if number == 0 else 6 + number % 8
            song = music(seconds, 22_050, channels=1, seed=10 * index + number)
            if index:
                noise = np.random.default_rng(number).normal(0, 0.2, song.shape).astype(np.float32)
                song = np.tanh(5 * song + noise)
            (folder / genre / f"{number}.wav").write_bytes(encode(np.float32(0.5) * song, 22_050, "wav"))
    return folder


def test_own_audio_is_given_the_tags_that_serving_finds(
    short_songs: Path, encoder: TagEncoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = GenreClassifier(load_bundle(MODELS / "gtzan-best"))
    tracks = with_tags(read_tracks(short_songs, SETTINGS)[:3], SETTINGS, encoder)
    for track in tracks:
        assert track.audio
        song = song_windows(track.audio, SETTINGS, patches=PATCHES)
        served = classifier.encode(song)
        learned = encoded_windows(track, SETTINGS, PATCHES)
        assert served is not None
        np.testing.assert_allclose(learned.tag_logits, served.tag_logits, atol=1e-5)
        np.testing.assert_array_equal(learned.band_limits, served.band_limits)
    assert len(list((cache / "tags").iterdir())) == 3
    monkeypatch.setattr(TagEncoder, "window_logits", None)
    again = with_tags([replace(track, tags=None) for track in tracks], SETTINGS, encoder)
    for one, other in zip(again, tracks, strict=True):
        assert one.tags is not None
        assert other.tags is not None
        np.testing.assert_array_equal(one.tags.logits, other.tags.logits)
        np.testing.assert_array_equal(one.tags.seconds, other.tags.seconds)


def test_a_window_that_ends_with_its_clip_has_the_tags_of_its_own_patches(encoder: TagEncoder, tmp_path: Path) -> None:
    (tmp_path / "rock").mkdir()
    (tmp_path / "rock" / "song.wav").write_bytes(encode(music(55, 22_050, channels=1), 22_050, "wav"))
    (track,) = with_tags(read_tracks(tmp_path, SETTINGS), SETTINGS, encoder)
    assert track.audio
    song = song_windows(track.audio, SETTINGS, patches=PATCHES)
    # The third window of the second clip begins before the second has ended.
    assert (len(song.windows), song.start_seconds[5] < song.end_seconds[4]) == (6, True)
    learned = encoded_windows(track, SETTINGS, PATCHES)
    np.testing.assert_allclose(learned.tag_logits, encoder.window_logits(song).mean(axis=1), atol=1e-5)


def test_tracks_with_neither_audio_nor_tags_are_left_out_and_counted(
    encoder: TagEncoder, capsys: pytest.CaptureFixture[str]
) -> None:
    published, other = tagged(GENRES, 1, 0)
    assert with_tags([published, replace(other, tags=None)], SETTINGS, encoder) == [published]
    assert "1 tracks left out" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_folder_of_ones_own_music_makes_a_best_model(short_songs: Path) -> None:
    (run,) = fit("folder", "best", None, short_songs, 0, "mine")
    card = run.bundle.card
    assert card.genres == GENRES
    assert card.encoder == load_encoder(MODELS / "msd-musicnn")[0]
    assert set(card.scores) == {"valid", "test"}
    assert card.scores["test"].accuracy == 1
    assert "Music Technology Group" in card.license
    prediction = GenreClassifier(run.bundle).classify(short_songs / "rock" / "0.wav")
    assert next(iter(prediction.probabilities)) == "rock"


@pytest.mark.usefixtures("quick")
def test_a_model_with_an_encoder_is_evaluated_on_audio(
    short_songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(data: Path) -> int:
        arguments = ["evaluate", "--bundle", MODELS / "gtzan-best", "--data", data, "--json", tmp_path / "figures"]
        monkeypatch.setattr("sys.argv", ["training", *map(str, arguments)])
        return command.main()

    assert run(short_songs) == 0
    figures = json.loads((tmp_path / "figures").read_text())
    assert figures["tracks"] == 24
    classifier = GenreClassifier(load_bundle(MODELS / "gtzan-best"))
    genres = [
        next(iter(classifier.classify(path).probabilities)) == path.parent.name
        for path in sorted(short_songs.glob("*/*.wav"))
    ]
    assert figures["right"] == genres


@pytest.mark.usefixtures("quick")
def test_pictures_alone_are_not_enough_to_evaluate_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.zeros((128, 387), np.uint8)).save(picture, "PNG")
    (tmp_path / "music" / "rock").mkdir(parents=True)
    (tmp_path / "music" / "rock" / "1.png").write_bytes(picture.getvalue())
    arguments = ["evaluate", "--bundle", MODELS / "gtzan-best", "--data", tmp_path / "music"]
    monkeypatch.setattr("sys.argv", ["training", *map(str, arguments)])
    assert command.main() == 2
    assert "gtzan-best needs audio of the tracks" in capsys.readouterr().err


def test_windows_take_the_tags_of_their_own_time() -> None:
    seconds = 0.976 * np.arange(27, dtype=np.float64)
    curves = TagCurves(np.repeat(np.arange(27, dtype=np.float32)[:, None], TAGS, axis=1), seconds)
    track = Track("a", "rock", [np.zeros((128, 387), np.float32)], tags=curves)
    found = encoded_windows(track, SETTINGS, PATCHES).tag_logits[:, 0]
    # Patches start 1.3 and 5.6 seconds into windows of 9.9 seconds at 0, 10 and 20.
    np.testing.assert_allclose(0.976 * found, np.array([0, 10, 20]) + (1.3 + 5.6) / 2, atol=0.6)
    part = tags_between(curves, 9.9, 20.1)
    assert part is not None
    assert part.logits[:, 0].tolist() == [*range(11, 18)]
    assert part.seconds[0] == pytest.approx(11 * 0.976 - 9.9)
    assert tags_between(curves, 100, 110) is None
    assert tags_between(None, 0, 10) is None


def test_logits_of_tracks_are_those_of_the_served_songs(short_songs: Path, encoder: TagEncoder) -> None:
    classifier = GenreClassifier(load_bundle(MODELS / "gtzan-best"))
    (track,) = with_tags(read_tracks(short_songs, SETTINGS)[:1], SETTINGS, encoder)
    assert track.audio
    song = song_windows(track.audio, SETTINGS, patches=PATCHES)
    (found,) = track_logits(classifier, [track])
    np.testing.assert_allclose(found, classifier.window_logits(song.windows, classifier.encode(song)), atol=1e-4)
    np.testing.assert_array_equal(track.clips[0], song_clips(track.audio, SETTINGS).spectrograms[0])
    assert list_cards()["gtzan-best"] == classifier.card

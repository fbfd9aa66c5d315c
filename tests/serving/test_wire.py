"""What passes between the service's two processes: all of it arrives."""

import asyncio
from dataclasses import fields, replace

import numpy as np
import pytest

from features.bandwidth import FULL_BANDWIDTH, Bandwidth
from features.settings import MelSettings, PatchSettings
from features.windows import SongWindows, song_windows
from inference.bundle import MODELS, load_bundle
from inference.classifier import GenreClassifier
from serving import wire
from serving.admission import Turns
from serving.analyser import answer_question
from serving.errors import Refusal
from tests.sounds import encode, music, single_samples

AUDIO = encode(music(25, 22_050), 22_050, "flac")


@pytest.fixture(scope="module")
def song() -> SongWindows:
    return song_windows(AUDIO, MelSettings(), patches=PatchSettings())


def check_same(found: SongWindows, expected: SongWindows) -> None:
    for field in fields(SongWindows):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        assert type(one) is type(other), field.name
        if isinstance(other, np.ndarray):
            assert (one.dtype, one.shape) == (other.dtype, other.shape), field.name
            np.testing.assert_array_equal(one, other)
        else:
            assert one == other, field.name


def answered(question: bytes) -> SongWindows:
    return wire.read_answer(asyncio.run(answer_question(question, Turns())))


@pytest.mark.parametrize("audio", [b"", bytes(range(256)), AUDIO], ids=["nothing", "bytes", "song"])
@pytest.mark.parametrize("mel", [MelSettings(), MelSettings(hop_length=512, fmin_hz=50.0)])
@pytest.mark.parametrize("patches", [None, PatchSettings(), PatchSettings(patches_per_window=3, level_db=10.5)])
def test_a_question_arrives(audio: bytes, mel: MelSettings, patches: PatchSettings | None) -> None:
    assert wire.read_question(wire.question(audio, mel, patches, 12.5, 3)) == (audio, mel, patches, 12.5, 3)


@pytest.mark.parametrize("bandwidth", [FULL_BANDWIDTH, Bandwidth(0.0, 3703.25), Bandwidth(250.5, np.inf)])
def test_an_answer_arrives_with_its_bandwidth(bandwidth: Bandwidth, song: SongWindows) -> None:
    sent = replace(song, bandwidth=bandwidth)
    assert sent.patches is not None
    assert sent.patches.dtype == np.float16
    check_same(wire.read_answer(wire.answer(sent)), sent)


def test_an_answer_without_patches_arrives(song: SongWindows) -> None:
    sent = replace(song, patches=None)
    check_same(wire.read_answer(wire.answer(sent)), sent)
    assert len(wire.answer(sent)) < len(wire.answer(song)) - 2 * 3 * 2 * 187 * 96 + 1000


def test_a_refusal_arrives_as_what_is_raised() -> None:
    with pytest.raises(Refusal, match="too long, sir") as raised:
        wire.read_answer(wire.answer(Refusal(413, "too long, sir", "too long")))
    assert (raised.value.status, raised.value.reason) == (413, "too long")


@pytest.mark.parametrize("name", ["gtzan-best", "gtzan-fast"])
def test_windows_of_another_process_have_the_same_prediction(name: str) -> None:
    classifier = GenreClassifier(load_bundle(MODELS / name))
    encoder = classifier.card.encoder
    audio = encode(music(65, 22_050), 22_050, "flac")
    for excerpts in (0, 2):
        question = wire.question(audio, classifier.card.mel, encoder.patches if encoder else None, 60, excerpts)
        assert classifier.predict(answered(question)) == classifier.classify(audio, excerpts)


def test_a_question_about_no_sound_is_refused() -> None:
    with pytest.raises(Refusal) as raised:
        answered(wire.question(b"words", MelSettings(), PatchSettings(), 60, 0))
    assert (raised.value.status, raised.value.reason) == (400, "unreadable audio")


@pytest.mark.parametrize("seconds", [-1, 0.01])
def test_a_question_is_answered_within_the_time_that_it_states(seconds: float) -> None:
    with pytest.raises(Refusal) as raised:
        answered(wire.question(single_samples(300_000), MelSettings(), PatchSettings(), seconds, 0))
    assert raised.value.status in (503, 504)

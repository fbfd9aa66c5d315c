"""Bundles on disk: what is saved comes back, and what is damaged is noticed."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from features.settings import MelSettings
from inference.bundle import (
    CARD_FILE,
    MODELS,
    BadBundle,
    Bundle,
    UnknownModel,
    find_card,
    folders_without_card,
    list_cards,
    load_bundle,
    save_bundle,
)
from inference.card import ModelCard, Scores, Training

WEIGHTS = b"these stand for a graph"
CARD = ModelCard(
    name="sample",
    version="1.0.0",
    description="For tests.",
    genres=("blues", "jazz"),
    mel=MelSettings(hop_length=512),
    temperature=1.0,
    abstain_threshold=0.2,
    training=Training("cnn", "GTZAN", "fault-filtered", 4, 2, 2, 0, "python -m training"),
    scores={"valid": Scores(0.5, 0.4, 2), "test": Scores(0.6, 0.5, 2)},
    weights_sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    libraries={"numpy": "2.0"},
    license="None.",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_bundle(Bundle(CARD, WEIGHTS), tmp_path)


def change_card(folder: Path, **changes: object) -> None:
    path = folder / CARD_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_saved_comes_back(folder: Path) -> None:
    assert load_bundle(folder) == Bundle(CARD, WEIGHTS)


def test_saving_again_replaces_the_bundle_and_leaves_nothing_over(folder: Path, tmp_path: Path) -> None:
    newer = Bundle(replace(CARD, version="2.0.0"), b"other weights")
    save_bundle(newer, tmp_path)
    assert load_bundle(folder).weights == b"other weights"
    assert len(list(folder.iterdir())) == 2


def test_a_save_that_breaks_off_leaves_the_former_bundle(folder: Path, tmp_path: Path) -> None:
    (folder / f"{CARD_FILE}.{os.getpid()}.part").mkdir()
    with pytest.raises(OSError, match="part"):
        save_bundle(Bundle(replace(CARD, version="2.0.0"), b"other weights"), tmp_path)
    assert load_bundle(folder) == Bundle(CARD, WEIGHTS)


def test_changed_weights_are_noticed(folder: Path) -> None:
    (weights,) = folder.glob("*.onnx.gz")
    weights.write_bytes(WEIGHTS[:-1])
    with pytest.raises(BadBundle, match="not those of its card"):
        load_bundle(folder)


def test_missing_weights_are_noticed(folder: Path) -> None:
    (weights,) = folder.glob("*.onnx.gz")
    weights.unlink()
    with pytest.raises(BadBundle, match="missing from the bundle sample"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mel": {"hop_length": 0}}, "must be positive"),
        ({"mel": {"hop": 512}}, "hop"),
        ({"colour": "red"}, "colour"),
        ({"temperature": 0}, "temperature must be over 0"),
        ({"abstain_threshold": 1.5}, "abstain_threshold from 0 to 1"),
        ({"scores": 3}, "scores must be an object"),
        ({"scores": {"valid": {"accuracy": "high", "macro_f1": 0.4, "tracks": 2}}}, "scores.valid.accuracy"),
        ({"scores": {"valid": {"accuracy": 1.5, "macro_f1": 0.4, "tracks": 2}}}, "scores must be from 0 to 1"),
        ({"training": {"model": "cnn"}}, "training.dataset is missing"),
        ({"mel": {"hop_length": "512"}}, "mel.hop_length"),
        ({"mel": {"sample_rate_hz": 10**400}}, "sample_rate_hz"),
        ({"temperature": "warm"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"genres": "blues"}, "genres must be a list"),
        ({"genres": ["blues", 2]}, r"genres\[1\]"),
        ({"libraries": {"numpy": 2.0}}, "libraries.numpy"),
        ({"version": 1}, "version"),
        ({"encoder": 1}, "encoder"),
        ({"name": "other"}, "named other"),
    ],
)
def test_a_card_that_cannot_be_understood_is_named(folder: Path, changes: dict[str, object], message: str) -> None:
    change_card(folder, **changes)
    with pytest.raises(BadBundle, match=message):
        load_bundle(folder)


def test_a_card_with_the_names_of_version_0_1_is_read(folder: Path) -> None:
    path = folder / CARD_FILE
    former = {"license": "licence", "abstain_threshold": "not_sure_below"}
    card = {former.get(part, part): value for part, value in json.loads(path.read_text()).items()}
    assert set(former.values()) <= card.keys()
    path.write_text(json.dumps(card))
    assert load_bundle(folder).card == CARD
    change_card(folder, license="Mine.")
    with pytest.raises(BadBundle, match="licence is unknown"):
        load_bundle(folder)


@pytest.mark.parametrize("part", ["temperature", "abstain_threshold", "genres"])
def test_a_card_without_a_part_is_named_and_says_what_to_do(part: str, folder: Path) -> None:
    path = folder / CARD_FILE
    card = json.loads(path.read_text())
    del card[part]
    path.write_text(json.dumps(card))
    with pytest.raises(BadBundle, match=rf"In the bundle sample: .*{part}.*Train the model again"):
        load_bundle(folder)


def test_a_card_cut_short_is_named(folder: Path) -> None:
    path = folder / CARD_FILE
    path.write_text(path.read_text()[:100])
    with pytest.raises(BadBundle, match="In the bundle sample"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe{}", b"[]", b"3", b'{"a":' * 10_000, b"", CARD.to_json().encode("utf-16")],
    ids=["no text", "list", "number", "deep", "empty", "utf-16"],
)
def test_a_card_that_is_no_card_is_named(content: bytes, folder: Path, tmp_path: Path) -> None:
    (folder / CARD_FILE).write_bytes(content)
    for read in (lambda: load_bundle(folder), lambda: list_cards(tmp_path)):
        with pytest.raises(BadBundle, match="bundle sample"):
            read()


@pytest.mark.usefixtures("folder")
def test_folders_without_a_card_are_found(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden", "__pycache__"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    assert folders_without_card(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert folders_without_card(MODELS) == []


def test_the_default_model_is_our_own_kind_and_the_best_on_validation(tmp_path: Path) -> None:
    own = replace(CARD.training, model="best")
    for name, accuracy, training in (
        ("a", 0.5, CARD.training),
        ("b", 0.7, CARD.training),
        ("c", 0.4, own),
        ("d", 0.6, own),
    ):
        scores = {"valid": Scores(accuracy, accuracy, 2), "test": Scores(1 - accuracy, 0.5, 2)}
        save_bundle(Bundle(replace(CARD, name=name, scores=scores, training=training), WEIGHTS), tmp_path)
    save_bundle(Bundle(replace(CARD, name="0", scores={}), WEIGHTS), tmp_path)
    cards = list_cards(tmp_path)
    assert list(cards) == ["d", "c", "b", "a", "0"]
    assert find_card(None, cards).name == "d"
    assert find_card("a", cards).name == "a"
    with pytest.raises(UnknownModel, match="d, c, b, a, 0"):
        find_card("e", cards)


def test_a_folder_without_bundles_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="There is no model in"):
        list_cards(tmp_path)
    with pytest.raises(BadBundle, match="There is no folder"):
        list_cards(tmp_path / "none")


def test_the_shipped_bundles_are_whole_and_small() -> None:
    cards = list_cards()
    assert {"gtzan-svm", "gtzan-cnn"} <= set(cards)
    assert next(iter(cards)) == "gtzan-best"
    for name, card in cards.items():
        load_bundle(MODELS / name)
        # A model with an encoder has no validation tracks: there are no tags of them.
        assert set(card.scores) == {"cross-validation" if card.encoder else "valid", "test"}
        assert card.training.protocol
        assert card.license
    # Of it, the encoder is a quarter, once for all models that use it.
    assert sum(path.stat().st_size for path in MODELS.rglob("*")) < 12_000_000

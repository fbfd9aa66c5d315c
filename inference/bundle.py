"""Model bundles on disk: a folder with a card and the weights, packed, that the card names by their hash.

A model that needs a pretrained encoder names it on its card; the encoder has a folder of its own among the models.
"""

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from inference.card import CROSS_VALIDATED, VALID, BadCard, EncoderCard, ModelCard

MODELS = Path(__file__).resolve().parent.parent / "models"
CARD_FILE = "card.json"
ENCODER_CARD_FILE = "encoder.json"
_DEFAULT_KIND = "best"
_SONGS_SUFFIX = ".songs.txt"
_NAME = re.compile(r"\w[\w .-]{0,99}")


class BadBundle(ValueError):
    """A bundle that is damaged or not there; the message names it and the remedy."""


class UnknownModel(BadBundle):
    """No bundle of that name; the message lists the names there are."""


@dataclass(frozen=True)
class Bundle:
    """A card and the weights it describes, an ONNX graph as bytes; with those of the encoder, where it needs one."""

    card: ModelCard
    weights: bytes
    encoder: bytes | None = None


def save_bundle(bundle: Bundle, models: Path = MODELS, learned: Iterable[str] = ()) -> Path:
    """Write a bundle as the folder `models/<name>`, in place of a former one, and return that folder.

    The card written has the hash of the weights. The card comes last, in one step: interrupted before it, the call
    leaves the former bundle whole. `learned` are hashes of the songs that it has learned from (see `songs_file`).
    """
    folder = models / bundle.card.name
    if bundle.card.encoder and bundle.encoder:
        save_encoder(bundle.card.encoder, bundle.encoder, models)
    card = replace(bundle.card, weights_sha256=hashlib.sha256(bundle.weights).hexdigest())
    songs = songs_file(folder, card)
    if hashes := sorted(learned):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(songs, "".join(f"{line}\n" for line in hashes).encode())
    else:
        songs.unlink(missing_ok=True)
    _save(folder, card.weights_sha256, bundle.weights, CARD_FILE, card.to_json())
    for stale in set(folder.glob(f"*{_SONGS_SUFFIX}")) - {songs}:
        stale.unlink()
    return folder


def is_name(name: str) -> bool:
    """Return whether a bundle and its folder can have this name."""
    return _NAME.fullmatch(name) is not None


def require_free(name: str, models: Path = MODELS, *, force: bool = False) -> None:
    """Raise BadBundle if a new bundle cannot have this name: with `force`, it may replace another bundle."""
    folder = models / name
    if not is_name(name):
        raise BadBundle(
            f"A bundle cannot be named {name!r}. Use up to 100 letters, digits, spaces and - _ . only, "
            "with a letter, a digit or _ in front."
        )
    if models.exists() and not models.is_dir():
        raise BadBundle(f"{models} is no folder. Name a folder for the bundle with --models.")
    if not os.path.lexists(folder):
        return
    if not (folder / CARD_FILE).is_file():
        raise BadBundle(f"{folder} is there already, and is no model. Choose another name with --name.")
    if not force:
        raise BadBundle(
            f"The model {folder} is there already. Choose another name with --name or another folder with --models, "
            "or replace it with --force."
        )


def songs_file(folder: Path, card: ModelCard) -> Path:
    """Return the file of a bundle that has the hashes of the songs it has learned from, a line each.

    Only bundles of `python -m training fit` have one. Whoever trains knows which hashes they are.
    """
    return folder / f"{card.weights_sha256[:12]}{_SONGS_SUFFIX}"


def save_encoder(card: EncoderCard, weights: bytes, models: Path = MODELS) -> Path:
    """Write an encoder as the folder `models/<name>`, as `save_bundle` does, and return that folder."""
    folder = models / card.name
    card = replace(card, weights_sha256=hashlib.sha256(weights).hexdigest())
    _save(folder, card.weights_sha256, weights, ENCODER_CARD_FILE, card.to_json())
    return folder


def load_bundle(folder: Path) -> Bundle:
    """Return the bundle in a folder, with its encoder.

    Raises BadBundle if a part is missing or the weights are not the card's.
    """
    card = _load_card(folder)
    weights = _load_weights(folder, card.weights_sha256)
    if card.encoder is None:
        return Bundle(card, weights)
    home = folder.parent / card.encoder.name
    if not home.is_dir():
        raise BadBundle(
            f"The model {card.name} needs the encoder {card.encoder.name}, which is not in {folder.parent}. "
            "Copy its folder there from the models that are shipped."
        )
    return Bundle(card, weights, _load_weights(home, card.encoder.weights_sha256))


def weights_files(card: ModelCard, models: Path = MODELS) -> list[Path]:
    """Return the files that the bundle of a card loads its weights from."""
    files = [models / card.name / _weights_name(card.weights_sha256)]
    if card.encoder:
        files.append(models / card.encoder.name / _weights_name(card.encoder.weights_sha256))
    return files


def load_encoder(folder: Path) -> tuple[EncoderCard, bytes]:
    """Return the card and the weights of the encoder in a folder; raise BadBundle if a part is missing or damaged."""
    try:
        card = EncoderCard.from_parts(json.loads((folder / ENCODER_CARD_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise BadBundle(f"{folder} holds no encoder that can be read ({error!r}). Restore it.") from error
    return card, _load_weights(folder, card.weights_sha256)


def list_cards(models: Path = MODELS) -> dict[str, ModelCard]:
    """Return the cards of all bundles in a folder, by name, the default model first.

    The default is a model of the kind `best`, where there is one; among several, or without, the one with the best
    accuracy on tracks that it was chosen by. Raises BadBundle if there are none, or one has no card that can be read.
    """
    if not models.is_dir():
        raise BadBundle(f"There is no folder {models}. Train a model, or point to a folder that holds some.")
    cards = [_load_card(path.parent) for path in models.glob(f"*/{CARD_FILE}")]
    if not cards:
        raise BadBundle(f"There is no model in {models}. Train one, or point to a folder that holds some.")
    cards.sort(key=_order)
    return {card.name: card for card in cards}


def folders_without_card(models: Path = MODELS) -> list[Path]:
    """Return the sub-folders of a folder of models that hold neither a model nor an encoder, in order of their names.

    Hidden ones, and those of Python, are left out.
    """
    return sorted(
        folder
        for folder in models.iterdir()
        if folder.is_dir()
        and not folder.name.startswith((".", "__"))
        and not (folder / CARD_FILE).is_file()
        and not (folder / ENCODER_CARD_FILE).is_file()
    )


def _order(card: ModelCard) -> tuple[bool, float, str]:
    chosen_by = card.scores.get(VALID) or card.scores.get(CROSS_VALIDATED)
    accuracy = chosen_by.accuracy if chosen_by else 0.0
    return card.training.model != _DEFAULT_KIND, -accuracy, card.name


def find_card(name: str | None, cards: dict[str, ModelCard]) -> ModelCard:
    """Return the card of that name, or of the default model for None; raise UnknownModel if there is none."""
    if name is None:
        return next(iter(cards.values()))
    if name not in cards:
        raise UnknownModel(f"There is no model of that name. Choose one of: {', '.join(cards)}.")
    return cards[name]


def _load_card(folder: Path) -> ModelCard:
    try:
        card = ModelCard.from_json((folder / CARD_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadBundle(f"{folder} is not a model bundle: it has no {CARD_FILE}.") from error
    except BadCard as error:
        raise BadBundle(f"In the bundle {folder.name}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadBundle(
            f"The card of the bundle {folder.name} cannot be read ({error}). Restore it, or train the model again."
        ) from error
    if card.name != folder.name:
        raise BadBundle(f"The bundle in {folder.name} is named {card.name} on its card. Give its folder that name.")
    return card


def _save(folder: Path, weights_sha256: str, weights: bytes, card_file: str, card: str) -> None:
    """Write weights and then their card; remove the weights of a former card."""
    folder.mkdir(parents=True, exist_ok=True)
    weights_file = folder / _weights_name(weights_sha256)
    # Without a time in it, the same weights are the same file.
    atomic_write(weights_file, gzip.compress(weights, mtime=0))
    atomic_write(folder / card_file, card.encode())
    for stale in set(folder.glob("*.onnx*")) - {weights_file}:
        stale.unlink()


def _load_weights(folder: Path, weights_sha256: str) -> bytes:
    weights_file = folder / _weights_name(weights_sha256)
    if not weights_file.is_file():
        raise BadBundle(f"{weights_file.name} is missing from the bundle {folder.name}. Restore it or train it again.")
    try:
        weights = gzip.decompress(weights_file.read_bytes())
    except (OSError, EOFError, zlib.error):
        weights = b""
    if hashlib.sha256(weights).hexdigest() != weights_sha256:
        raise BadBundle(
            f"The weights of {folder.name} are not those of its card. Restore the bundle or train it again."
        )
    return weights


def _weights_name(weights_sha256: str) -> str:
    return f"{weights_sha256[:12]}.onnx.gz"


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file beside its place, then move it there in one step."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)

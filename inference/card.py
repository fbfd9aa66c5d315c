"""The card of a model: all that is known about its weights, and all that is needed to use them."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from features.settings import MelSettings, PatchSettings
from inference.fields import from_parts

# The scores that a model was chosen by: of validation tracks or, where there is none, by cross-validation.
VALID, CROSS_VALIDATED = "valid", "cross-validation"


# Fields that cards had under another name in version 0.1.
_FORMER_NAMES = {"licence": "license", "not_sure_below": "abstain_threshold"}


class BadCard(ValueError):
    """A card that cannot be understood; the message says which part."""


@dataclass(frozen=True)
class Groups:
    """Which tracks of own music are known to be of one artist, album or recording.

    `tracks_by_source` counts the tracks whose group is known, by source: "table", "folders", "tags", "file names"
    or "sound". Each of the `unknown_tracks` is a group of its own, and the scores may be flattered where there are any.
    They are flattered where groups stand `on_two_sides` of the split.
    """

    groups: int
    tracks_by_source: dict[str, int]
    unknown_tracks: int
    on_two_sides: int


@dataclass(frozen=True)
class Training:
    """Where the weights come from: the counts are of tracks, `command` made the bundle.

    `model` names the kind of model ("svm", "cnn" and so on, or "imported"), `protocol` the split. `groups` are those of
    own music, None for a public data set.
    """

    model: str
    dataset: str
    protocol: str
    train_tracks: int
    valid_tracks: int
    test_tracks: int
    seed: int
    command: str
    groups: Groups | None = None


@dataclass(frozen=True)
class Scores:
    """Figures of the reloaded bundle on one part of the split: one prediction per song, `macro_f1` over genres."""

    accuracy: float
    macro_f1: float
    tracks: int


@dataclass(frozen=True)
class EncoderCard:
    """A pretrained network that turns patches of a song into logits of `tags`, in this order.

    Its weights lie beside the models that use it, in a folder of its name. `source` says where they come from, and
    `license` under which terms and from whom.
    """

    name: str
    version: str
    description: str
    tags: tuple[str, ...]
    patches: PatchSettings
    source: str
    weights_sha256: str
    license: str

    def to_json(self) -> str:
        """Return the card as JSON text."""
        return _to_json(self)

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> "EncoderCard":
        """Return the card with these parts, as JSON has them; raise ValueError for one that is not as it should be."""
        return from_parts(cls, rename_former(parts))


@dataclass(frozen=True)
class ModelCard:
    """One model. `genres` are in the order of its outputs; `scores` has one entry per side of the split.

    The logits are divided by `temperature` before they become probabilities. A confidence under `abstain_threshold`,
    from 0 to 1, is too little to name a genre. `encoder` is the network that computes tags for the model, None where it
    needs none.
    """

    name: str
    version: str
    description: str
    genres: tuple[str, ...]
    mel: MelSettings
    temperature: float
    abstain_threshold: float
    training: Training
    scores: dict[str, Scores]
    weights_sha256: str
    libraries: dict[str, str]
    license: str
    encoder: EncoderCard | None = None

    @property
    def patches(self) -> PatchSettings | None:
        """How patches for the encoder are made, None for a model that needs none."""
        return self.encoder.patches if self.encoder else None

    def to_json(self) -> str:
        """Return the card as JSON text, which `from_json` reads back."""
        return _to_json(self)

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Return the card written by `to_json`; raise BadCard for a part that is missing, unknown or impossible."""
        try:
            parts = rename_former(json.loads(text))
            if isinstance(parts, dict) and "encoder" in parts:
                parts["encoder"] = rename_former(parts["encoder"])
            card = from_parts(cls, parts)
            if not (card.temperature > 0 and 0 <= card.abstain_threshold <= 1):
                raise ValueError("temperature must be over 0, and abstain_threshold from 0 to 1")
            if not all(0 <= share <= 1 for side in card.scores.values() for share in (side.accuracy, side.macro_f1)):
                raise ValueError("scores must be from 0 to 1")
            if not all(map(str.strip, card.genres)) or len(set(card.genres)) < len(card.genres):
                raise ValueError("genres must have different names, none of them empty")
        except (ValueError, RecursionError) as error:
            raise BadCard(
                f"The model card cannot be read ({error}). Train the model again with this version."
            ) from error
        return card


def rename_former(parts: Any) -> Any:
    """Return the parts of a card with the names that its fields have now; one that has both names keeps both."""
    if not isinstance(parts, dict):
        return parts
    renamed = dict(parts)
    for former, name in _FORMER_NAMES.items():
        if former in parts and name not in parts:
            renamed[name] = renamed.pop(former)
    return renamed


def _to_json(card: EncoderCard | ModelCard) -> str:
    return json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n"

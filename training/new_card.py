"""The card of a bundle that is being trained."""

import sys
from importlib.metadata import version

from inference.card import ModelCard, Training
from training.data.audit import shared_groups
from training.data.datasets import Dataset
from training.data.groups import summarise_groups
from training.data.splits import SIDES, Split

MODEL_VERSION = "1.0.0"
LIBRARIES = ("numpy", "scipy", "onnx", "scikit-learn", "keras", "tf2onnx")


def new_card(
    name: str, model: str, description: str, dataset: Dataset, protocol: str, split: Split, seed: int, command: str
) -> ModelCard:
    """Return the card of a model of a kind that learns from a split, not calibrated and without scores."""
    tracks = [track for side in SIDES for track in getattr(split, side)]
    return ModelCard(
        name=name,
        version=MODEL_VERSION,
        description=description,
        genres=tuple(sorted({track.genre for track in split.train})),
        mel=dataset.settings,
        # Until it is calibrated.
        temperature=1.0,
        abstain_threshold=0.0,
        training=Training(
            model=model,
            dataset=dataset.title,
            protocol=protocol,
            train_tracks=len(split.train),
            valid_tracks=len(split.valid),
            test_tracks=len(split.test),
            seed=seed,
            command=command,
            groups=summarise_groups(tracks, shared_groups(split)) if dataset.own else None,
        ),
        scores={},
        weights_sha256="",
        libraries={"python": ".".join(map(str, sys.version_info[:3]))} | {name: version(name) for name in LIBRARIES},
        license=f"Apache-2.0. {dataset.license}",
    )

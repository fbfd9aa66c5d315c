"""The folder of a training's checkpoints."""

import hashlib
from importlib.metadata import distributions
from pathlib import Path

import features
import inference
from inference.card import ModelCard
from training.data.splits import SIDES, Split
from training.data.tracks import CACHE


def kept_folder(card: ModelCard, split: Split) -> Path:
    """Return a folder that is the same for the same training only: command, settings, data, code and libraries.

    The data are the tracks' genres, names and spectrograms. The card has no scores yet.
    """
    # Its name depends on the machine.
    tensorflow = [part.version for name in ("tensorflow", "tensorflow-cpu") for part in distributions(name=name)]
    key = hashlib.sha256(repr((card, tensorflow)).encode())
    packages = (Path(__file__), Path(features.__file__), Path(inference.__file__))
    for code in (path for package in packages for path in sorted(package.parent.rglob("*.py"))):
        key.update(code.read_bytes())
    for side in SIDES:
        for track in getattr(split, side):
            key.update(repr((side, track.name, track.genre, track.audio)).encode())
            for clip in track.clips:
                key.update(clip.tobytes())
    folder = CACHE / "fits" / key.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""Model bundles and their predictions: the only inference code there is."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.classifier import GenreClassifier


def load_model(name: str | None = None, models: Path | None = None) -> "GenreClassifier":
    """Return the classifier `name`, by default the most accurate one, from the folder `models`, by default the shipped.

    Raises:
        BadBundle: the folder has no such model, or its files are damaged.

    """
    # Imported here: most importers of a part of this package need no ONNX Runtime.
    from inference.bundle import MODELS, find_card, list_cards, load_bundle
    from inference.classifier import GenreClassifier

    folder = models or MODELS
    return GenreClassifier(load_bundle(folder / find_card(name, list_cards(folder)).name))

"""Train a model on GTZAN and save it as a bundle: `python -m training --model svm --data ../shared/data`.

The data is a folder with `gtzan_tracks.tsv`, which says on which side each track stands, and with `gtzan_mel.zip`
(pictures of spectrograms) or else folders of audio, one a genre. The bundle is scored on the validation and the test
tracks after it has been saved and loaded again.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from features.mel import MelSettings
from inference.bundle import MODELS, Bundle, load_bundle, save_bundle
from inference.card import ModelCard, Training
from inference.classifier import GenreClassifier
from training.evaluation import score
from training.gtzan import GENRES, SIDES, BadData, load_tracks

MODEL_VERSION = "1.0.0"
DESCRIPTIONS = {
    "svm": "Support vector machine (RBF) on statistics of each 10-second window; its margins give probabilities.",
    "cnn": "Convolutional network of 5 layers on each 10-second window, trained on augmented crops.",
}
LIBRARIES = {
    "svm": ("numpy", "scipy", "scikit-learn", "skl2onnx", "onnx"),
    "cnn": ("numpy", "keras", "tensorflow", "tf2onnx", "onnx"),
}
LICENCE = (
    "Apache-2.0. Trained on GTZAN (Tzanetakis and Cook, 2002), which carries no licence; no audio of it is contained."
)


def main() -> int:
    """Train, save and score one model; return 2 if the data cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=DESCRIPTIONS, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder to save the bundle in (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        print(train(arguments.model, arguments.data, arguments.models, arguments.seed))
    except (BadData, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def train(model: str, data: Path, models: Path, seed: int) -> str:
    """Train a model, save its bundle as `gtzan-<model>` and return its scores in words."""
    settings = MelSettings()
    pictures = data / "gtzan_mel.zip"
    tracks = load_tracks(pictures if pictures.exists() else data, data / "gtzan_tracks.tsv", settings)
    by_side = {side: [track for track in tracks if track.side == side] for side in SIDES}
    # Each brings a library that takes seconds to load.
    if model == "svm":
        from training.svm import train_svm as train_model
    else:
        from training.cnn import train_cnn as train_model
    card = ModelCard(
        name=f"gtzan-{model}",
        version=MODEL_VERSION,
        description=DESCRIPTIONS[model],
        genres=GENRES,
        mel=settings,
        training=Training(
            dataset="GTZAN",
            protocol="fault-filtered",
            train_tracks=len(by_side["train"]),
            valid_tracks=len(by_side["valid"]),
            test_tracks=len(by_side["test"]),
            seed=seed,
            command=f"python -m training --model {model} --seed {seed} --data DATA",
        ),
        scores={},
        weights_sha256="",
        libraries={"python": ".".join(map(str, sys.version_info[:3]))}
        | {name: _version(name) for name in LIBRARIES[model]},
        licence=LICENCE,
    )
    bundle = Bundle(card, train_model(by_side["train"], settings, seed))
    with tempfile.TemporaryDirectory() as unscored:
        reloaded = GenreClassifier(load_bundle(save_bundle(bundle, Path(unscored))))
    scores = {side: score(reloaded, by_side[side]) for side in ("valid", "test")}
    folder = save_bundle(Bundle(replace(card, scores=scores), bundle.weights), models)
    words = [
        f"{side}: accuracy {s.accuracy:.3f}, macro F1 {s.macro_f1:.3f}, {s.tracks} tracks" for side, s in scores.items()
    ]
    return "\n".join([f"Saved {folder}", *words])


def _version(library: str) -> str:
    if library == "tensorflow":
        import tensorflow

        return str(tensorflow.__version__)
    return version(library)


if __name__ == "__main__":
    sys.exit(main())

"""Train models, and say what they are worth.

python -m training fit --model svm --data ../shared/data
python -m training fit --model svm --dataset folder --data MY_MUSIC --protocol track-random --name mine
python -m training evaluate --bundle models/gtzan-svm --data FOLDER_OR_ZIP
python -m training audit --data ../shared/data
python -m training check --data ../shared/data
"""

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from features.mel import MelSettings
from inference.bundle import MODELS, BadBundle, Bundle, load_bundle, save_bundle, write_whole
from inference.card import ModelCard, Training
from inference.classifier import GenreClassifier
from training import fma_small, gtzan
from training.audit import Duplicate, across_sides, drop_duplicates, find_duplicates, shared_artists, shared_songs
from training.classical import train_logistic, train_svm
from training.evaluation import Evaluation, evaluate
from training.kaggle import check_harness
from training.splits import LEAKY, PROTOCOLS, SIDES, Split, make_splits, require_enough
from training.tracks import BadData, Track, read_tracks

MODEL_VERSION = "1.0.0"
LIBRARIES = ("numpy", "scipy", "onnx", "scikit-learn", "skl2onnx", "keras", "tf2onnx")


@dataclass(frozen=True)
class Model:
    """A kind of model: what its bundles' cards say of it, and how one is trained."""

    description: str
    train: Callable[[Split, Sequence[str], MelSettings, int], bytes]


def _train_cnn(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    # TensorFlow takes seconds to load.
    from training.cnn import train_cnn

    return train_cnn(split, genres, settings, seed)


KINDS = {
    "svm": Model(
        "Support vector machine (RBF) on statistics of each window; its margins give probabilities.", train_svm
    ),
    "logistic": Model("Logistic regression (L2) on statistics of each window.", train_logistic),
    "cnn": Model("Convolutional network of 5 layers on each window, trained on augmented crops.", _train_cnn),
}


@dataclass(frozen=True)
class Dataset:
    """A data set: how it is read from a folder, and what its bundles' cards say of it."""

    title: str
    settings: MelSettings
    licence: str
    protocols: tuple[str, ...]
    read: Callable[[Path], list[Track]]


DATASETS = {
    "gtzan": Dataset(
        gtzan.TITLE,
        gtzan.SETTINGS,
        gtzan.LICENCE,
        ("fault-filtered", "artist-3fold", "track-random", "window-random"),
        gtzan.read_gtzan,
    ),
    "fma-small": Dataset(
        fma_small.TITLE,
        fma_small.SETTINGS,
        fma_small.LICENCE,
        ("block-random", "track-random", "window-random"),
        fma_small.read_fma_small,
    ),
    "folder": Dataset(
        "own music",
        MelSettings(),
        "Trained on music of its maker's own.",
        ("track-random", "window-random"),
        lambda data: read_tracks(data, MelSettings()),
    ),
}


def main() -> int:
    """Run one command; return 2 if the data or the bundle it names cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)

    fit = commands.add_parser("fit", help="train a model and save its bundle")
    fit.add_argument("--model", choices=KINDS, required=True)
    fit.add_argument("--protocol", choices=PROTOCOLS, help="default: the first that the data set has")
    fit.add_argument("--models", type=Path, default=MODELS, help="folder to save the bundle in (%(default)s)")
    fit.add_argument("--name", help="of the bundle; default: <dataset>-<model>")
    fit.set_defaults(run=run_fit)

    assess = commands.add_parser(
        "evaluate", help="score a bundle on any folder or zip of <genre>/<track> it has not learned from"
    )
    assess.add_argument("--bundle", type=Path, required=True)
    assess.add_argument("--data", type=Path, required=True)
    assess.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    assess.set_defaults(run=run_evaluate)

    audit = commands.add_parser("audit", help="report what stands on two sides of a split")
    audit.set_defaults(run=run_audit)

    for command in (fit, audit):
        command.add_argument("--dataset", choices=DATASETS, default="gtzan")
        command.add_argument("--data", type=Path, required=True, help="folder of the data set")
        command.add_argument("--seed", type=int, default=0)

    check = commands.add_parser("check", help="reproduce the study's classical figures from its own features")
    check.add_argument("--data", type=Path, required=True)
    check.set_defaults(run=run_check)

    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except (BadData, BadBundle, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run_fit(arguments: argparse.Namespace) -> None:
    """Train a model on each split of a protocol; save the bundle if there is one split."""
    dataset, tracks = _read(arguments)
    protocol = arguments.protocol or dataset.protocols[0]
    if protocol not in dataset.protocols:
        raise BadData(f"{dataset.title} has no split {protocol}. Choose one of: {', '.join(dataset.protocols)}.")
    duplicates = find_duplicates(tracks, dataset.settings.frame_seconds) if protocol not in LEAKY else []
    name = arguments.name or f"{arguments.dataset}-{arguments.model}"
    splits = make_splits(tracks, protocol, dataset.settings, arguments.seed)
    accuracies = []
    for number, split in enumerate(splits, 1):
        kept = drop_duplicates(split, duplicates)
        if dropped := len(split.train) + len(split.valid) - len(kept.train) - len(kept.valid):
            print(f"{dropped} tracks left out, for a recording on another side is the same.")
            require_enough(kept, {track.genre for track in tracks}, protocol)
        card = _card(name, arguments, dataset, protocol, kept)
        bundle, scores = _fit(arguments.model, kept, card, arguments.seed)
        if len(splits) == 1:
            print(f"Saved {save_bundle(bundle, arguments.models)}")
        for side, evaluation in scores.items():
            print(f"{name}, {protocol}, {number} of {len(splits)}, {side}: {evaluation}")
        accuracies.append(scores["test"].accuracy)
    if len(splits) > 1:
        print(f"{name}, {protocol}, test: mean accuracy {np.mean(accuracies):.3f}. No bundle is saved of one fold.")


def run_evaluate(arguments: argparse.Namespace) -> None:
    """Score a bundle on tracks from anywhere."""
    classifier = GenreClassifier(load_bundle(arguments.bundle))
    evaluation = evaluate(classifier, read_tracks(arguments.data, classifier.card.mel))
    print(evaluation)
    corner = "true \\ answer"
    width = max(map(len, (corner, *evaluation.genres)))
    print(corner.ljust(width) + "".join(genre[:6].rjust(7) for genre in evaluation.genres))
    for genre, counts in zip(evaluation.genres, evaluation.confusion, strict=True):
        print(genre.ljust(width) + "".join(str(count).rjust(7) for count in counts))
    if arguments.json:
        figures = {"bundle": classifier.card.name, **asdict(evaluation)}
        write_whole(arguments.json, f"{json.dumps(figures, indent=2)}\n".encode())


def run_audit(arguments: argparse.Namespace) -> None:
    """Report duplicates in a data set, and what each protocol has on two sides."""
    dataset, tracks = _read(arguments)
    duplicates = find_duplicates(tracks, dataset.settings.frame_seconds)
    artists = {track.artist for track in tracks} - {None}
    print(f"{dataset.title}: {len(tracks)} tracks, {len(artists)} artists known, {len(duplicates)} pairs of duplicates")
    for pair in duplicates:
        print(f"  {pair.one} = {pair.other}  {pair.correlation:.3f}")
    for protocol in dataset.protocols:
        splits = make_splits(tracks, protocol, dataset.settings, arguments.seed)
        for number, split in enumerate(splits, 1):
            print(f"{protocol}, {number} of {len(splits)}: {_audit(split, duplicates)}")


def run_check(arguments: argparse.Namespace) -> None:
    """Print the study's classical figures, made again."""
    for model, evaluation in check_harness(arguments.data).items():
        print(f"{model}: {evaluation}")


def _read(arguments: argparse.Namespace) -> tuple[Dataset, list[Track]]:
    dataset = DATASETS[arguments.dataset]
    return dataset, dataset.read(arguments.data)


def _audit(split: Split, duplicates: Sequence[Duplicate]) -> str:
    sizes = "/".join(str(len(getattr(split, side))) for side in SIDES)
    both = [f"{shared_songs(split)} songs", f"{len(shared_artists(split))} artists"]
    both += [f"{pair.one} ({one}) and {pair.other} ({other})" for one, other, pair in across_sides(split, duplicates)]
    return f"{sizes} ({'/'.join(SIDES)}); on two sides: {', '.join(both)}"


def _card(name: str, arguments: argparse.Namespace, dataset: Dataset, protocol: str, split: Split) -> ModelCard:
    command = f"python -m training fit --dataset {arguments.dataset} --model {arguments.model} --protocol {protocol}"
    return ModelCard(
        name=name,
        version=MODEL_VERSION,
        description=KINDS[arguments.model].description,
        genres=tuple(sorted({track.genre for track in split.train})),
        mel=dataset.settings,
        training=Training(
            dataset=dataset.title,
            protocol=protocol,
            train_tracks=len(split.train),
            valid_tracks=len(split.valid),
            test_tracks=len(split.test),
            seed=arguments.seed,
            command=f"{command} --seed {arguments.seed} --name {shlex.quote(name)} --data DATA",
        ),
        scores={},
        weights_sha256="",
        libraries={"python": ".".join(map(str, sys.version_info[:3]))} | {name: version(name) for name in LIBRARIES},
        licence=f"Apache-2.0. {dataset.licence}",
    )


def _fit(model: str, split: Split, card: ModelCard, seed: int) -> tuple[Bundle, dict[str, Evaluation]]:
    """Return the bundle, and how well it does on either side after it has been saved and loaded again."""
    bundle = Bundle(card, KINDS[model].train(split, card.genres, card.mel, seed))
    with tempfile.TemporaryDirectory() as unscored:
        reloaded = GenreClassifier(load_bundle(save_bundle(bundle, Path(unscored))))
    scores = {"valid": evaluate(reloaded, split.valid), "test": evaluate(reloaded, split.test)}
    card = replace(card, scores={side: evaluation.scores() for side, evaluation in scores.items()})
    return replace(bundle, card=card), scores


if __name__ == "__main__":
    sys.exit(main())

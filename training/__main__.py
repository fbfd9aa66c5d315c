"""Train and evaluate models.

python -m training fit --model svm --data data
python -m training fit --model best --dataset folder --data MY_MUSIC --name mine --models MY_MODELS
python -m training evaluate --bundle models/gtzan-svm --data FOLDER_OR_ZIP
python -m training audit --data data
python -m training import MODEL.keras --card CARD.json
python -m training export --bundle models/gtzan-cnn --to gtzan-cnn.keras
python -m training encoder --package FOLDER/musicnn --audio FOLDER
python -m training check --data data
python -m training results --data data
"""

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from inference.bundle import MODELS, BadBundle, atomic_write, load_bundle, require_free, save_bundle, save_encoder
from inference.classifier import GenreClassifier
from training.data.audit import Duplicate, across_sides, find_duplicates, shared_artists, shared_groups, shared_songs
from training.data.datasets import DATASETS
from training.data.groups import warn_of_groups
from training.data.learned_songs import describe_learned, find_learned, score_others
from training.data.own_music import read_own_music
from training.data.splits import IN_FOLDS, PROTOCOLS, SIDES, Split, make_splits
from training.data.tracks import BadData
from training.evaluation.metrics import evaluate
from training.evaluation.non_music_corpus import FILES, share_not_sure
from training.evaluation.study_check import check_harness
from training.fit import KINDS, fit
from training.models.export import BadExport
from training.models.msd_musicnn import convert, measure_bands, read_checkpoint
from training.models.tags import with_tags
from training.report.results import REPORTED, RESULTS, FailedTraining, make_results
from training.report.tables import write_report


def main() -> int:
    """Run one command; return 2 if the data or the bundle it names cannot be used, or if a training fails.

    Return 130 if it is interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(kept="Nothing was written.")
    commands = parser.add_subparsers(required=True)

    train = commands.add_parser("fit", help="train a model and save its bundle")
    train.add_argument("--model", choices=KINDS, required=True)
    train.add_argument("--protocol", choices=PROTOCOLS, help="default: the first that the data set has")
    train.add_argument("--models", type=Path, default=MODELS, help="folder to save the bundle in (%(default)s)")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    train.add_argument("--name", help="of the bundle; default: <dataset>-<model>")
    train.add_argument("--force", action="store_true", help="replace the bundle of that name")
    train.set_defaults(run=run_fit, kept="Features and finished epochs are kept.")

    assess = commands.add_parser(
        "evaluate", help="score a bundle on a folder of <genre>/<song>, or on a zip of pictures"
    )
    assess.add_argument("--bundle", type=Path, required=True)
    assess.add_argument("--data", type=Path, required=True)
    assess.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    assess.set_defaults(run=run_evaluate, kept="Features are kept.")

    audit = commands.add_parser("audit", help="report what stands on two sides of a split")
    audit.set_defaults(run=run_audit, kept="Features are kept.")

    for command in (train, audit):
        command.add_argument("--dataset", choices=DATASETS, default="gtzan")
        command.add_argument("--data", type=Path, required=True, help="folder of the data set")

    for command in (train, assess, audit):
        command.add_argument(
            "--groups",
            type=Path,
            metavar="TABLE",
            help="of own music, a CSV file with the columns path, group and, if wanted, genre: a split keeps the songs "
            "of one group on one side",
        )

    take = commands.add_parser("import", help="make a bundle of a Keras model of your own")
    take.add_argument("file", type=Path, help="the model, .keras, .h5 or .hdf5")
    take.add_argument("--card", type=Path, required=True, help="its card, JSON: see docs/keras.md")
    take.add_argument("--models", type=Path, default=MODELS, help="folder to save the bundle in (%(default)s)")
    take.add_argument("--force", action="store_true", help="replace the bundle of that name")
    take.set_defaults(run=run_import)

    export = commands.add_parser("export", help="write a bundle's network as a Keras model, which gives logits")
    export.add_argument("--bundle", type=Path, required=True)
    export.add_argument("--to", type=Path, required=True, metavar="FILE", help="of the kind .keras, .h5 or .hdf5")
    export.set_defaults(run=run_export)

    encoder = commands.add_parser("encoder", help="make the encoder bundle of the package musicnn")
    encoder.add_argument("--package", type=Path, required=True, help="folder that the package is installed in")
    encoder.add_argument(
        "--audio", type=Path, nargs="+", required=True, help="folders of songs, to measure their bands"
    )
    encoder.add_argument("--models", type=Path, default=MODELS, help="folder to save the bundle in (%(default)s)")
    encoder.set_defaults(run=run_encoder)

    check = commands.add_parser("check", help="reproduce the study's classical figures from its own features")
    check.add_argument("--data", type=Path, required=True)
    check.set_defaults(run=run_check)

    results = commands.add_parser("results", help="train every model on every protocol, and write the report")
    results.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    results.add_argument("--results", type=Path, default=RESULTS, help="file to keep them in (%(default)s)")
    results.add_argument("--models", type=Path, default=MODELS, help="folder to save the bundles in (%(default)s)")
    results.add_argument("--dataset", nargs="+", choices=REPORTED, default=REPORTED, help="default: all")
    results.add_argument("--model", nargs="+", choices=KINDS, default=tuple(KINDS), help="default: all")
    results.set_defaults(run=run_results, kept="Finished trainings and epochs are kept.")

    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
        return 0
    except (BadData, BadBundle, BadExport, FailedTraining, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        # Said below, where nothing holds on to the bars of progress any more: they end as they are let go.
        pass
    print(f"Interrupted. {arguments.kept} To go on: {shlex.join(sys.orig_argv)}", file=sys.stderr)
    return 130


def run_fit(arguments: argparse.Namespace) -> None:
    """Train a model on each split of a protocol; save the bundle if there is one split."""
    if arguments.protocol not in IN_FOLDS:
        default = f"{arguments.dataset}-{arguments.model}"
        name = default if arguments.name is None else arguments.name
        # `fit` reports errors of the data and the protocol first.
        usable = arguments.data.exists() and arguments.protocol in (None, *DATASETS[arguments.dataset].protocols)
        require_free(name, arguments.models, force=arguments.force or not usable)
    runs = fit(
        arguments.dataset,
        arguments.model,
        arguments.protocol,
        arguments.data,
        arguments.seed,
        arguments.name,
        arguments.groups,
    )
    for number, run in enumerate(runs, 1):
        card = run.bundle.card
        if len(runs) == 1:
            print(f"Saved {save_bundle(run.bundle, arguments.models, run.learned)}")
        for side, evaluation in (("valid", run.valid), ("test", run.test)):
            print(f"{card.name}, {card.training.protocol}, {number} of {len(runs)}, {side}: {evaluation}")
    if len(runs) > 1:
        accuracy = np.mean([run.test.accuracy for run in runs])
        print(f"{card.name}, {card.training.protocol}, test: mean accuracy {accuracy:.3f}. No fold's bundle is saved.")
    for warning in warn_of_groups(runs[0].bundle.card.training.groups):
        print(warning)
    if arguments.json:
        atomic_write(arguments.json, json.dumps([run.figures() for run in runs]).encode())
    for run in runs:
        # Another process may have done the same training, and removed it.
        shutil.rmtree(run.kept, ignore_errors=True)


def run_evaluate(arguments: argparse.Namespace) -> None:
    """Score a bundle on tracks from anywhere."""
    classifier = GenreClassifier(load_bundle(arguments.bundle))
    tracks = read_own_music(arguments.data, classifier.card.mel, arguments.groups)
    if classifier.encoder:
        tracks = with_tags(tracks, classifier.card.mel, classifier.encoder)
        if not tracks:
            raise BadData(f"{classifier.card.name} needs audio of the tracks. There is none in {arguments.data}.")
    evaluation = evaluate(classifier, tracks)
    print(evaluation)
    learned = find_learned(arguments.bundle, classifier.card, tracks)
    others = score_others(evaluation, tracks, learned)
    print(describe_learned(classifier.card.name, evaluation, others))
    not_sure = share_not_sure(classifier)
    print(f'Of {FILES} generated files that are no music, {not_sure:.1%} are answered with "not sure".')
    corner = "true \\ answer"
    width = max(map(len, (corner, *evaluation.genres)))
    print(corner.ljust(width) + "".join(genre[:6].rjust(7) for genre in evaluation.genres))
    for genre, counts in zip(evaluation.genres, evaluation.confusion, strict=True):
        print(genre.ljust(width) + "".join(str(count).rjust(7) for count in counts))
    if arguments.json:
        figures = {
            "bundle": classifier.card.name,
            **asdict(evaluation),
            "others": asdict(others) if others else None,
            "non_music_not_sure": not_sure,
        }
        atomic_write(arguments.json, f"{json.dumps(figures, indent=2)}\n".encode())


def run_audit(arguments: argparse.Namespace) -> None:
    """Report duplicates in a data set, and leakage between sides by protocol, or why one cannot split the data."""
    dataset = DATASETS[arguments.dataset]
    tracks = dataset.read_with(arguments.groups, arguments.data)
    duplicates = find_duplicates(tracks, dataset.settings.frame_seconds)
    artists = {track.artist for track in tracks} - {None}
    known = "" if dataset.own else f", {len(artists)} artists known"
    print(f"{dataset.title}: {len(tracks)} tracks{known}, {len(duplicates)} pairs of duplicates")
    for pair in duplicates:
        print(f"  {pair.one} = {pair.other}  {pair.correlation:.3f}")
    for protocol in dataset.protocols_in(arguments.data):
        try:
            splits = make_splits(tracks, protocol, dataset.settings)
        except BadData as error:
            # The others may divide them.
            print(f"{protocol}: {error}")
            continue
        for number, split in enumerate(splits, 1):
            print(f"{protocol}, {number} of {len(splits)}: {_audit(split, duplicates, own=dataset.own)}")


def run_import(arguments: argparse.Namespace) -> None:
    """Save a bundle of somebody's own Keras model."""
    # TensorFlow takes seconds to load.
    from training.models.keras_files import import_bundle

    bundle = import_bundle(arguments.file, arguments.card)
    require_free(bundle.card.name, arguments.models, force=arguments.force)
    print(f"Saved {save_bundle(bundle, arguments.models)}")


def run_export(arguments: argparse.Namespace) -> None:
    """Write a bundle's network as a Keras file."""
    from training.models.keras_files import export_network

    export_network(arguments.bundle, arguments.to)
    print(f"Saved {arguments.to}")


def run_encoder(arguments: argparse.Namespace) -> None:
    """Convert the pretrained network and save it beside the models."""
    bands = measure_bands(path for folder in arguments.audio for path in folder.rglob("*") if path.is_file())
    card, weights = convert(read_checkpoint(arguments.package), bands)
    print(f"Saved {save_encoder(card, weights, arguments.models)}")


def run_check(arguments: argparse.Namespace) -> None:
    """Print the study's classical figures, made again."""
    for model, evaluation in check_harness(arguments.data).items():
        print(f"{model}: {evaluation}")


def run_results(arguments: argparse.Namespace) -> None:
    """Train the missing models, then write tables and pictures beside the results."""
    make_results(arguments.data, arguments.results, arguments.models, arguments.dataset, arguments.model)
    print(f"Wrote {write_report(arguments.results)}")


def _audit(split: Split, duplicates: Sequence[Duplicate], *, own: bool) -> str:
    sizes = "/".join(str(len(getattr(split, side))) for side in SIDES)
    together = f"{shared_groups(split)} groups" if own else f"{len(shared_artists(split))} artists"
    both = [f"{shared_songs(split)} songs", together]
    both += [f"{pair.one} ({one}) and {pair.other} ({other})" for one, other, pair in across_sides(split, duplicates)]
    return f"{sizes} ({'/'.join(SIDES)}); on two sides: {', '.join(both)}"


if __name__ == "__main__":
    sys.exit(main())

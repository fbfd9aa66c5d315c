"""From a data set to a bundle and its scores."""

import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from features.settings import MelSettings
from inference.bundle import MODELS, Bundle, load_bundle, load_encoder, save_bundle
from inference.card import CROSS_VALIDATED, VALID, ModelCard
from inference.classifier import GenreClassifier
from inference.encoder import TagEncoder
from training.data.audit import find_duplicates, without_duplicates
from training.data.datasets import DATASETS
from training.data.groups import count_songs
from training.data.learned_songs import all_hashes
from training.data.splits import LEAKY, SIDES, Split, artist_folds, make_splits
from training.data.tracks import BadData, Track
from training.evaluation.calibration import calibrate, track_logits, true_genres
from training.evaluation.metrics import Evaluation, evaluate, evaluate_logits
from training.evaluation.non_music_corpus import share_not_sure
from training.kept import kept_folder
from training.models.classical import train_knn, train_logistic, train_svm
from training.models.export import count_parameters
from training.models.gate import add_gate
from training.models.msd_musicnn import NAME as ENCODER
from training.models.tags import with_tags
from training.new_card import new_card

# Folds of the training tracks where there is no validation track to calibrate by.
_FOLDS = 3


@dataclass(frozen=True)
class Trained:
    """An ONNX graph and, of a network, its loss and accuracy after each epoch (see `Learned`)."""

    weights: bytes
    curves: dict[str, list[float]] | None = None


def _compact(value: Any) -> Any:
    match value:
        case float():
            return round(value, 4)
        case [{}, *_]:
            return {name: _compact([row[name] for row in value]) for name in value[0]}
        case list() | tuple():
            return [_compact(part) for part in value]
        case dict():
            return {name: _compact(part) for name, part in value.items()}
    return value


Train = Callable[[Split, Sequence[str], MelSettings, int, Path], Trained]


@dataclass(frozen=True)
class Kind:
    """A kind of model: its description for the cards of bundles, and how one is trained.

    `train` takes a split, the genres, the settings, a seed and a folder to keep what an interrupted call goes on from.
    `seeded` says whether another seed gives another model, `encoded` whether it learns from the tags of an encoder.
    """

    description: str
    train: Train
    seeded: bool = False
    encoded: bool = False


@dataclass(frozen=True)
class Run:
    """One model trained on one split: its bundle, and how it does on either side after it was saved and loaded.

    Without a validation track, `valid` is of the training tracks, by cross-validation. `non_music_not_sure` is the
    share of the corpus of generated files that it gives no genre. `kept` is the folder that an interrupted run resumes
    from; once the run is saved, it can be removed. `learned` are the hashes of the songs that it has learned from or
    was chosen by.
    """

    bundle: Bundle
    valid: Evaluation
    test: Evaluation
    non_music_not_sure: float
    curves: dict[str, list[float]] | None
    seconds: float
    kept: Path
    learned: frozenset[str] = field(default=frozenset(), repr=False)

    def figures(self) -> dict[str, Any]:
        """Return the run's figures on the test songs and how it was trained, for JSON.

        Numbers have four digits, and bins and thresholds are kept as columns.
        """
        card = self.bundle.card
        figures: dict[str, Any] = {
            "seed": card.training.seed,
            "valid_accuracy": self.valid.accuracy,
            **asdict(self.test),
            # A bit a track.
            "right": np.packbits(self.test.right).tobytes().hex(),
            "temperature": card.temperature,
            "non_music_not_sure": self.non_music_not_sure,
            "parameters": count_parameters(self.bundle.weights),
            "seconds": self.seconds,
            "curves": self.curves,
        }
        return {name: _compact(value) for name, value in figures.items()}


def _classical(train: Callable[[Split, Sequence[str], MelSettings, int], bytes]) -> Train:
    return lambda split, genres, settings, seed, _: Trained(train(split, genres, settings, seed))


def _train_network(
    name: str, split: Split, genres: Sequence[str], settings: MelSettings, seed: int, folder: Path
) -> Trained:
    # TensorFlow takes seconds to load.
    from training.models.keras_models import network_to_onnx
    from training.models.network_training import learn
    from training.models.networks import NETWORKS

    learned = learn(NETWORKS[name], split, genres, settings, seed, folder)
    held_out = np.concatenate([track.windows(settings) for track in split.valid])
    return Trained(network_to_onnx(learned.network, held_out), learned.curves)


def _train_perceptron(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    # TensorFlow takes seconds to load.
    from training.models.perceptron import train_perceptron

    return train_perceptron(split, genres, settings, seed)


def _train_blend(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    from training.models.blend import train_blend

    return train_blend(split, genres, settings, seed)


KINDS = {
    "knn": Kind(
        "Five nearest windows (Manhattan distance between their statistics), the nearer the more.",
        _classical(train_knn),
    ),
    "svm": Kind(
        "Support vector machine (RBF) on statistics of each window; its margins give probabilities.",
        _classical(train_svm),
    ),
    "logistic": Kind("Logistic regression (L2) on statistics of each window.", _classical(train_logistic)),
    "cnn": Kind("Four convolutions and a dense layer on each window.", partial(_train_network, "cnn"), seeded=True),
    "cnn-bilstm": Kind(
        "Four convolutions with squeeze-and-excitation, a bidirectional LSTM and attention on each window.",
        partial(_train_network, "cnn-bilstm"),
        seeded=True,
    ),
    "fast": Kind(
        "Perceptron with a hidden layer on statistics and modulations of each window, learned from augmented windows.",
        _classical(_train_perceptron),
        seeded=True,
    ),
    "best": Kind(
        "Logistic regression on the tags that the pretrained network MSD_musicnn hears, blended with a perceptron on "
        "statistics and modulations of each window.",
        _classical(_train_blend),
        seeded=True,
        encoded=True,
    ),
}


def fit(
    dataset_name: str,
    model: str,
    protocol: str | None,
    data: Path,
    seed: int,
    name: str | None,
    groups: Path | None = None,
) -> list[Run]:
    """Train a model on each split of a protocol of a data set, by default its first protocol.

    The split does not depend on `seed`. `groups` is a table of own music (see `read_group_table`). Prints how many
    tracks are left out for a recording on another side is the same. Raises BadData if the data set is not there,
    is damaged, or cannot be split so.
    """
    dataset = DATASETS[dataset_name]
    protocol = protocol or dataset.protocols[0]
    if protocol not in dataset.protocols:
        raise BadData(f"{dataset.title} has no split {protocol}. Choose one of: {', '.join(dataset.protocols)}.")
    songs = tracks = dataset.read_with(groups, data)
    encoder = load_encoder(MODELS / ENCODER) if KINDS[model].encoded else None
    if encoder:
        tracks = with_tags(tracks, dataset.settings, TagEncoder(*encoder))
        if not tracks:
            raise BadData(f"A model of the kind {model} needs audio, or published tags, of the tracks. There is none.")
    duplicates = find_duplicates(tracks, dataset.settings.frame_seconds) if protocol not in LEAKY else []
    options = [*(["--name", name] if name else []), *(["--groups", groups.name] if groups else [])]
    command = shlex.join(["python", "-m", "training", *fit_command(dataset_name, model, protocol, seed), *options])
    runs = []
    for split in make_splits(tracks, protocol, dataset.settings, sides=("train", "test") if encoder else SIDES):
        kept = without_duplicates(split, duplicates, protocol)
        card = new_card(
            name or f"{dataset_name}-{model}",
            model,
            KINDS[model].description,
            dataset,
            protocol,
            kept,
            seed,
            f"{command} --data DATA",
        )
        if encoder:
            card = replace(card, encoder=encoder[0], license=f"{card.license} The encoder: {encoder[0].license}")
        run = _run(model, kept, card, seed, encoder[1] if encoder else None)
        names = {track.part_of or track.name for track in [*kept.train, *kept.valid]}
        runs.append(replace(run, learned=all_hashes(song for song in songs if song.name in names)))
    return runs


def fit_command(dataset: str, model: str, protocol: str, seed: int) -> list[str]:
    """Return the arguments after `python -m training`, all but where the data is and where the bundle goes."""
    return ["fit", "--dataset", dataset, "--model", model, "--protocol", protocol, "--seed", str(seed)]


def _run(model: str, split: Split, card: ModelCard, seed: int, encoder: bytes | None) -> Run:
    began = monotonic()
    folder = kept_folder(card, split)
    trained, bundle = _train(model, split, card, seed, folder, encoder)
    if split.valid:
        held_out = track_logits(GenreClassifier(bundle), split.valid)
        truth = true_genres(card, split.valid)
    else:
        held_out, truth = _cross_validated(model, split.train, card, seed, folder, encoder)
    bundle = replace(bundle, card=calibrate(card, held_out, truth))
    with tempfile.TemporaryDirectory() as unscored:
        reloaded = GenreClassifier(load_bundle(save_bundle(bundle, Path(unscored))))
    valid = (
        evaluate(reloaded, split.valid)
        if split.valid
        else evaluate_logits(bundle.card, held_out, truth, count_songs(split.train))
    )
    test = evaluate(reloaded, split.test)
    scores = {VALID if split.valid else CROSS_VALIDATED: valid.scores(), "test": test.scores()}
    bundle = replace(bundle, card=replace(bundle.card, scores=scores))
    seconds = round(monotonic() - began, 1)
    return Run(bundle, valid, test, share_not_sure(reloaded), trained.curves, seconds, folder)


def _train(
    model: str, split: Split, card: ModelCard, seed: int, folder: Path, encoder: bytes | None
) -> tuple[Trained, Bundle]:
    """Return a model that learned from the training tracks, and its bundle, with the gate but not calibrated."""
    trained = KINDS[model].train(split, card.genres, card.mel, seed, folder)
    tag_encoder = TagEncoder(card.encoder, encoder) if card.encoder and encoder else None
    return trained, Bundle(card, add_gate(trained.weights, split.train, card.mel, tag_encoder), encoder)


def _cross_validated(
    model: str, tracks: Sequence[Track], card: ModelCard, seed: int, folder: Path, encoder: bytes | None
) -> tuple[list[NDArray[np.float32]], list[int]]:
    """Return the logits of the tracks' windows by models that learned from other artists, and the true genres."""
    logits: list[NDArray[np.float32]] = []
    tested: list[Track] = []
    for train, test in tqdm(artist_folds(tracks, _FOLDS), "cross-validating", unit="fold"):
        _, bundle = _train(model, Split(train, [], test), card, seed, folder, encoder)
        logits += track_logits(GenreClassifier(bundle), test)
        tested += test
    return logits, true_genres(card, tested)

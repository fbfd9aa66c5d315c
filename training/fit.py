"""From a data set to a bundle and its scores."""

import hashlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from features.settings import MelSettings
from inference.bundle import MODELS, Bundle, load_bundle, load_encoder, save_bundle
from inference.card import CROSS_VALIDATED, VALID, ModelCard, Training
from inference.classifier import GenreClassifier
from inference.encoder import TagEncoder
from training.audit import drop_duplicates, find_duplicates
from training.calibration import calibrate, track_logits, true_genres
from training.classical import train_knn, train_logistic, train_svm
from training.datasets import DATASETS, Dataset
from training.evaluation import Evaluation, evaluate, evaluate_logits
from training.export import count_parameters
from training.gate import add_gate
from training.msd_musicnn import NAME as ENCODER
from training.non_music_corpus import share_not_sure
from training.splits import LEAKY, SIDES, Split, artist_folds, make_splits, require_enough
from training.tags import with_tags
from training.tracks import CACHE, BadData, Track

MODEL_VERSION = "1.0.0"
# Folds of the training tracks where there is no validation track to calibrate by.
_FOLDS = 3
LIBRARIES = ("numpy", "scipy", "onnx", "scikit-learn", "keras", "tf2onnx")


@dataclass(frozen=True)
class Trained:
    """An ONNX graph and, of a network, its loss and accuracy after each epoch (see `training.learning.Learned`)."""

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
    """A kind of model: what its bundles' cards say of it, and how one is trained.

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
    share of the corpus of generated files that it gives no genre.
    """

    bundle: Bundle
    valid: Evaluation
    test: Evaluation
    non_music_not_sure: float
    curves: dict[str, list[float]] | None
    seconds: float

    def figures(self) -> dict[str, Any]:
        """Return what is worth keeping of the run, as JSON takes it: the test's figures and how it was trained.

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
    from training.keras_models import network_to_onnx
    from training.learning import learn
    from training.networks import NETWORKS

    learned = learn(NETWORKS[name], split, genres, settings, seed, folder)
    held_out = np.concatenate([track.windows(settings) for track in split.valid])
    return Trained(network_to_onnx(learned.network, held_out), learned.curves)


def _train_perceptron(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    # TensorFlow takes seconds to load.
    from training.perceptron import train_perceptron

    return train_perceptron(split, genres, settings, seed)


def _train_blend(split: Split, genres: Sequence[str], settings: MelSettings, seed: int) -> bytes:
    from training.blend import train_blend

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


def fit(dataset_name: str, model: str, protocol: str | None, data: Path, seed: int, name: str | None) -> list[Run]:
    """Train a model on each split of a protocol of a data set, by default its first protocol.

    The split does not depend on `seed`. Prints how many tracks are left out for a recording on another side is the
    same. Raises BadData if the data set is not there, is damaged, or cannot be split so.
    """
    dataset = DATASETS[dataset_name]
    protocol = protocol or dataset.protocols[0]
    if protocol not in dataset.protocols:
        raise BadData(f"{dataset.title} has no split {protocol}. Choose one of: {', '.join(dataset.protocols)}.")
    tracks = dataset.read(data)
    encoder = load_encoder(MODELS / ENCODER) if KINDS[model].encoded else None
    if encoder:
        tracks = with_tags(tracks, dataset.settings, TagEncoder(*encoder))
        if not tracks:
            raise BadData(f"A model of the kind {model} needs audio, or published tags, of the tracks. There is none.")
    duplicates = find_duplicates(tracks, dataset.settings.frame_seconds) if protocol not in LEAKY else []
    naming = ["--name", name] if name else []
    command = shlex.join(["python", "-m", "training", *fit_command(dataset_name, model, protocol, seed), *naming])
    runs = []
    for split in make_splits(tracks, protocol, dataset.settings, sides=("train", "test") if encoder else SIDES):
        kept = drop_duplicates(split, duplicates)
        if dropped := len(split.train) + len(split.valid) - len(kept.train) - len(kept.valid):
            tqdm.write(f"{dropped} tracks left out, for a recording on another side is the same.")
            require_enough(
                kept, {track.genre for track in tracks}, protocol, sides=SIDES if kept.valid else ("train", "test")
            )
        card = _card(name or f"{dataset_name}-{model}", model, dataset, protocol, kept, seed, f"{command} --data DATA")
        if encoder:
            card = replace(card, encoder=encoder[0], licence=f"{card.licence} The encoder: {encoder[0].licence}")
        runs.append(_run(model, kept, card, seed, encoder[1] if encoder else None))
    return runs


def fit_command(dataset: str, model: str, protocol: str, seed: int) -> list[str]:
    """Return the arguments after `python -m training`, all but where the data is and where the bundle goes."""
    return ["fit", "--dataset", dataset, "--model", model, "--protocol", protocol, "--seed", str(seed)]


def _run(model: str, split: Split, card: ModelCard, seed: int, encoder: bytes | None) -> Run:
    began = monotonic()
    folder = _kept(card, split)
    trained, bundle = _train(model, split, card, seed, folder, encoder)
    if split.valid:
        held_out = track_logits(GenreClassifier(bundle), split.valid)
        truth = true_genres(card, split.valid)
    else:
        held_out, truth = _cross_validated(model, split.train, card, seed, folder, encoder)
    bundle = replace(bundle, card=calibrate(card, held_out, truth))
    with tempfile.TemporaryDirectory() as unscored:
        reloaded = GenreClassifier(load_bundle(save_bundle(bundle, Path(unscored))))
    valid = evaluate(reloaded, split.valid) if split.valid else evaluate_logits(bundle.card, held_out, truth)
    test = evaluate(reloaded, split.test)
    scores = {VALID if split.valid else CROSS_VALIDATED: valid.scores(), "test": test.scores()}
    bundle = replace(bundle, card=replace(bundle.card, scores=scores))
    seconds = round(monotonic() - began, 1)
    # Another process may have done the same training, and removed it.
    shutil.rmtree(folder, ignore_errors=True)
    return Run(bundle, valid, test, share_not_sure(reloaded), trained.curves, seconds)


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
    for train, test in artist_folds(tracks, _FOLDS):
        _, bundle = _train(model, Split(train, [], test), card, seed, folder, encoder)
        logits += track_logits(GenreClassifier(bundle), test)
        tested += test
    return logits, true_genres(card, tested)


def _kept(card: ModelCard, split: Split) -> Path:
    """Return the folder in which a training keeps what it goes on from, the same for the same training only."""
    names = [[(track.name, track.audio) for track in getattr(split, side)] for side in SIDES]
    code = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    key = repr((card.training.command, card.mel, names, code))
    folder = CACHE / "fits" / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _card(name: str, model: str, dataset: Dataset, protocol: str, split: Split, seed: int, command: str) -> ModelCard:
    return ModelCard(
        name=name,
        version=MODEL_VERSION,
        description=KINDS[model].description,
        genres=tuple(sorted({track.genre for track in split.train})),
        mel=dataset.settings,
        # Until it is calibrated.
        temperature=1.0,
        not_sure_below=0.0,
        training=Training(
            model=model,
            dataset=dataset.title,
            protocol=protocol,
            train_tracks=len(split.train),
            valid_tracks=len(split.valid),
            test_tracks=len(split.test),
            seed=seed,
            command=command,
        ),
        scores={},
        weights_sha256="",
        libraries={"python": ".".join(map(str, sys.version_info[:3]))} | {name: version(name) for name in LIBRARIES},
        licence=f"Apache-2.0. {dataset.licence}",
    )

"""The scoring function: a file in, its row out, whatever is wrong with it."""

import errno
import hashlib
import json
import logging
import os
import stat
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

from features.audio import UnreadableAudio
from inference.bundle import Bundle
from inference.card import ModelCard
from inference.classifier import GenreClassifier
from scoring.addresses import is_address
from scoring.row import BucketError, Row, SongFile

logger = logging.getLogger(__name__)

UNREADABLE, CRASHED, TOO_SLOW = "unreadable", "crashed", "too slow"
NOT_HERE = "not here"
# What a file's content alone decides. Other errors may be gone at the next run, which tries such files again.
FINAL_ERRORS = (UNREADABLE, CRASHED, TOO_SLOW)
# Those that a run with a longer timeout tries again, too.
TIMEOUT_ERRORS = (CRASHED, TOO_SLOW)
_SENTENCES = {
    CRASHED: "The file crashes its decoder. Convert it, leave it out, or try it again with --retry-errors.",
    NOT_HERE: "It is an address of no file on this machine. Download the song, and name the file.",
    TOO_SLOW: "The file takes longer than --timeout allows. Allow more, or leave it out.",
}
_NO_PERMISSION = ("no permission", "The file may not be read. Allow it, or run as somebody who may.")
_KINDS = {
    errno.ENOENT: ("vanished", "The file is not there any more, or its link leads nowhere."),
    errno.ENOTDIR: ("vanished", "The file is not there any more, or its link leads nowhere."),
    errno.EACCES: _NO_PERMISSION,
    errno.EPERM: _NO_PERMISSION,
    errno.ELOOP: ("broken link", "The link leads to itself."),
    errno.EISDIR: ("no file", "It is a folder that a list names as a file, or one that may not be read."),
    errno.ENOSPC: ("no room", "The folder of temporary files is full. Make room, or set TMPDIR to another folder."),
    errno.ENXIO: ("no file", "It is a pipe or a device, not a file."),
}


def settings_hash(card: ModelCard, excerpts: int) -> str:
    """Return the hash of all that a prediction depends on beside the file: weights, features, temperature, threshold.

    Weights include the encoder's. Where a song is heard in excerpts, their number counts.
    """
    facts = [card.name, card.version, card.weights_sha256, asdict(card.mel), card.temperature, card.not_sure_below]
    if card.encoder:
        facts += [card.encoder.weights_sha256, asdict(card.encoder.patches)]
    if excerpts:
        facts.append(excerpts)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


class Scorer:
    """A model that scores files as the service does, with the same answers, whole or in so many excerpts."""

    def __init__(self, bundle: Bundle, excerpts: int) -> None:
        self._classifier = GenreClassifier(bundle)
        self._card = bundle.card
        self._excerpts = excerpts

    def score(self, file: SongFile, path: Path) -> Row:
        """Return the row of a file at a path of this machine; an error stands in the row."""
        began = perf_counter()
        if is_address(file.path) and not file.in_bucket:
            return failed_row(file, self._card, self._excerpts, NOT_HERE)
        try:
            _check_file(path)
            answer = self._classifier.classify(path, self._excerpts)
        except UnreadableAudio as error:
            return failed_row(file, self._card, self._excerpts, UNREADABLE, str(error), perf_counter() - began)
        except OSError as error:
            return failed_row(file, self._card, self._excerpts, *describe(error), perf_counter() - began)
        except Exception as error:
            # A fault of ours, which must not cost the run.
            logger.exception("scoring %r", file.path)
            sentence = f"A fault of the program, {type(error).__name__}: {error}"
            return failed_row(file, self._card, self._excerpts, "fault", sentence, perf_counter() - began)
        return Row(
            path=file.path,
            size=file.size,
            genre=answer.genre,
            confidence=answer.confidence,
            probabilities={genre: answer.probabilities[genre] for genre in self._card.genres},
            tags=answer.tags,
            segments=answer.segments,
            duration_seconds=answer.audio.duration_seconds,
            heard_seconds=answer.audio.heard_seconds,
            model=answer.model.name,
            model_version=answer.model.version,
            settings=settings_hash(self._card, self._excerpts),
            seconds=round(perf_counter() - began, 4),
        )


def failed_row(
    file: SongFile, card: ModelCard, excerpts: int, kind: str, sentence: str | None = None, seconds: float = 0.0
) -> Row:
    """Return the row of a file without an answer; some kinds of error have a sentence of their own."""
    return Row(
        path=file.path,
        size=file.size,
        genre=None,
        confidence=None,
        probabilities={},
        tags={},
        segments=[],
        duration_seconds=None,
        heard_seconds=None,
        model=card.name,
        model_version=card.version,
        settings=settings_hash(card, excerpts),
        seconds=round(seconds, 4),
        error=sentence or _SENTENCES[kind],
        error_kind=kind,
    )


def describe(error: OSError) -> tuple[str, str]:
    """Return the kind of an error of reading, and a sentence with the remedy."""
    if isinstance(error, BucketError):
        return "bucket", str(error)
    return _KINDS.get(error.errno or 0, ("cannot be read", f"The file cannot be read: {error.strerror or error}."))


def _check_file(path: Path) -> None:
    """Raise OSError for a file that would be read for ever, or not at all."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

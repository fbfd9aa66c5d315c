"""The scoring function: a file in, its row out, whatever is wrong with it."""

import errno
import logging
import os
import stat
from pathlib import Path
from time import perf_counter

from features.audio import UnreadableAudio
from inference.bundle import Bundle
from inference.classifier import GenreClassifier
from scoring.addresses import is_address
from scoring.failures import NOT_HERE, UNREADABLE, describe, failed_row
from scoring.row import Row, SongFile, settings_hash

logger = logging.getLogger(__name__)


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


def _check_file(path: Path) -> None:
    """Raise OSError for a file that would be read for ever, or not at all."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

"""Why a file has no prediction: the kinds of errors, their sentences, and the row of such a file."""

import errno

from inference.card import ModelCard
from scoring.row import BucketError, Row, SongFile, settings_hash

UNREADABLE, CRASHED, TOO_SLOW = "unreadable", "crashed", "too slow"
NOT_HERE = "not here"
# Errors that depend on the content alone. Others may be gone at the next run, which tries such files again.
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

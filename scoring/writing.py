"""The error of a file that cannot be written, with the file's name in it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from scoring.row import BucketError


class WriteFailed(OSError):
    """A file that could not be written; the message has its name and the reason, and ends without a full stop."""


@contextmanager
def naming(address: str) -> Iterator[None]:
    """Raise WriteFailed, with the name of the file or folder that the block writes, in place of other OSErrors."""
    try:
        yield
    except (BucketError, WriteFailed):
        raise
    except OSError as error:
        raise WriteFailed(f"{address} cannot be written: {error.strerror or error}") from error


@contextmanager
def standard_output() -> Iterator[None]:
    """Raise WriteFailed if the block cannot write to standard output, as when its reader has gone."""
    with naming("Standard output"):
        try:
            yield
            sys.stdout.flush()
        except OSError:
            # The rest of the buffer would raise it again when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise

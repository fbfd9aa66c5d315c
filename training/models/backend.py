"""Keras and TensorFlow, imported without TensorFlow's notes on the processor.

TF_CPP_MIN_LOG_LEVEL does not hold for them: they are logged before TensorFlow reads it.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_NOTES = (b"absl::InitializeLog", b"oneDNN custom operations")


@contextmanager
def _without_notes() -> Iterator[None]:
    """Hold back the standard error of native code, and write it afterwards without the notes."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as written:
        stderr = os.dup(2)
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            written.seek(0)
            for line in written:
                if not any(note in line for note in _NOTES):
                    os.write(2, line)


with _without_notes():
    import keras
    import tensorflow as tf
    from keras import layers

__all__ = ["keras", "layers", "tf"]

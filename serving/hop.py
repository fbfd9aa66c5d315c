"""What passes between GenreService and MelFeatures where they are apart: a head in JSON, and bytes after it.

BentoML's own ways are JSON, in which a song grows sixfold, and pickle, which it rightly refuses from another machine.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from features.settings import MelSettings
from features.windows import SongWindows
from serving.errors import Refusal

_HEAD_LENGTH_BYTES = 4


def question(audio: bytes, mel: MelSettings) -> bytes:
    """Return the message that asks for a song's windows."""
    return _joined(asdict(mel), audio)


def read_question(message: bytes) -> tuple[bytes, MelSettings]:
    """Return what `question` was given."""
    head, body = _parted(message)
    return bytes(body), MelSettings(**head)


def answer(song: SongWindows | Refusal) -> bytes:
    """Return the message that tells a song's windows, or why there are none."""
    if isinstance(song, Refusal):
        return _joined({"status": song.status, "message": str(song), "reason": song.reason}, b"")
    rest = vars(song) | {"windows": song.windows.shape, "start_seconds": song.start_seconds.tolist()}
    return _joined(rest, song.windows.tobytes())


def read_answer(message: bytes) -> SongWindows:
    """Return what `answer` was given; raise it if it is a Refusal."""
    head, body = _parted(message)
    if "reason" in head:
        raise Refusal(**head)
    windows = np.frombuffer(body, np.float32).reshape(head["windows"])
    return SongWindows(**head | {"windows": windows, "start_seconds": np.array(head["start_seconds"])})


def _joined(head: Mapping[str, Any], body: bytes) -> bytes:
    text = json.dumps(head).encode()
    return b"".join([len(text).to_bytes(_HEAD_LENGTH_BYTES, "little"), text, body])


def _parted(message: bytes) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(message[:_HEAD_LENGTH_BYTES], "little")
    end = _HEAD_LENGTH_BYTES + length
    head: dict[str, Any] = json.loads(message[_HEAD_LENGTH_BYTES:end])
    return head, memoryview(message)[end:]

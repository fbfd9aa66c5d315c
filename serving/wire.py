"""The messages between GenreService and a separate MelFeatures: a head in JSON, followed by bytes.

BentoML's own ways are JSON, in which a song grows sixfold, and pickle, which it rightly refuses from another machine.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from features.bandwidth import Bandwidth
from features.settings import MelSettings, PatchSettings
from features.windows import SongWindows
from serving.errors import Refusal

_HEAD_LENGTH_BYTES = 4


def question(audio: bytes, mel: MelSettings, patches: PatchSettings | None, seconds: float, excerpts: int) -> bytes:
    """Return the message that asks for a song's windows, and for patches if there are settings of them.

    `seconds` is how long the answer is waited for. The whole song is to be heard, or `excerpts` of it.
    """
    head = {
        "mel": asdict(mel),
        "patches": asdict(patches) if patches else None,
        "seconds": seconds,
        "excerpts": excerpts,
    }
    return _joined(head, audio)


def read_question(message: bytes) -> tuple[bytes, MelSettings, PatchSettings | None, float, int]:
    """Return the arguments of `question`."""
    head, body = _parted(message)
    patches = PatchSettings(**head["patches"]) if head["patches"] else None
    return bytes(body), MelSettings(**head["mel"]), patches, head["seconds"], head["excerpts"]


def answer(song: SongWindows | Refusal) -> bytes:
    """Return the message that holds a song's windows, or says why there are none."""
    if isinstance(song, Refusal):
        return _joined({"status": song.status, "message": str(song), "reason": song.reason}, b"")
    arrays = {name: value for name, value in vars(song).items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in vars(song).items() if name not in arrays}
    rest["bandwidth"] = [song.bandwidth.low_hz, song.bandwidth.high_hz]
    rest["arrays"] = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
    return _joined(rest, b"".join(array.tobytes() for array in arrays.values()))


def read_answer(message: bytes) -> SongWindows:
    """Return the argument of `answer`; raise it if it is a Refusal."""
    head, body = _parted(message)
    if "reason" in head:
        raise Refusal(**head)
    arrays, begin = {}, 0
    for name, (dtype, shape) in head.pop("arrays").items():
        count = math.prod(shape)
        arrays[name] = np.frombuffer(body, dtype, count, begin).reshape(shape)
        begin += arrays[name].nbytes
    return SongWindows(**head | arrays | {"bandwidth": Bandwidth(*head["bandwidth"])})


def _joined(head: Mapping[str, Any], body: bytes) -> bytes:
    text = json.dumps(head).encode()
    return b"".join([len(text).to_bytes(_HEAD_LENGTH_BYTES, "little"), text, body])


def _parted(message: bytes) -> tuple[dict[str, Any], memoryview]:
    length = int.from_bytes(message[:_HEAD_LENGTH_BYTES], "little")
    end = _HEAD_LENGTH_BYTES + length
    head: dict[str, Any] = json.loads(message[_HEAD_LENGTH_BYTES:end])
    return head, memoryview(message)[end:]

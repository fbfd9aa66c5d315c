"""The floor: the cost of decoding alone, without requests, features or networks."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from features.audio import open_audio
from features.cores import available_cores

CORES = available_cores()


def decode(songs: Sequence[Path], seconds: float) -> int:
    """Return how many songs one process decodes in a time."""
    end = time.perf_counter() + seconds
    decoded = 0
    while time.perf_counter() < end:
        with open_audio(songs[decoded % len(songs)]) as sound:
            for _ in sound.blocks:
                pass
        decoded += 1
    return decoded


def measure_floor(songs: Sequence[Path], seconds: float) -> tuple[float, float]:
    """Return how many songs are decoded per second by one process per core, and the seconds that one takes."""
    with ProcessPoolExecutor(CORES, get_context("spawn")) as pool:
        # The processes start, and read their imports, before the time runs.
        list(pool.map(decode, [songs[:1]] * CORES, [0.5] * CORES))
        began = time.perf_counter()
        decoded = sum(pool.map(decode, [songs] * CORES, [seconds] * CORES))
        took = time.perf_counter() - began
    return decoded / took, CORES * took / decoded

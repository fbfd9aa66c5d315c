"""Offline scoring as a first script does it: librosa and Keras in a loop; prints the seconds that the songs took.

    python -m benchmarks.loop NETWORK FILES SONG...

Songs that librosa cannot read, such as M4A, are left out.
"""

import os
import sys
import time
from itertools import cycle, islice

from audioread.exceptions import NoBackendError


def main() -> None:
    """Score so many files, the songs over and over, after each once that does not count."""
    network, files, *songs = sys.argv[1:]
    os.environ["NAIVE_MODEL"] = network
    # Here, as it loads the network that is named there.
    from benchmarks.naive import predict

    readable = []
    for song in songs:
        try:
            predict(song)
        except NoBackendError:
            continue
        readable.append(song)
    began = time.perf_counter()
    for song in islice(cycle(readable), int(files)):
        predict(song)
    print(time.perf_counter() - began)  # noqa: T201


if __name__ == "__main__":
    main()

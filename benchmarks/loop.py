"""Offline scoring as a first script does it: librosa and Keras in a loop; prints the seconds that the songs took.

python -m benchmarks.loop NETWORK FILES SONG...
"""

import os
import sys
import time
from itertools import cycle, islice


def main() -> None:
    """Score so many files, the songs over and over, after one that does not count."""
    network, files, *songs = sys.argv[1:]
    os.environ["NAIVE_MODEL"] = network
    # Here, as it loads the network that is named there.
    from benchmarks.naive import predict

    predict(songs[0])
    began = time.perf_counter()
    for song in islice(cycle(songs), int(files)):
        predict(song)
    print(time.perf_counter() - began)  # noqa: T201


if __name__ == "__main__":
    main()

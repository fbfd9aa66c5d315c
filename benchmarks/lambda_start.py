"""Measure the service as an AWS Lambda function: the first response, the next ones, and the parts of the first.

    python -m benchmarks.lambda_start --song SONG.mp3

The process is the image's, with AWS's own client, and asks a Runtime API on loopback for its calls. What AWS itself
adds, such as fetching the image, is not in the figures.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.function import Function, lay_out, run
from inference.bundle import MODELS, list_cards, load_bundle
from inference.classifier import GenreClassifier

_CALLS = 30
# What a start consists of, as far as it is this project's; each is timed from the end of the one before.
_STAGES = """
import time; times = [time.perf_counter()]
import service; times.append(time.perf_counter())
app = service.SERVICE.to_asgi(); times.append(time.perf_counter())
import asyncio; lifespan = app.router.lifespan_context(app)
asyncio.new_event_loop().run_until_complete(lifespan.__aenter__()); times.append(time.perf_counter())
print(*(end - start for start, end in zip(times, times[1:])))
"""
_NAMES = ("import service.py and BentoML", "make its ASGI app", "its lifespan: numpy, SciPy, ONNX Runtime, a model")


def event(song: bytes) -> dict[str, Any]:
    """Return the event of an HTTP API for POST /classify with a song."""
    head = b'--song\r\nContent-Disposition: form-data; name="audio"; filename="song"\r\n\r\n'
    return {
        "version": "2.0",
        "rawQueryString": "",
        "headers": {"content-type": "multipart/form-data; boundary=song", "host": "localhost"},
        "requestContext": {"http": {"method": "POST", "path": "/classify", "sourceIp": "127.0.0.1"}},
        "body": base64.b64encode(head + song + b"\r\n--song--\r\n").decode(),
        "isBase64Encoded": True,
    }


def measure(song: bytes, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds, and megabytes, one of each a round."""
    call = event(song)
    classifier = GenreClassifier(load_bundle(MODELS / next(iter(list_cards()))))
    figures: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> None:
        figures.setdefault(f"{name}, ms", []).append(1000 * seconds)

    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name) / "task", Path(name) / "log"
        folder.mkdir()
        image = lay_out("service", folder)
        for turn in range(rounds + 1):
            if turn == 1:
                # The first start has filled the disk's cache.
                figures.clear()
            with run(image, log, HOME=name) as function:
                function.call(call)
                note("first answer, from the start of the process", time.perf_counter() - function.began)
                note("the first song in it", json.loads(log.read_text().splitlines()[-1])["seconds"])
                warm, plain = _seconds(function, call), _seconds(classifier, song)
                note("next answers", warm)
                note("the same song without Lambda, HTTP and BentoML", plain)
                figures.setdefault("memory (RSS), MB", []).append(function.memory_mb())
            stages = subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-c", _STAGES],
                cwd=folder,
                env=os.environ | image.environment | {"HOME": name},
                check=True,
                capture_output=True,
            )
            for stage, seconds in zip(_NAMES, stages.stdout.split()[-len(_NAMES) :], strict=True):
                note(stage, float(seconds))
    return figures


def _seconds(asked: Function | GenreClassifier, question: Any) -> float:
    """Return the median time of an answer."""
    answer = asked.call if isinstance(asked, Function) else asked.classify
    times = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        answer(question)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lambda_start", description="Measure the Lambda function."
    )
    parser.add_argument("--song", type=Path, required=True, help="a song of 30 seconds")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("| | median | least | greatest |\n|---|---|---|---|")  # noqa: T201
    for name, values in measure(arguments.song.read_bytes(), arguments.rounds).items():
        print(f"| {name} | {statistics.median(values):.0f} | {min(values):.0f} | {max(values):.0f} |")  # noqa: T201


if __name__ == "__main__":
    main()

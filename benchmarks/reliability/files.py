"""Mutated files, each decoded and classified in a child process within a limit of time."""

import json
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from benchmarks.reliability.leaks import leaks
from benchmarks.reliability.mutations import mutate
from benchmarks.reliability.result import Result
from benchmarks.reliability.songs import FORMATS, song
from features.cores import available_cores

ROOT = Path(__file__).resolve().parents[2]
# Outcomes that count as faults.
FAULTS = ("crash", "hang", "exception", "not finite", "path in the message")
_SONGS_PER_FORMAT = 3
_START_SECONDS = 120


@dataclass(frozen=True)
class Outcome:
    """The outcome for a file: "heard", "refused" or one of `FAULTS`, with its message."""

    name: str
    detail: str
    seconds: float
    memory_mb: int


class Decoder:
    """A child process that classifies files; after a crash or a hang, it is another one."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._start()

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def look(self, content: bytes) -> Outcome:
        """Return the outcome for a file."""
        began = time.perf_counter()
        line = self._ask(content, self._limit_seconds)
        seconds = time.perf_counter() - began
        if line:
            answer = json.loads(line)
            name = "path in the message" if answer["outcome"] == "refused" and leaks(answer["detail"]) else None
            return Outcome(name or answer["outcome"], answer["detail"], seconds, answer["memory_mb"])
        # An empty line is the end of the child, None is no answer within the limit.
        status = self._end()
        self._start()
        return (
            Outcome("hang", f"no answer in {self._limit_seconds:g} s", seconds, 0)
            if line is None
            else Outcome("crash", f"the process ended with {status}", seconds, 0)
        )

    def _ask(self, content: bytes, seconds: float) -> bytes | None:
        """Return the child's line, nothing at all if it has ended, or None if it says nothing in time."""
        if self._child.stdin is None or self._child.stdout is None:
            raise RuntimeError("The child was started without pipes.")
        try:
            self._child.stdin.write(len(content).to_bytes(4, "little") + content)
            self._child.stdin.flush()
        except BrokenPipeError:
            return b""
        ready, _, _ = select.select([self._child.stdout], [], [], seconds)
        return self._child.stdout.readline() if ready else None

    def _start(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reliability.decoder"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # libmpg123 complains there of each damaged file.
            stderr=subprocess.DEVNULL,
        )
        # The first answer comes after the imports and the model.
        if not self._ask(b"", _START_SECONDS):
            self._end()
            raise RuntimeError("The child does not start. Run `python -m benchmarks.reliability.decoder` to see why.")

    def _end(self) -> int:
        # One that has ended already keeps its own status.
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            # What a dead child has not read is lost, and nobody's.
            with suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        return self._child.wait()


def mutated(index: int, seed: int, seconds: float) -> tuple[str, bytes]:
    """Return the format and the content of a file of a series; any of them can be made alone."""
    rng = np.random.default_rng([seed, index])
    name = FORMATS[index % len(FORMATS)]
    others = [song(other, seconds) for other in FORMATS]
    return name, mutate(song(name, seconds, int(rng.integers(_SONGS_PER_FORMAT))), rng, others)


def attack(
    count: int, seed: int, limit_seconds: float, song_seconds: float, jobs: int, keep: Path | None
) -> Iterator[Outcome]:
    """Yield the outcome for each file; files that led to a fault are kept in a folder, if there is one."""

    def part(indices: Sequence[int]) -> list[Outcome]:
        found = []
        with Decoder(limit_seconds) as decoder:
            for index in indices:
                name, content = mutated(index, seed, song_seconds)
                outcome = decoder.look(content)
                found.append(outcome)
                if outcome.name in FAULTS and keep:
                    kept = keep / f"{seed}-{index}.{name.split(',')[0]}"
                    kept.write_bytes(content)
                    kept.with_suffix(".txt").write_text(f"{outcome.name}: {outcome.detail}\n", encoding="utf-8")
        return found

    with ThreadPoolExecutor(jobs) as pool:
        for outcomes in pool.map(part, [range(count)[job::jobs] for job in range(jobs)]):
            yield from outcomes


def measure(
    count: int, seed: int, limit_seconds: float = 20.0, song_seconds: float = 4.0, keep: Path | None = None
) -> Result:
    """Return the result of so many mutated files."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    outcomes = list(attack(count, seed, limit_seconds, song_seconds, available_cores(), keep))
    names = Counter(outcome.name for outcome in outcomes)
    faults = ", ".join(f"{names[name]} × {name}" for name in FAULTS)
    return Result(
        f"mutated files of {len(FORMATS)} formats, seed {seed}",
        count,
        f"{faults}; {names['heard']:,} heard, {names['refused']:,} refused, the longest in "
        f"{max(outcome.seconds for outcome in outcomes):.1f} s; {max(outcome.memory_mb for outcome in outcomes)} MB at "
        "most",
        not any(names[name] for name in FAULTS),
        f"python -m benchmarks.reliability files --count {count} --seed {seed}",
    )

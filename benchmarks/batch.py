"""Measure offline scoring beside its peers, all in one run: `make bench-batch`.

    python -m benchmarks.batch --mix FOLDER

Ours, on this machine's cores with a small network and with the default model, and on a Ray cluster of this machine; a
plain loop of librosa and Keras; and the floor, as many processes as there are cores that only decode. The same songs,
under as many names as there are files, go to all in turns, told apart by ratios within a round. Starting counts, for
ours and for Ray: a run is timed as its user waits.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from tqdm import tqdm

from benchmarks.floor import CORES, measure_floor
from inference.bundle import MODELS, atomic_write

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "batch.json"
# All but one score with this network, for which the loop's features are made too.
MODEL, DEFAULT_MODEL = "gtzan-cnn", "gtzan-best"
FLOOR, OURS, OURS_DEFAULT = "decoding only", "ours", "ours, default model"
RAY, LOOP = "ours, on Ray", "librosa and Keras in a loop"
_FLOOR_SECONDS = 10.0
_LOOP_FILES = 60
_SAMPLE_SECONDS = 2.0


@dataclass(frozen=True)
class Run:
    """So many files scored in so many seconds; `memory_mb` (PSS) after about 100 files, and at the end."""

    round: int
    peer: str
    files: int
    seconds: float
    memory_mb: tuple[float, float] | None = None

    @property
    def per_second(self) -> float:
        """Files per second."""
        return self.files / self.seconds


def measure(songs: Sequence[Path], files: int, rounds: int, network: Path) -> list[Run]:
    """Return the runs of every peer in every round; ours, and Ray's, score so many files."""
    runs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "songs"
        folder.mkdir()
        for number in range(files):
            song = songs[number % len(songs)]
            (folder / f"{number:06}{song.suffix}").symlink_to(song)
        peers: dict[str, Callable[[], tuple[int, float, tuple[float, float] | None]]] = {
            FLOOR: lambda: _floor(songs),
            OURS: lambda: _ours(folder, files, MODEL),
            OURS_DEFAULT: lambda: _ours(folder, files, DEFAULT_MODEL),
            LOOP: lambda: _loop(songs, network),
            RAY: lambda: _ours(folder, files, MODEL, "--engine", "ray"),
        }
        for turn in tqdm(range(rounds), "measuring", unit="round"):
            runs += [Run(turn, peer, *take()) for peer, take in peers.items()]
    return runs


def _floor(songs: Sequence[Path]) -> tuple[int, float, None]:
    per_second, _ = measure_floor(songs, _FLOOR_SECONDS)
    return round(per_second * _FLOOR_SECONDS), _FLOOR_SECONDS, None


def _ours(folder: Path, files: int, model: str, *options: str) -> tuple[int, float, tuple[float, float] | None]:
    """Run the command over the files, and watch its memory where all of it is the command's."""
    with tempfile.TemporaryDirectory() as out, open(Path(out) / "log", "w+", encoding="utf-8") as log:
        command = [sys.executable, "-m", "scoring", str(folder), "--out", f"{out}/table.parquet", "--model", model]
        began = time.perf_counter()
        process = subprocess.Popen([*command, *options], cwd=ROOT, stderr=log)  # noqa: S603 - our own command
        samples: list[float] = []
        while True:
            try:
                process.wait(_SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                # Some processes may end meanwhile.
                with suppress(psutil.Error):
                    samples.append(_memory_mb(process.pid))
        seconds = time.perf_counter() - began
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{command} failed:\n{log.read()}")
    # The first sample has hardly a file in it, the last ones may see processes end.
    early = samples[1 : 1 + max(1, len(samples) // 50)]
    late = samples[-6:-1]
    return files, seconds, None if options or not late else (float(np.median(early)), float(np.median(late)))


def _memory_mb(pid: int) -> float:
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(process.memory_full_info().pss for process in processes)) / 1e6


def _loop(songs: Sequence[Path], network: Path) -> tuple[int, float, None]:
    command = [sys.executable, "-m", "benchmarks.loop", str(network), str(_LOOP_FILES), *map(str, songs)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - our own command
    return _LOOP_FILES, float(done.stdout.split()[-1]), None


def summarise(runs: Sequence[Run]) -> dict[str, object]:
    """Return the ratios: mean, least and greatest over the rounds."""
    found = {(run.round, run.peer): run for run in runs}

    def over(peer: str, of: str = OURS) -> list[float]:
        ratios = [run.per_second / found[run.round, peer].per_second for run in runs if run.peer == of]
        return [round(float(value), 3) for value in (np.mean(ratios), np.min(ratios), np.max(ratios))]

    watched = [(run.peer, run.memory_mb) for run in runs if run.memory_mb]
    growth = [late / early for _, (early, late) in watched]
    return {
        "throughput_over_floor": over(FLOOR),
        "throughput_over_loop": over(LOOP),
        "ray_over_ours": over(OURS, RAY),
        "default_model_over_ours": over(OURS, OURS_DEFAULT),
        "memory_growth": [round(value, 3) for value in growth],
        "memory_mb": {of: [round(late, 1) for peer, (_, late) in watched if peer == of] for of in (OURS, OURS_DEFAULT)},
        "files_per_second": {
            peer: round(float(np.mean([run.per_second for run in runs if run.peer == peer])), 2)
            for peer in dict.fromkeys(run.peer for run in runs)
        },
    }


def main() -> None:
    """Measure, and write `benchmarks/batch.json`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mix", type=Path, required=True, help="folder of songs of several formats and lengths")
    parser.add_argument("--files", type=int, default=2000, help="of ours")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    songs = sorted(path.absolute() for path in arguments.mix.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "network.keras"
        command = [sys.executable, "-m", "training", "export", "--bundle", str(MODELS / MODEL), "--to", str(network)]
        subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own command
        runs = measure(songs, arguments.files, arguments.rounds, network)
    summary = summarise(runs)
    results = {**summary, "cores": CORES, "runs": [asdict(run) for run in runs]}
    atomic_write(arguments.out, json.dumps(results, indent=1).encode())
    for name, value in summary.items():
        print(name, json.dumps(value))  # noqa: T201


if __name__ == "__main__":
    main()

"""The records of results: every model on every protocol of every data set, each trained by the command it is told with.

The runs are kept in a file as they end, so that an interrupted making goes on where it stopped, also elsewhere.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from features.cores import available_cores
from inference.bundle import MODELS, atomic_write
from training.data.audit import find_duplicates
from training.data.datasets import DATASETS
from training.data.tracks import CACHE, BadData
from training.evaluation.calibration import BINS
from training.evaluation.metrics import macro_scores, wilson_interval
from training.fit import KINDS, fit_command

RESULTS = Path(__file__).resolve().parents[2] / "reports" / "results.json"
REPORTED = ("gtzan", "fma-small")
# Of what begins at random; the other models come out the same each time.
SEEDS = (0, 1, 2)

# Each process computes on one core, so that figures do not depend on how many there are.
_ONE_CORE = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}

# As JSON has them: one run, by `training.fit.Run.figures`, and all runs of a model on a protocol with their summary.
Run = dict[str, Any]
Record = dict[str, Any]


class FailedTraining(RuntimeError):
    """One or more trainings that ended with an error; the message names them and the files with their output."""


@dataclass(frozen=True)
class Job:
    """One model to train on one protocol with one seed."""

    dataset: str
    protocol: str
    model: str
    seed: int

    @property
    def ships(self) -> bool:
        """Whether the bundle is one that is shipped: of the data set's first protocol and the first seed."""
        return (self.protocol, self.seed) == (DATASETS[self.dataset].protocols[0], SEEDS[0])

    def command(self) -> list[str]:
        """Return the command that trains it, see `fit_command`."""
        return fit_command(self.dataset, self.model, self.protocol, self.seed)

    def __str__(self) -> str:
        return f"{self.dataset} {self.protocol} {self.model} seed {self.seed}"


def make_results(
    data: Path,
    results: Path,
    models: Path = MODELS,
    datasets: Sequence[str] = REPORTED,
    kinds: Sequence[str] = tuple(KINDS),
) -> None:
    """Train the models that a file of results lacks, keep each run there as it ends, and save the bundles that ship.

    As many trainings as there are cores work side by side. Raises FailedTraining, when all others have ended, if one
    fails, and BadData if the file is none of results.
    """
    results.parent.mkdir(parents=True, exist_ok=True)
    runs = _read_runs(results)
    all_jobs = _jobs(data, datasets, kinds)
    missing = [job for job in all_jobs if job not in runs]
    for name in {job.dataset for job in missing}:
        # What all trainings of the data set would compute at once is then in the cache.
        find_duplicates(DATASETS[name].read(data), DATASETS[name].settings.frame_seconds)
    tqdm.write(f"{len(missing)} of {len(all_jobs)} trainings to do, the others are in {results}.")
    failures = []
    trainings = _Trainings()
    with ThreadPoolExecutor(available_cores()) as pool:
        futures = {pool.submit(_train, job, data, models, trainings): job for job in missing}
        try:
            for future in tqdm(as_completed(futures), "training", len(missing), unit="model"):
                job = futures[future]
                try:
                    runs[job] = future.result()
                except FailedTraining as error:
                    failures.append(str(error))
                    continue
                atomic_write(results, _to_json(_summaries(runs)))
                tqdm.write(f"{job}: test accuracy {np.mean([run['accuracy'] for run in runs[job]]):.3f}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            trainings.stop()
            raise
    if failures:
        raise FailedTraining("\n".join(failures))


def _jobs(data: Path, datasets: Sequence[str], kinds: Sequence[str]) -> list[Job]:
    """Return all jobs: those of the first seed first, and of them those whose bundles ship."""
    protocols = {name: DATASETS[name].protocols_in(data) for name in datasets}
    jobs = [
        Job(name, protocol, kind, seed)
        for seed in SEEDS
        for name in datasets
        for protocol in protocols[name]
        for kind in kinds
        if (KINDS[kind].seeded or seed == SEEDS[0]) and (not KINDS[kind].encoded or DATASETS[name].has_tags(data))
    ]
    return sorted(jobs, key=lambda job: (job.seed, protocols[job.dataset].index(job.protocol)))


class _Trainings:
    """The processes at work. Once stopped, each of them is interrupted, also one that begins later."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, command: Sequence[str], output: BinaryIO) -> int:
        """Run a command, one process on one core, and return its exit status."""
        with subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **_ONE_CORE}
        ) as process:
            self._processes.add(process)
            if self._stopped:
                process.send_signal(signal.SIGINT)
            status = process.wait()
            self._processes.remove(process)
            return status

    def stop(self) -> None:
        """Interrupt the processes."""
        self._stopped = True
        for process in set(self._processes):
            process.send_signal(signal.SIGINT)


def _train(job: Job, data: Path, models: Path, trainings: _Trainings) -> list[Run]:
    """Return the runs of a job, one a fold."""
    log = CACHE / "results" / f"{str(job).replace(' ', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, open(log, "wb") as output:
        figures = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "training", *job.command(), "--data", str(data), "--json", str(figures)]
        command += ["--models", str(models if job.ships else folder), "--force"]
        if trainings.run(command, output):
            raise FailedTraining(f"{job} ended with an error; see {log}.")
        return list(json.loads(figures.read_text(encoding="utf-8")))


def _read_runs(file: Path) -> dict[Job, list[Run]]:
    runs: dict[Job, list[Run]] = defaultdict(list)
    if file.exists():
        try:
            for record in json.loads(file.read_text(encoding="utf-8")):
                for run in record["runs"]:
                    runs[Job(record["dataset"], record["protocol"], record["model"], run["seed"])].append(run)
        except (ValueError, KeyError, TypeError) as error:
            raise BadData(
                f"{file} is no table of results ({error!r}). Restore it, or remove it to begin anew."
            ) from error
    return dict(runs)


def _summaries(runs: Mapping[Job, Sequence[Run]]) -> list[Record]:
    """Return one record per model and protocol, in the order of the jobs."""
    grouped: dict[tuple[str, str, str], list[Job]] = defaultdict(list)
    for job in sorted(runs, key=_order):
        grouped[job.dataset, job.protocol, job.model].append(job)
    return [_summary(jobs, [runs[job] for job in jobs]) for jobs in grouped.values()]


def _order(job: Job) -> tuple[int, int, int, int]:
    protocols = DATASETS[job.dataset].protocols
    return REPORTED.index(job.dataset), protocols.index(job.protocol), list(KINDS).index(job.model), job.seed


def _summary(jobs: Sequence[Job], by_seed: Sequence[Sequence[Run]]) -> Record:
    """Return the figures of a model on a protocol: those of all folds together, then their mean over the seeds."""
    first = by_seed[0][0]
    every = [run for folds in by_seed for run in folds]
    right = np.array([np.concatenate([_right(run) for run in folds]) for folds in by_seed])
    confusions = np.array([sum(np.array(run["confusion"]) for run in folds) for folds in by_seed])
    precision, recall, f1 = np.mean([macro_scores(confusion) for confusion in confusions], axis=0)
    accuracies = right.mean(axis=1)
    return {
        "dataset": jobs[0].dataset,
        "protocol": jobs[0].protocol,
        "model": jobs[0].model,
        "accuracy": _rounded(accuracies.mean()),
        "accuracy_spread": _rounded(accuracies.std(ddof=1)) if len(jobs) > 1 else None,
        "macro_precision": _rounded(precision),
        "macro_recall": _rounded(recall),
        "macro_f1": _rounded(f1),
        "ci95": wilson_interval(float(accuracies.mean()), right.shape[1]),
        "n_test": right.shape[1],
        "seeds": [job.seed for job in jobs],
        "parameters": first["parameters"],
        "command": " ".join(["python -m training", *jobs[0].command(), "--data DATA"]),
        "genres": first["genres"],
        "confusion": confusions.sum(axis=0).tolist(),
        "calibration": _calibration(every),
        "non_music_not_sure": _mean(every, "non_music_not_sure"),
        "runs": every,
    }


def _right(run: Run) -> NDArray[np.uint8]:
    """Return 1 for each test track of a run that was answered right, 0 for each other."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(run["right"]), np.uint8), count=int(np.sum(run["confusion"])))


def _calibration(runs: Sequence[Run]) -> Record:
    """Return the calibration and the figures of thresholds, over all runs."""
    served = [run["served"] for run in runs]
    return {
        "temperature": _mean(runs, "temperature"),
        "threshold": _mean(served, "threshold"),
        "not_sure": _rounded(1 - np.mean([run["answered"] for run in served])),
        "right_kept": _mean(served, "right_kept"),
        "error_before": _mean([run["calibration_before"] for run in runs], "error"),
        "error_after": _mean([run["calibration"] for run in runs], "error"),
        "reliability_before": _reliability([run["calibration_before"] for run in runs]),
        "reliability": _reliability([run["calibration"] for run in runs]),
        "coverage": _coverage([run["coverage"] for run in runs]),
    }


def _reliability(calibrations: Sequence[Run]) -> list[list[float]]:
    """Return tracks, mean confidence and accuracy of each bin, that of all runs together."""
    together = defaultdict(list)
    for calibration in calibrations:
        for part in _rows(calibration["bins"], "tracks", "confidence", "accuracy"):
            together[min(int(part[1] * BINS), BINS - 1)].append(part)
    points = []
    for _, parts in sorted(together.items()):
        tracks, confidence, accuracy = zip(*parts, strict=True)
        means = [_rounded(np.average(values, weights=tracks)) for values in (confidence, accuracy)]
        points.append([sum(tracks), *means])
    return points


def _coverage(coverages: Sequence[Run]) -> list[list[float]]:
    """Return threshold, share answered and accuracy of those, the means over runs, as long as every run answers."""
    points = []
    for parts in zip(*(_rows(coverage, "threshold", "answered", "accuracy") for coverage in coverages), strict=False):
        thresholds, answered, accuracy = zip(*parts, strict=True)
        points.append([thresholds[0], _rounded(np.mean(answered)), _rounded(np.average(accuracy, weights=answered))])
    return points


def _rows(columns: Run, *names: str) -> Iterator[tuple[float, ...]]:
    return zip(*(columns[name] for name in names), strict=True)


def _mean(figures: Sequence[Run], name: str) -> float:
    return _rounded(np.mean([figure[name] for figure in figures]))


def _rounded(value: np.floating) -> float:
    return round(float(value), 4)


def _to_json(records: Sequence[Record]) -> bytes:
    """Return the records as JSON with a line a run, so that a change shows as one."""
    lines = []
    for record in records:
        runs = ",\n    ".join(json.dumps(run) for run in record["runs"])
        head = json.dumps({name: value for name, value in record.items() if name != "runs"})
        lines.append(f'  {head[:-1]}, "runs": [\n    {runs}\n  ]}}')
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode()

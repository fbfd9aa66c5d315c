"""Measure the service beside its peers, all in one run: `make bench`.

    python -m benchmarks --song SONG.mp3 --mix FOLDER

Ours, with a small network and with the default model; the service as tutorials build it, with Keras, with ONNX
Runtime, and with librosa's default hop; a server that does nothing, which shows the limit of the load generator; and
the floor, as many processes as there are cores that only decode. They are asked in turns, so that whatever else the
machine does falls on all alike, and told apart by ratios within a round.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import librosa
import numpy as np
import soundfile
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks import report
from benchmarks.floor import CORES, measure_floor
from benchmarks.server import Server, serve
from features.mel import log_mel
from features.settings import MelSettings
from inference.bundle import MODELS, atomic_write, load_bundle
from training.models.gate import before_gate

ROOT = Path(__file__).resolve().parent.parent
# All but one answer with this network, for which the peers' features are made too.
MODEL = "gtzan-cnn"
DEFAULT_MODEL = "gtzan-best"
FLOOR, EMPTY, OURS, OURS_DEFAULT = "decoding only", "nothing", "ours", "ours, default model"
KERAS, ONNX, TUTORIAL = "naive, Keras", "naive, ONNX Runtime", "naive, Keras, librosa's hop"


@dataclass(frozen=True)
class Row:
    """One peer asked by so many clients for a while: responses per second, seconds to a response, and memory (PSS)."""

    round: int
    workload: str
    clients: int
    peer: str
    requests: int
    errors: int
    per_second: float
    p50: float
    p95: float
    p99: float
    memory_mb: float


def servers(folder: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return the command and the environment of each peer, having put its model into a folder."""
    shutil.copytree(MODELS / MODEL, folder / "models" / MODEL)
    card = load_bundle(MODELS / DEFAULT_MODEL).card
    for name in (DEFAULT_MODEL, card.encoder.name if card.encoder else DEFAULT_MODEL):
        shutil.copytree(MODELS / name, folder / "default" / name, dirs_exist_ok=True)
    network, graph = folder / "network.keras", folder / "network.onnx"
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "training", "export", "--bundle", str(MODELS / MODEL), "--to", str(network)],
        cwd=ROOT,
        check=True,
    )
    graph.write_bytes(before_gate(load_bundle(MODELS / MODEL).weights, ["windows"]))
    bentoml, uvicorn = (str(Path(sys.executable).with_name(name)) for name in ("bentoml", "uvicorn"))
    address = ["--host", "127.0.0.1", "--port", "{port}"]
    naive = [uvicorn, "benchmarks.naive:app", *address]
    ours = [bentoml, "serve", "service:GenreService", *address]
    return {
        OURS: (ours, {"GENRE_MODELS": str(folder / "models")}),
        OURS_DEFAULT: (ours, {"GENRE_MODELS": str(folder / "default")}),
        KERAS: (naive, {"NAIVE_MODEL": str(network)}),
        TUTORIAL: (naive, {"NAIVE_MODEL": str(network), "NAIVE_HOP": "512"}),
        ONNX: (naive, {"NAIVE_MODEL": str(graph)}),
        EMPTY: ([uvicorn, "benchmarks.empty:app", *address], {}),
    }


def ask(server: Server, seconds: float, clients: int, songs: Sequence[Path]) -> tuple[list[float], dict[str, int]]:
    """Return the latencies in seconds, and how many answers had which status."""
    command = [sys.executable, "-m", "benchmarks.load", f"{server.url}/classify", str(seconds), str(clients)]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, *map(str, songs)], cwd=ROOT, check=True, capture_output=True
    )
    seen = json.loads(done.stdout)
    return seen["latencies"], seen["statuses"]


def measure(workloads: dict[str, list[Path]], clients: Sequence[int], seconds: float, rounds: int) -> list[Row]:
    """Return a row for each round, workload, number of clients and peer."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        peers = {
            name: running.enter_context(serve(command, ROOT, Path(folder) / f"{name}.log", **environment))
            for name, (command, environment) in tqdm(servers(Path(folder)).items(), "starting", unit="server")
        }
        for server in peers.values():
            ask(server, 2.0, 2, workloads["song"])
        turns = [(turn, name, number) for turn in range(rounds) for name in workloads for number in clients]
        for turn, name, number in tqdm(turns, "measuring", unit="turn"):
            songs = workloads[name]
            per_second, each = measure_floor(songs, seconds)
            rows.append(
                Row(turn, name, number, FLOOR, round(per_second * seconds), 0, per_second, each, each, each, 0.0)
            )
            order = list(peers)
            for peer in order[turn % len(order) :] + order[: turn % len(order)]:
                latencies, statuses = ask(peers[peer], seconds, number, songs)
                p50, p95, p99 = (float(value) for value in np.percentile(latencies, [50, 95, 99]))
                answered = statuses.get("200", 0)
                rows.append(
                    Row(
                        turn,
                        name,
                        number,
                        peer,
                        sum(statuses.values()),
                        sum(statuses.values()) - answered,
                        # The last answers come after the time is over; a client's pace is what its latencies say.
                        number / float(np.mean(latencies)) * answered / sum(statuses.values()),
                        p50,
                        p95,
                        p99,
                        peers[peer].memory_mb(),
                    )
                )
    return rows


def compare_log_mel(song: Path, repetitions: int) -> list[float]:
    """Return how many times faster `log_mel` is than librosa on one core, in each repetition.

    The samples and settings are the same.
    """
    samples, _ = librosa.load(song, sr=22_050, duration=30)
    settings = MelSettings()

    def ours() -> None:
        log_mel(samples, 22_050, settings)

    def librosas() -> None:
        mel = librosa.feature.melspectrogram(
            y=samples, sr=22_050, n_fft=settings.n_fft, hop_length=settings.hop_length, n_mels=settings.n_mels
        )
        librosa.power_to_db(mel, ref=np.max)

    ratios = []
    # Else librosa multiplies matrices on all cores.
    with threadpool_limits(1):
        for _ in range(repetitions + 1):
            times = []
            for function in (librosas, ours):
                began = time.perf_counter()
                for _ in range(10):
                    function()
                times.append(time.perf_counter() - began)
            ratios.append(times[0] / times[1])
    # The first has filled the caches of both.
    return ratios[1:]


def summarise(rows: Sequence[Row], log_mel_ratios: Sequence[float]) -> dict[str, object]:
    """Return the ratios by workload and number of clients: mean, least and greatest over the rounds."""
    found = {(row.round, row.workload, row.clients, row.peer): row for row in rows}
    ours = [row for row in rows if row.peer == OURS]

    def spreads(value: Callable[[Row], float]) -> dict[str, dict[str, list[float]]]:
        gathered: dict[str, dict[str, list[float]]] = {}
        for row in ours:
            gathered.setdefault(row.workload, {}).setdefault(str(row.clients), []).append(value(row))
        return {
            workload: {number: _spread(of) for number, of in several.items()} for workload, several in gathered.items()
        }

    def over(field: str, peer: str) -> dict[str, dict[str, list[float]]]:
        return spreads(
            lambda row: getattr(row, field) / getattr(found[row.round, row.workload, row.clients, peer], field)
        )

    return {
        "throughput_over_naive": over("per_second", KERAS),
        "throughput_over_tutorial": over("per_second", TUTORIAL),
        "throughput_over_naive_onnx": over("per_second", ONNX),
        "throughput_over_floor": over("per_second", FLOOR),
        "throughput_over_default_model": over("per_second", OURS_DEFAULT),
        "memory_over_default_model": over("memory_mb", OURS_DEFAULT),
        "throughput_over_nothing": over("per_second", EMPTY),
        "memory_over_naive": over("memory_mb", KERAS),
        "p99_over_p50": spreads(lambda row: row.p99 / row.p50),
        "errors": sum(row.errors for row in ours),
        "requests": sum(row.requests for row in ours),
        "log_mel_over_librosa": _spread(log_mel_ratios),
    }


def _spread(values: Sequence[float]) -> list[float]:
    return [round(float(value), 3) for value in (np.mean(values), np.min(values), np.max(values))]


def main() -> None:
    """Measure, and write `benchmarks/results.json`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--song", type=Path, required=True, help="a song of 30 seconds or more; its first 30 are asked")
    parser.add_argument("--mix", type=Path, required=True, help="folder of songs of several formats and lengths")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=10.0, help="a peer, workload and number of clients")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.mp3"
        samples, rate = librosa.load(arguments.song, sr=44_100, mono=False, duration=30)
        soundfile.write(song, np.broadcast_to(samples, (2, samples.shape[-1])).T, int(rate), format="MP3")
        mix = sorted(path for path in arguments.mix.rglob("*") if path.is_file())
        ratios = compare_log_mel(song, arguments.rounds)
        rows = measure({"song": [song], "mix": mix}, arguments.clients, arguments.seconds, arguments.rounds)
    summary = summarise(rows, ratios)
    results = {**summary, "cores": CORES, "rows": [asdict(row) for row in rows]}
    atomic_write(arguments.out, json.dumps(results, indent=1).encode())
    for name, value in summary.items():
        print(name, json.dumps(value))
    if arguments.out == report.RESULTS:
        report.main()


if __name__ == "__main__":
    main()

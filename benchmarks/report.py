"""The table and the picture of a benchmark: `python -m benchmarks.report` makes them of `benchmarks/results.json`."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PICTURE = ROOT / "docs" / "benchmarks.png"


def _mean(rows: Sequence[dict[str, Any]], field: str, **of: object) -> float:
    return statistics.mean(float(row[field]) for row in rows if all(row[name] == value for name, value in of.items()))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the means over the rounds of every peer, as Markdown."""
    lines = [
        "| songs | clients | | songs per second | p50, p95, p99, s | errors | memory, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    seen = dict.fromkeys((row["workload"], row["clients"], row["peer"]) for row in rows)
    for workload, clients, peer in seen:
        of = {"workload": workload, "clients": clients, "peer": peer}
        times = ", ".join(f"{_mean(rows, name, **of):.2f}" for name in ("p50", "p95", "p99"))
        errors = sum(row["errors"] for row in rows if all(row[name] == value for name, value in of.items()))
        memory = _mean(rows, "memory_mb", **of)
        lines.append(
            f"| {workload} | {clients} | {peer} | {_mean(rows, 'per_second', **of):.1f} | {times} | {errors} "
            f"| {f'{memory:.0f}' if memory else ''} |"
        )
    return "\n".join(lines)


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the songs per second of every peer as a picture: mean, and from least to greatest over the rounds."""
    # The empty server is a hundred times as fast, and no peer.
    peers = [peer for peer in dict.fromkeys(row["peer"] for row in rows) if peer != "nothing"]
    workloads = list(dict.fromkeys(row["workload"] for row in rows))
    clients = list(dict.fromkeys(row["clients"] for row in rows))
    apart = 0.85 / len(peers)
    figure, axes = pyplot.subplots(1, len(workloads), figsize=(9, 3.4), sharey=True, squeeze=False)
    for axis, workload in zip(axes[0], workloads, strict=True):
        for place, peer in enumerate(peers):
            several = [
                [
                    row["per_second"]
                    for row in rows
                    if (row["workload"], row["clients"], row["peer"]) == (workload, number, peer)
                ]
                for number in clients
            ]
            means = [statistics.mean(values) for values in several]
            spread = [
                [mean - min(values) for mean, values in zip(means, several, strict=True)],
                [max(values) - mean for mean, values in zip(means, several, strict=True)],
            ]
            left = [index + apart * (place - (len(peers) - 1) / 2) for index in range(len(clients))]
            axis.bar(left, means, 0.9 * apart, yerr=spread, label=peer, error_kw={"elinewidth": 0.8})
        axis.set_xticks(range(len(clients)), [f"{number} clients" if number > 1 else "1 client" for number in clients])
        axis.set_title({"song": "a 30-second MP3", "mix": "a mix of formats and lengths"}.get(workload, workload))
    axes[0][0].set_ylabel("songs per second")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=len(peers), frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def main() -> None:
    """Print the table, and draw the picture."""
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]
    print(table(rows))  # noqa: T201
    draw(rows, PICTURE)


if __name__ == "__main__":
    main()

"""Pictures of results as PNG: confusion, learning curves, reliability, coverage. The same records give the same bytes.

They stand on white, so that they can be read on pages of any colour, and have few colours, so that they are small.
One of a leaky split says so in a banner.
"""

import io
from collections.abc import Mapping
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image

Record = Mapping[str, Any]

_INK, _GREY, _FAINT = "#24292f", "#57606a", "#8c959f"
# Okabe and Ito's colours, which the colour-blind tell apart.
_BLUE, _ORANGE = "#0072b2", "#d55e00"
_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e9ec",
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
}
_DPI = 110
_COLOURS = 16
_PANELS_A_ROW = 3
_QUARTERS = (0, 0.25, 0.5, 0.75, 1)
_LONGEST_NAME = 20


def draw_confusion(record: Record, title: str, *, leaky: bool) -> bytes:
    """Return a confusion matrix: a row a true genre, shaded by its shares, with counts and, at the right, recall."""
    genres = [genre if len(genre) <= _LONGEST_NAME else f"{genre[: _LONGEST_NAME - 1]}…" for genre in record["genres"]]
    counts = np.array(record["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shade = LinearSegmentedColormap.from_list("shade", ["#ffffff", _ORANGE if leaky else _BLUE])
    with matplotlib.style.context(["default", _STYLE, {"axes.grid": False}]):
        side = 2.2 + 0.38 * max(len(genres), 6)
        figure = _figure(side + 0.2, side, title, leaky=leaky)
        axes = figure.subplots()
        axes.imshow(shares, cmap=shade, vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.75 else _INK
                axes.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=8)
        for row, recall in enumerate(shares.diagonal()):
            axes.text(len(genres) - 0.4, row, f"{recall:.0%}", va="center", color=_GREY, fontsize=8)
        axes.text(len(genres) - 0.4, -0.55, "recall", va="bottom", color=_GREY, fontsize=8)
        axes.set_xticks(range(len(genres)), genres, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(genres)), genres)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(len(genres) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(genres) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#d0d7de", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
        axes.set(xlabel="answer", ylabel="true genre")
        return _png(figure)


def draw_curves(records: Mapping[str, Record], title: str, *, leaky: bool) -> bytes | None:
    """Return loss and accuracy over epochs, one column per model by its title; None if no run of any has them.

    Thin lines are runs, thick ones their mean for as long as all of them learn.
    """
    runs = {model: [run["curves"] for run in record["runs"] if run["curves"]] for model, record in records.items()}
    runs = {model: curves for model, curves in runs.items() if curves}
    if not runs:
        return None
    with matplotlib.style.context(["default", _STYLE]):
        figure = _figure(1.2 + 3 * max(len(runs), 2), 5, title, leaky=leaky)
        grid = figure.subplots(2, len(runs), squeeze=False, sharex="col", sharey="row")
        for column, (model, curves) in enumerate(runs.items()):
            for axes, measure in zip(grid[:, column], ("loss", "accuracy"), strict=True):
                _draw_runs(axes, [run[measure] for run in curves], _GREY, "training")
                _draw_runs(axes, [run[f"val_{measure}"] for run in curves], _BLUE, "validation")
            grid[0, column].set_title(model)
            grid[1, column].set_xlabel("epoch")
            grid[1, column].xaxis.set_major_locator(MaxNLocator(5, integer=True))
        grid[0, 0].set_ylabel("loss")
        grid[1, 0].set_ylabel("accuracy")
        _percent(grid[1, 0].yaxis)
        losses = np.concatenate(
            [run[key] for curves in runs.values() for run in curves for key in ("loss", "val_loss")]
        )
        # A wild first epoch would flatten all others.
        grid[0, 0].set_ylim(0, 1.1 * np.percentile(losses, 98))
        _legend_below(figure, grid[0, 0])
        return _png(figure)


def draw_reliability(records: Mapping[str, Record], title: str, *, leaky: bool) -> bytes | None:
    """Return how often answers of each confidence are right, before and after the temperature, one panel per model.

    The size of a point goes with the answers it stands for. None if no record is calibrated.
    """
    calibrations = {model: record["calibration"] for model, record in records.items() if record["calibration"]}
    if not calibrations:
        return None
    columns = min(len(calibrations), _PANELS_A_ROW)
    rows = -(-len(calibrations) // columns)
    with matplotlib.style.context(["default", _STYLE]):
        figure = _figure(0.8 + 2.5 * max(columns, 2), 0.6 + 2.9 * rows, title, leaky=leaky)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, (model, calibration) in zip(grid.flat, calibrations.items(), strict=False):
            axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle=":")
            for when, colour in (("before", _ORANGE), ("after", _BLUE)):
                bins = calibration["reliability_before" if when == "before" else "reliability"]
                counts, confidence, accuracy = np.array([found for found in bins if found[0]], float).T
                axes.plot(confidence, accuracy, color=colour, linewidth=1.2, alpha=0.7)
                sizes = 160 * counts / counts.sum()
                axes.scatter(
                    confidence,
                    accuracy,
                    6 + sizes,
                    colour,
                    alpha=0.7,
                    linewidths=0,
                    label=f"{when} the temperature",
                    clip_on=False,
                )
            axes.set_title(f"{model}\nerror {calibration['error_before']:.1%} → {calibration['error_after']:.1%}")
            axes.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal", xlabel="confidence")
            axes.set(xticks=_QUARTERS, yticks=_QUARTERS)
            _percent(axes.xaxis, axes.yaxis)
        for axes in grid.flat[len(calibrations) :]:
            axes.remove()
        for axes in grid[:, 0]:
            axes.set_ylabel("accuracy")
        _legend_below(figure, grid[0, 0])
        return _png(figure)


def draw_coverage(records: Mapping[str, Record], title: str) -> bytes | None:
    """Return accuracy against the share of songs with a genre, one line per model; a ring marks the chosen threshold.

    None if no record is calibrated.
    """
    calibrations = {model: record["calibration"] for model, record in records.items() if record["calibration"]}
    if not calibrations:
        return None
    with matplotlib.style.context(["default", _STYLE]):
        figure = _figure(6.4, 4.4, title, leaky=False)
        axes = figure.subplots()
        for (model, calibration), colour in zip(calibrations.items(), _LINES, strict=False):
            points = np.array([point for point in calibration["coverage"] if point[1]], float)
            thresholds, answered, accuracy = points.T
            axes.plot(answered, accuracy, color=colour, linewidth=1.6, label=model)
            chosen = np.abs(thresholds - calibration["threshold"]).argmin()
            axes.plot(
                answered[chosen], accuracy[chosen], "o", color=colour, markerfacecolor="white", markeredgewidth=1.6
            )
        axes.set(xlim=(0, 1.02), ylim=(None, 1.01))
        axes.set(xlabel="answered (ring: at the threshold chosen)", ylabel="right among what is answered")
        _percent(axes.xaxis, axes.yaxis)
        axes.legend(loc="lower left")
        return _png(figure)


def _draw_runs(axes: Axes, runs: list[list[float]], colour: str, label: str) -> None:
    for values in runs if len(runs) > 1 else []:
        axes.plot(range(1, len(values) + 1), values, color=colour, linewidth=0.7, alpha=0.4)
    together = min(map(len, runs))
    mean = np.mean([values[:together] for values in runs], axis=0)
    axes.plot(range(1, together + 1), mean, color=colour, linewidth=2.2, label=label)


def _percent(*sides: Axis) -> None:
    for side in sides:
        side.set_major_formatter(PercentFormatter(1, decimals=0))


def _legend_below(figure: Figure, axes: Axes) -> None:
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _figure(width: float, height: float, title: str, *, leaky: bool) -> Figure:
    """Return a figure of so many inches with its title, and the banner if leaky, above where axes will go."""
    title_height = 0.15 + 0.2 * len(title.splitlines())
    head = title_height + (0.35 if leaky else 0.05)
    top = height + head
    figure = Figure((width, top), dpi=_DPI)
    figure.set_layout_engine("constrained", rect=(0.01, 0.01, 0.98, 1 - head / top - 0.01))
    figure.text(0.12 / width, 1 - 0.1 / top, title, va="top", fontsize=10, fontweight="bold", linespacing=1.4)
    if leaky:
        figure.text(
            0.18 / width,
            1 - (title_height + 0.03) / top,
            "LEAKY: the same songs on both sides of the split",
            va="top",
            color="white",
            fontweight="bold",
            bbox={"facecolor": _ORANGE, "edgecolor": "none", "boxstyle": "square,pad=0.35"},
        )
    return figure


def _png(figure: Figure) -> bytes:
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()

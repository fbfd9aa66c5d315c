"""A report of results: tables to read, and pictures, from the records that `results.json` holds.

A record has the figures of one model on one data set by one protocol: those on the test songs, its confusion
matrix, how its probabilities were calibrated, and its runs, one a seed and fold.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from inference.bundle import atomic_write
from training.data.datasets import DATASETS
from training.data.splits import LEAKY
from training.data.tracks import BadData
from training.report.pictures import Record, draw_confusion, draw_coverage, draw_curves, draw_reliability

_DATASETS = {name: DATASETS[name].title for name in ("gtzan", "fma-small")}
_MODELS = {
    "knn": "k-NN",
    "svm": "SVM",
    "logistic": "logistic regression",
    "cnn": "CNN",
    "cnn-bilstm": "CNN + BiLSTM",
    "fast": "perceptron",
    "best": "our best",
}
# Protocol -> what stands on both of its sides, and how it came there.
_PROTOCOLS = {
    "window-random": (
        "the same songs",
        "Songs are cut into windows that overlap by half, and the windows are dealt out at random, as the study did. "
        "Nearly every window that is asked about has neighbours among those learned from, with half of the same sound. "
        "The figure says how well a model remembers a song, and nothing about a new one. It counts windows; the "
        "figures of the other splits count songs.",
    ),
    "track-random": (
        "artists",
        "Whole songs are dealt out at random, and a recording that the data set has twice leaves the side that learns. "
        "But songs of one artist, and of one album, stand on both sides, so that a model may know the singer or the "
        "studio and not the genre.",
    ),
    "fault-filtered": (
        "next to nobody",
        "GTZAN's published lists (Kereliuk, Sturm and Larsen, 2015): 443 songs to train, 197 to validate, 290 to test, "
        "without repetitions and damaged clips. Of 401 known artists one stands on two sides.",
    ),
    "artist-3fold": (
        "nobody",
        "GTZAN's published folds (Foleis and Tavares, 2020): 948 songs, each artist in one fold. Each fold is the test "
        "once; validation takes whole artists of the two others.",
    ),
    "block-random": (
        "some artists",
        "FMA gave out its ids album by album, so that neighbouring ids of one genre, at most 20 apart, are mostly one "
        "artist's. Such a row of neighbours stays together. An artist with two albums far apart may stand on both "
        "sides: of 2,035 artists 183 do, and they have 31% of the test songs.",
    ),
    "official": (
        "nobody",
        "FMA's published lists (Defferrard et al., 2017): eight tenths to train, one to validate, one to test, each "
        "artist in one of them.",
    ),
}
# Accuracy in the study's Tables II (GTZAN) and III (FMA-Small), and the split it was found by.
_STUDY = {
    "gtzan": {
        "knn": (0.74, "track-random"),
        "svm": (0.75, "track-random"),
        "logistic": (0.76, "track-random"),
        "cnn": (0.91, "window-random"),
        "cnn-bilstm": (0.91, "window-random"),
    },
    "fma-small": {
        "knn": (0.49, "track-random"),
        "svm": (0.61, "track-random"),
        "logistic": (0.57, "track-random"),
        "cnn": (0.92, "window-random"),
        "cnn-bilstm": (0.93, "window-random"),
    },
}
# Beside the study: one of these protocols a column, whichever the data set has.
_COLUMNS = {
    "windows at random, **leaky**": ("window-random",),
    "tracks at random": ("track-random",),
    "published lists": ("fault-filtered", "official"),
    "artists apart": ("artist-3fold", "block-random"),
}
_SPLITS = {"track-random": "tracks at random", "window-random": "windows at random"}
_DASH = "–"


def write_report(results: Path) -> Path:
    """Write `results.md` and the folder `pictures` beside the records, and return the path of the former.

    Pictures in that folder that are not of these records are deleted. Raises BadData if the records cannot be read.
    """
    records = _read(results)
    pictures = results.parent / "pictures"
    drawn = []
    for name, content in tqdm(_draw(records), "drawing", unit="picture"):
        path = pictures / name
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content)
        drawn.append(path)
    for stale in set(pictures.rglob("*.png")) - set(drawn):
        stale.unlink()
    report = results.with_suffix(".md")
    sections = [*_sections(records), *_gallery(records, [path.relative_to(results.parent) for path in drawn])]
    atomic_write(report, "\n\n".join(sections).encode() + b"\n")
    return report


def _read(results: Path) -> list[Record]:
    """Return the records, sorted by data set, protocol and model."""
    try:
        records: list[Record] = json.loads(results.read_text(encoding="utf-8"))
        order = [list(names) for names in (_DATASETS, _PROTOCOLS, _MODELS)]
        return sorted(records, key=lambda r: [names.index(name) for names, name in zip(order, _key(r), strict=True)])
    except FileNotFoundError as error:
        raise BadData(f"There is no {results}. `make results` makes it.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise BadData(f"{results} holds no records of results ({error}). Make it again: `make results`.") from error


def _key(record: Record) -> tuple[str, str, str]:
    return record["dataset"], record["protocol"], record["model"]


def _by_split(records: Iterable[Record]) -> dict[tuple[str, str], dict[str, Record]]:
    """Return the records by data set and protocol, and there by the title of the model."""
    found: dict[tuple[str, str], dict[str, Record]] = {}
    for record in records:
        dataset, protocol, model = _key(record)
        found.setdefault((dataset, protocol), {})[_MODELS[model]] = record
    return found


def _draw(records: Iterable[Record]) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each picture, `<dataset>/<protocol>/<kind>.png`, and its content."""
    for (dataset, protocol), by_model in _by_split(records).items():
        folder, leaky = f"{dataset}/{protocol}", protocol in LEAKY
        title = f"{_DATASETS[dataset]} · {protocol}"
        if protocol == "track-random":
            title += ", artists on both sides"
        if curves := draw_curves(by_model, title, leaky=leaky):
            yield f"{folder}/curves.png", curves
        if reliability := draw_reliability(by_model, title, leaky=leaky):
            yield f"{folder}/reliability.png", reliability
        if not leaky and (coverage := draw_coverage(by_model, title)):
            yield f"{folder}/coverage.png", coverage
        for model, record in by_model.items():
            with_figures = f"{title}\n{model}: accuracy {_spread(record)} ({_interval(record)})"
            yield f"{folder}/confusion-{record['model']}.png", draw_confusion(record, with_figures, leaky=leaky)


def _sections(records: Sequence[Record]) -> Iterator[str]:
    yield "# Results"
    yield (
        "Made from [results.json](results.json) by `make results`. Every figure is of the test side, from "
        "the bundle as it is served; settings and epochs were chosen on validation. ± is the standard deviation over "
        "seeds, the interval is the 95% interval of accuracy (Wilson, 1927) for that many test songs."
    )
    yield "## Beside the study"
    yield _beside_study(records)
    yield (
        "Accuracy. The study's figures are those of its Tables II (GTZAN) and III (FMA-Small); ours by the same split "
        "are in bold. Published lists are `fault-filtered` and `official`; artists are apart in `artist-3fold` and in "
        "`official`, most of them in `block-random`. What a column is worth is said "
        "[below](#what-stands-on-both-sides). `python -m training check` makes the study's classical figures for GTZAN "
        "again from its own features, to the digit. *Our best* needs the tags that a pretrained network hears in the "
        "real audio. They are published for 732 of GTZAN's songs in use here and for none of FMA-Small's, so it learns "
        "from fewer songs, and is tested on fewer, than the others; the tables below say on how many."
    )
    for dataset, title in _DATASETS.items():
        if of_dataset := [record for record in records if record["dataset"] == dataset]:
            yield f"## {title}"
            yield _figures(of_dataset)
    yield "## What stands on both sides"
    yield (
        "The splits are made in [training/data/splits.py](../training/data/splits.py); `python -m training audit` "
        "counts what stands on both sides of each."
    )
    protocols = {record["protocol"] for record in records}
    yield "\n".join(
        f"- `{protocol}`{', **leaky**' if protocol in LEAKY else ''}: **{who}.** {how}"
        for protocol, (who, how) in _PROTOCOLS.items()
        if protocol in protocols
    )
    yield "## Probabilities"
    yield (
        "The temperature is fitted on validation songs. The error is the expected calibration error: by how much "
        "confidence differs from the share of right answers, on the average. Below the threshold, chosen on validation "
        "songs, the answer is “not sure”: so many test songs get it, so many right answers remain, and so many of "
        "200 generated files that are no music (silence, noises, tones, synthetic speech) get it."
    )
    yield _calibration(records)
    yield "## Commands"
    yield "Each command trains a model again; `--models` names the folder of the bundle, `--force` replaces one."
    yield "\n".join(["```console", *dict.fromkeys(f"$ {record['command']}" for record in records), "```"])


def _gallery(records: Iterable[Record], pictures: Sequence[Path]) -> Iterator[str]:
    yield "## Pictures"
    yield (
        "In learning curves thin lines are runs, and thick ones their mean for as long as all of them learn. In "
        "reliability diagrams a point is the answers of like confidence, the larger the more; on the dotted line "
        "confidence is right. Coverage is how often answers are right if only the surest are given. Confusion matrices "
        "count the test sides of all seeds and folds, with a row a true genre."
    )
    for dataset, protocol in _by_split(records):
        title = f"{_DATASETS[dataset]}, {protocol}"
        yield f"### {title}{', leaky' if protocol in LEAKY else ''}"
        yield "\n".join(
            f'<img src="{path.as_posix()}" width="{98 if path.stem == "curves" else 49}%" alt="{title}: {path.stem}">'
            for path in pictures
            if path.parts[-3:-1] == (dataset, protocol)
        )


def _beside_study(records: Iterable[Record]) -> str:
    found = {_key(record): record for record in records}
    rows = []
    for dataset, title in _DATASETS.items():
        for model, model_title in _MODELS.items():
            figure, split = _STUDY[dataset].get(model, (None, None))
            cells = [title, model_title, f"{_number(figure, 2)}, {_SPLITS[split]}" if split else _DASH]
            for protocols in _COLUMNS.values():
                record = next((found[key] for p in protocols if (key := (dataset, p, model)) in found), None)
                cell = _number(record["accuracy"]) if record else _DASH
                cells.append(f"**{cell}**" if record and split in protocols else cell)
            rows.append(cells)
    return _table(["songs", "model", "the study", *(f"ours, {column}" for column in _COLUMNS)], rows)


def _figures(records: Iterable[Record]) -> str:
    header = ["split", "model", "accuracy", "95% interval", "precision", "recall", "F1", "test", "seeds", "weights"]
    rows = [
        [
            f"`{record['protocol']}`{', **leaky**' if record['protocol'] in LEAKY else ''}",
            _MODELS[record["model"]],
            _spread(record),
            _interval(record),
            *(_number(record[f"macro_{measure}"]) for measure in ("precision", "recall", "f1")),
            f"{record['n_test']:,}",
            str(len(record["seeds"])),
            _DASH if record["parameters"] is None else f"{record['parameters']:,}",
        ]
        for record in records
    ]
    return _table(header, rows)


def _calibration(records: Iterable[Record]) -> str:
    header = ["songs", "split", "model", "temperature", "error before", "error after", "threshold", "not sure"]
    header += ["right answers kept", "no music: not sure"]
    rows = [
        [
            _DATASETS[record["dataset"]],
            f"`{record['protocol']}`",
            _MODELS[record["model"]],
            f"{calibration['temperature']:.2f}",
            _number(calibration["error_before"]),
            _number(calibration["error_after"]),
            _number(calibration["threshold"]),
            f"{calibration['not_sure']:.0%}",
            f"{calibration['right_kept']:.0%}",
            f"{record['non_music_not_sure']:.0%}",
        ]
        for record in records
        if (calibration := record["calibration"])
    ]
    return _table(header, rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def _spread(record: Record) -> str:
    accuracy, spread = _number(record["accuracy"]), record["accuracy_spread"]
    return accuracy if spread is None else f"{accuracy} ± {_number(spread)}"


def _interval(record: Record) -> str:
    low, high = record["ci95"]
    return f"{_number(low)} to {_number(high)}"


def _number(share: float | None, digits: int = 3) -> str:
    return _DASH if share is None else f"{share:.{digits}f}".removeprefix("0")

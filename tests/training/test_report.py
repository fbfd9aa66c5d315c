"""The report of results: whatever records there are, their figures are in its tables and their pictures beside it."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.data.tracks import BadData
from training.report.pictures import draw_confusion, draw_coverage, draw_curves, draw_reliability
from training.report.tables import write_report

ROOT = Path(__file__).resolve().parents[2]
GENRES = ["blues", "jazz", "metal", "rock"]
ORANGE = (213, 94, 0)


def record(dataset: str, protocol: str, model: str, accuracy: float = 0.625, **others: Any) -> dict[str, Any]:
    """Return a record of a network of three seeds, 40 songs of each genre asked about."""
    right = round(40 * accuracy)
    curves = {key: list(np.linspace(1, accuracy, 12)) for key in ("loss", "val_loss", "accuracy", "val_accuracy")}
    shorter = {key: values[:7] for key, values in curves.items()}
    bins = [[0, None, None], [60, 0.45, 0.4], [100, 0.85, 0.75]]
    return {
        "dataset": dataset,
        "protocol": protocol,
        "model": model,
        "accuracy": accuracy,
        "accuracy_spread": 0.0123,
        "macro_precision": 0.6311,
        "macro_recall": 0.6222,
        "macro_f1": 0.6133,
        "ci95": [0.5444, 0.6955],
        "n_test": 1160,
        "seeds": [0, 1, 2],
        "parameters": 817_000,
        "command": f"python -m training fit --dataset {dataset} --model {model} --protocol {protocol} --data DATA",
        "genres": GENRES,
        "confusion": (np.eye(4, dtype=int) * right + np.eye(4, k=-1, dtype=int) * (40 - right)).tolist(),
        "non_music_not_sure": 0.97,
        "calibration": {
            "temperature": 1.31,
            "threshold": 0.345,
            "error_before": 0.1277,
            "error_after": 0.0488,
            "reliability": bins,
            "reliability_before": bins,
            "coverage": [[0.0, 1.0, accuracy], [0.345, 0.9, 0.7], [0.9, 0.1, 1.0], [1.0, 0.0, None]],
            "not_sure": 0.08,
            "right_kept": 0.95,
        },
        "runs": [{"seed": 0, "fold": 1, "curves": curves}, {"seed": 1, "fold": 1, "curves": shorter}],
        **others,
    }


def classical(dataset: str, protocol: str, model: str, accuracy: float) -> dict[str, Any]:
    """Return a record of one seed, without epochs and not calibrated."""
    runs = [{"seed": 0, "fold": 1, "curves": None}]
    return record(
        dataset,
        protocol,
        model,
        accuracy,
        accuracy_spread=None,
        seeds=[0],
        calibration=None,
        parameters=None,
        runs=runs,
    )


SOME = [
    record("gtzan", "window-random", "cnn", 0.9051),
    record("gtzan", "artist-3fold", "cnn-bilstm", 0.6349),
    classical("gtzan", "track-random", "knn", 0.7412),
    classical("fma-small", "block-random", "svm", 0.5081),
]


def write(folder: Path, records: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "results.json"
    path.write_text(json.dumps(records))
    return path


def rows(report: Path) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in report.read_text().splitlines() if line.startswith("| ")]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def picture(content: bytes | None) -> Image.Image:
    assert content
    return Image.open(io.BytesIO(content)).convert("RGB")


def share_of(colour: tuple[int, int, int], image: Image.Image) -> float:
    return float((np.abs(np.asarray(image, int) - colour).max(axis=2) < 12).mean())


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the report of some records, with most of what could be there missing."""
    return write_report(write(tmp_path_factory.mktemp("reports"), SOME))


def test_the_first_table_sets_ours_beside_the_study(report: Path) -> None:
    table = {(row[0], row[1]): row[2:] for row in rows(report)[2:16]}
    assert len(table) == 14
    assert table["GTZAN", "CNN"] == [".91, windows at random", "**.905**", "–", "–", "–"]
    assert table["GTZAN", "CNN + BiLSTM"] == [".91, windows at random", "–", "–", "–", ".635"]
    assert table["GTZAN", "k-NN"] == [".74, tracks at random", "–", "**.741**", "–", "–"]
    assert table["FMA-Small", "SVM"] == [".61, tracks at random", "–", "–", "–", ".508"]
    assert table["GTZAN", "our best"] == ["–"] * 5


def test_every_record_has_its_figures(report: Path) -> None:
    tables = rows(report)
    figures = ["`window-random`, **leaky**", "CNN", ".905 ± .012", ".544 to .696", ".631", ".622", ".613"]
    assert [*figures, "1,160", "3", "817,000"] in tables
    assert ["`track-random`", "k-NN", ".741", ".544 to .696", ".631", ".622", ".613", "1,160", "1", "–"] in tables
    calibration = ["GTZAN", "`artist-3fold`", "CNN + BiLSTM", "1.31", ".128", ".049", ".345", "8%", "95%", "97%"]
    assert calibration in tables
    text = report.read_text()
    assert all(f"$ {record['command']}\n" in text for record in SOME)
    assert "`window-random`, **leaky**: **the same songs.**" in text
    assert "`official`:" not in text


def test_every_picture_is_shown_and_small(report: Path) -> None:
    shown = re.findall(r'src="([^"]+)"', report.read_text())
    assert set(shown) == {name for name in contents(report.parent) if name.endswith(".png")}
    assert shown == [
        "pictures/gtzan/window-random/curves.png",
        "pictures/gtzan/window-random/reliability.png",
        "pictures/gtzan/window-random/confusion-cnn.png",
        "pictures/gtzan/track-random/confusion-knn.png",
        "pictures/gtzan/artist-3fold/curves.png",
        "pictures/gtzan/artist-3fold/reliability.png",
        "pictures/gtzan/artist-3fold/coverage.png",
        "pictures/gtzan/artist-3fold/confusion-cnn-bilstm.png",
        "pictures/fma-small/block-random/confusion-svm.png",
    ]
    for name in shown:
        with Image.open(report.parent / name) as image:
            image.load()
            assert image.format == "PNG"
            assert 400 <= image.width <= 1300
            assert 300 <= image.height <= 1000
        assert (report.parent / name).stat().st_size < 50_000


def test_the_same_records_in_any_order_give_the_same_bytes(report: Path, tmp_path: Path) -> None:
    write_report(write(tmp_path, SOME[::-1]))
    ours, others = contents(report.parent), contents(tmp_path)
    assert ours.keys() == others.keys()
    assert [name for name in ours if ours[name] != others[name]] == ["results.json"]


def test_pictures_of_no_record_are_deleted(tmp_path: Path) -> None:
    write_report(write(tmp_path, SOME[2:]))
    write_report(write(tmp_path, SOME[3:]))
    assert set(contents(tmp_path)) == {
        "results.json",
        "results.md",
        "pictures/fma-small/block-random/confusion-svm.png",
    }


def test_no_records_make_a_table_of_what_is_missing(tmp_path: Path) -> None:
    table = rows(write_report(write(tmp_path, [])))[2:14]
    assert {tuple(row[3:]) for row in table} == {("–",) * 4}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no .*results.json. `make results`"),
        ("[{", "holds no records"),
        ('[{"dataset": "gtzan"}]', "holds no records of results .*'protocol'"),
        (json.dumps([record("gtzan", "window-random", "oracle")]), "'oracle' is not in list"),
    ],
)
def test_what_is_no_results_is_named(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    if content:
        path.write_text(content)
    with pytest.raises(BadData, match=message):
        write_report(path)


def test_a_leaky_picture_says_so() -> None:
    found = record("gtzan", "window-random", "cnn")
    for draw in (draw_curves, draw_reliability):
        leaky, honest = (picture(draw({"CNN": found}, "title", leaky=leaky)) for leaky in (True, False))
        assert share_of(ORANGE, leaky) > share_of(ORANGE, honest) + 0.01
        assert leaky.height > honest.height
    assert share_of(ORANGE, picture(draw_confusion(found, "title", leaky=True))) > 0.01
    assert share_of(ORANGE, picture(draw_confusion(found, "title", leaky=False))) == 0


def test_a_confusion_matrix_is_shaded_by_the_shares_of_the_true_genre() -> None:
    counts = [[1, 0, 0, 0], [0, 30, 0, 0], [0, 0, 0, 500], [0, 0, 0, 0]]
    found = record("gtzan", "fault-filtered", "cnn", confusion=counts)
    dark = (
        np.abs(np.asarray(picture(draw_confusion(found, "title", leaky=False)), int) - (0, 114, 178)).max(axis=2) < 12
    )
    cells = [np.flatnonzero(dark[row]) for row in np.flatnonzero(dark.sum(axis=1) > 20)]
    starts = sorted({int(cell[0]) for cell in cells})
    width = np.diff(starts)
    assert len(starts) == 3
    assert width[1] == pytest.approx(2 * width[0], abs=3)


def test_names_of_any_length_and_any_number_of_genres_fit() -> None:
    for genres in (["a", "b"], ["International Folk, World and Country Music", "b"], [f"genre {n}" for n in range(25)]):
        counts = np.full((len(genres), len(genres)), 12_345).tolist()
        image = picture(draw_confusion(record("gtzan", "", "", genres=genres, confusion=counts), "title", leaky=False))
        edge = np.asarray(image)
        for side in (edge[0], edge[-1], edge[:, 0], edge[:, -1]):
            assert (side == 255).all()


def test_nothing_to_draw_gives_no_picture() -> None:
    found = {"k-NN": classical("gtzan", "track-random", "knn", 0.7)}
    assert draw_curves(found, "title", leaky=False) is None
    assert draw_reliability(found, "title", leaky=False) is None
    assert draw_coverage(found, "title") is None

"""Tables and playlists with relative paths, which can be moved with the songs."""

import csv
import json
from pathlib import Path

import pytest

from scoring.sources import list_files
from tests.scoring.command import score
from tests.sounds import song

NAMES = ["=cmd.wav", "-a.wav", "#b.wav", " c.wav", "album/d.wav", "http:.wav", ".e.wav"]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(song(1.2, "wav", 8000, 1))
    return folder


def test_paths_are_relative_and_lead_back_to_the_songs_after_they_were_moved(
    library: Path, sure_models: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.wav"
    outside.write_bytes(song(1.2, "wav", 8000, 1, seed=1))
    made: list[str | Path] = [
        "--playlists",
        library / "lists" / "genres",
        "--relative-to",
        library,
        "--models",
        sure_models,
    ]
    made += ["--journal", tmp_path / "journal", "--by-content"]
    for name in ("table.csv", "table.jsonl"):
        status, said = score(library, outside, "--out", library / name, *made)
        assert status == 0, said
    moved = library.rename(tmp_path / "moved")
    with open(moved / "table.csv", newline="", encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    assert {path for path in paths if path.startswith("/")} == {str(outside)}
    # No program takes them for an option, a comment or a formula.
    assert all(path[0].isalnum() or path.startswith(("./", "/")) for path in paths)
    lines = (moved / "table.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == paths
    expected = sorted([*(str(moved / name) for name in NAMES), str(outside)])
    assert sorted(file.path for file in list_files([str(moved / "table.csv")])) == expected
    playlists = list((moved / "lists" / "genres").iterdir())
    assert sorted(file.path for file in list_files([str(path) for path in playlists])) == expected


def test_a_folder_that_is_not_there_is_wrong_usage(library: Path, tmp_path: Path) -> None:
    status, said = score(library, "--out", tmp_path / "table.csv", "--relative-to", tmp_path / "nowhere")
    assert (status, "nowhere" in said) == (2, True)

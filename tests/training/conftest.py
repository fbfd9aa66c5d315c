"""Data sets small enough to make, and large enough to learn something from; and the command."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.made_once import made_once
from tests.sounds import encode, music
from training.data.splits import LEAST_TRAIN_TRACKS

GENRES = ("blues", "jazz", "metal", "rock")
# One of each for validation and for the test, the others to train: enough for folds of them, too.
TRACKS = 2 * LEAST_TRAIN_TRACKS + 4
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m training`."""
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def own_music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of audio in which a genre is a tempo and a key, `<genre>/<genre>.<number>.wav`."""
    return made_once(tmp_path_factory, "own_music", _make_music)


def _make_music(folder: Path) -> None:
    for index, genre in enumerate(GENRES):
        (folder / genre).mkdir()
        for number in range(TRACKS):
            song = music(11, 22_050, channels=1, seed=TRACKS * index + number)
            time = np.arange(len(song))[:, None] / 22_050
            song *= 1 + np.sin(2 * np.pi * 2 * (index + 1) * time)
            song += 0.3 * np.sin(2 * np.pi * 300 * (index + 1) * time)
            (folder / genre / f"{genre}.{number:05}.wav").write_bytes(encode(song / np.float32(3), 22_050, "wav"))


@pytest.fixture(scope="session")
def gtzan_audio(own_music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same music as GTZAN's data would be: with the table of its splits."""
    rows = ["track\tfault_filtered_split\tartist_fold\tartist_id"]
    for genre in GENRES:
        for number in range(TRACKS):
            side = {TRACKS - 2: "valid", TRACKS - 1: "test"}.get(number, "train")
            rows.append(f"{genre}.{number:05}\t{side}\t{1 + number % 3}\t{genre}-{number}")

    def make(folder: Path) -> None:
        shutil.copytree(own_music, folder, dirs_exist_ok=True)
        (folder / "gtzan_tracks.tsv").write_text("\n".join(rows))

    return made_once(tmp_path_factory, "gtzan_audio", make)


@pytest.fixture(scope="session")
def own_bundle(own_music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bundle "mine", which has learned from the music."""

    def make(folder: Path) -> None:
        music = ("--dataset", "folder", "--data", own_music)
        done = run("fit", "--model", "logistic", *music, "--models", folder, "--name", "mine")
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "own_bundle", make) / "mine"


@pytest.fixture(scope="session")
def few_songs(own_music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two songs of each genre."""
    folder = tmp_path_factory.mktemp("few")
    for path in sorted(own_music.glob("*/*.0000[01].wav")):
        (folder / path.parent.name).mkdir(exist_ok=True)
        (folder / path.parent.name / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of spectrograms in which a genre is a few louder bands, hard to tell from the noise."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index, genre in enumerate(GENRES):
        (folder / genre).mkdir()
        for number in range(TRACKS):
            levels = rng.integers(0, 200, (128, 387), dtype=np.uint8)
            levels[30 * index : 30 * index + 4] += 20
            Image.fromarray(levels).save(folder / genre / f"{genre}.{number}.png")
    return folder

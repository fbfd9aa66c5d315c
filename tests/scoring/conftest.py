"""Songs to score."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.bundle import MODELS, load_bundle, save_bundle
from tests.scoring.command import MODEL
from tests.sounds import encode, music, song


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of eight short songs in several formats, some in folders of it, beside what is none."""
    folder = tmp_path_factory.mktemp("songs")
    (folder / "album" / "second").mkdir(parents=True)
    names = ["a.mp3", "b.wav", "c.flac", "D.OGG", "album/e.opus", "album/f.m4a", "album/second/g.aiff", "album/h.mp3"]
    for seed, name in enumerate(names):
        (folder / name).write_bytes(song(5.0, name.rpartition(".")[2].lower(), 48_000, seed=seed))
    (folder / "album" / "cover.jpg").write_bytes(b"no song")
    (folder / "._a.mp3").write_bytes(b"no song either")
    return folder


@pytest.fixture(scope="session")
def sure_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model that is always sure, as it should not be of what is no music."""
    folder = tmp_path_factory.mktemp("models")
    bundle = load_bundle(MODELS / MODEL[1])
    save_bundle(replace(bundle, card=replace(bundle.card, abstain_threshold=0.0)), folder)
    return folder


@pytest.fixture(scope="session")
def long_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a song that is worked on for some seconds: three quarters of an hour, in little room."""
    # The name of its folder puts it behind other songs.
    path = tmp_path_factory.mktemp("zz") / "long.flac"
    path.write_bytes(encode(np.tile(music(60.0, 22_050, channels=1), (45, 1)), 22_050, "flac"))
    return path

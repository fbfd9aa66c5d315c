"""The examples, as their first lines say."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from benchmarks.server import Server
from tests.serving.server import ROOT, serve
from tests.sounds import song

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("log") / "log"
    with serve("service:GenreService", ROOT, log, GENRE_LOAD="default") as server:
        yield server


@pytest.mark.parametrize(
    "command",
    [(sys.executable, EXAMPLES / "classify.py"), (compute_driver_executable()[0], EXAMPLES / "classify.mjs")],
    ids=["Python", "JavaScript"],
)
def test_a_client_prints_a_line_per_song(command: tuple[str, Path], server: Server, tmp_path: Path) -> None:
    good, bad = tmp_path / "a song.mp3", tmp_path / "words.txt"
    good.write_bytes(song(12, "mp3"))
    bad.write_text("no song")
    done = subprocess.run([*command, server.url, good, bad], capture_output=True, text=True, check=True)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == [str(good), str(bad)]
    assert lines[0][2].endswith("%")
    assert len(lines[1]) == 2


def test_a_timeline_is_drawn(tmp_path: Path) -> None:
    path, picture = tmp_path / "song.mp3", tmp_path / "timeline.png"
    path.write_bytes(song(40, "mp3"))
    command: list[str | Path] = [sys.executable, EXAMPLES / "timeline.py", path, picture]
    subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    assert picture.read_bytes().startswith(b"\x89PNG")

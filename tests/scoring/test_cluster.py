"""A Ray cluster of two nodes, on this machine but each with processes of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.scoring.command import rows_of, score, start

RAY = Path(sys.executable).with_name("ray")
PORT = 6390
FILES = 96
# All of a cluster must have it.
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "only for tests " * 3}


def _node(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a node with one core, in a process group of its own."""
    command = [str(RAY), "start", *arguments, "--num-cpus=1", "--block", "--disable-usage-stats"]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | TOKEN,
    )


@pytest.fixture
def nodes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Return the nodes of a cluster: its head, and one more."""
    started = [_node("--head", f"--port={PORT}", "--include-dashboard=false")]
    try:
        _wait_for(1)
        started.append(_node(f"--address=127.0.0.1:{PORT}"))
        _wait_for(2)
        yield started
    finally:
        for node in reversed(started):
            _kill(node)


def _wait_for(number: int) -> None:
    program = (
        f"import ray; ray.init(address='127.0.0.1:{PORT}', log_to_driver=False); "
        f"assert sum(node['Alive'] for node in ray.nodes()) >= {number}"
    )
    for _ in range(20):
        with suppress(subprocess.SubprocessError):
            subprocess.run(
                [sys.executable, "-c", program], capture_output=True, check=True, timeout=20, env=os.environ | TOKEN
            )
            return
        time.sleep(1)
    pytest.fail(f"there is no cluster of {number} nodes")


def _kill(node: subprocess.Popen[bytes]) -> None:
    """End a node and all that it has started, at once."""
    processes = psutil.Process(node.pid).children(recursive=True) if node.poll() is None else []
    for process in processes:
        process.kill()
    if node.poll() is None:
        os.killpg(node.pid, signal.SIGKILL)
    node.wait(timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_node_that_dies_in_the_middle_costs_no_song(
    nodes: list[subprocess.Popen[bytes]], songs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "songs"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:03}.wav").write_bytes((songs / "b.wav").read_bytes())
    table = tmp_path / "table.parquet"
    process = start(folder, "--out", table, "--engine", "ray", "--address", f"127.0.0.1:{PORT}", **TOKEN)
    journal = tmp_path / "table.parquet.journal-wal"
    before = 0
    # Rows have come: the file of the journal that only grows has grown since the files were listed.
    deadline = time.monotonic() + 120
    while process.poll() is None and (not before or journal.stat().st_size == before):
        assert time.monotonic() < deadline
        before = before or (journal.stat().st_size if journal.exists() else 0)
        time.sleep(0.05)
    _kill(nodes[1])
    said = process.communicate(timeout=240)[1]
    assert process.returncode == 0, said
    assert [Path(row["path"]).name for row in rows_of(table)] == [f"{number:03}.wav" for number in range(FILES)]
    assert {row["error"] for row in rows_of(table)} == {None}

    # What was scored there need not be scored here, and the answers are the same.
    assert "files/s" not in score(folder, "--out", table)[1]
    (one,) = {row["confidence"] for row in rows_of(table)}
    score(folder / "000.wav", "--out", tmp_path / "here.parquet")
    assert rows_of(tmp_path / "here.parquet")[0]["confidence"] == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("--address", "127.0.0.1:1"), {"RAY_ADDRESS": ""}),
        ((), {"RAY_ADDRESS": "127.0.0.1:1"}),
    ],
)
def test_an_address_where_no_cluster_answers_is_named_before_anything_is_listed(
    songs: Path, tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    status, said = score(songs, "--out", tmp_path / "table.csv", "--engine", "ray", *arguments, **environment)
    assert (status, "127.0.0.1:1" in said) == (2, True), said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_an_address_without_ray_is_refused(songs: Path, tmp_path: Path) -> None:
    status, said = score(songs, "--out", tmp_path / "table.csv", "--address", "127.0.0.1:6379")
    assert (status, "--engine ray" in said) == (2, True), said


@pytest.mark.slow
def test_without_an_address_a_new_cluster_scores_whatever_the_names_of_the_files(songs: Path, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "songs")
    os.mkdir(folder)  # noqa: PTH102 - its files have names that are not UTF-8
    for name in (b"\xe9t\xe9.wav", b"\xc3\xa9t\xc3\xa9.wav", b"plain.wav"):
        with open(folder + b"/" + name, "wb") as file:
            file.write((songs / "b.wav").read_bytes())
    table = tmp_path / "table.parquet"
    # The paths of Ray's sockets must be short.
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        # As Ray left it of a cluster that is gone.
        (Path(temporary) / "ray").mkdir()
        (Path(temporary) / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
        environment = {"RAY_ADDRESS": "", "RAY_TMPDIR": temporary}
        status, said = score(folder.decode(), "--out", table, "--engine", "ray", **environment)
    assert status == 0, said
    assert [Path(row["path"]).name for row in rows_of(table)] == ["plain.wav", "été.wav", "%E9t%E9.wav"]
    assert {row["error"] for row in rows_of(table)} == {None}

"""`python -m inference`, in a process of its own, as people and programs run it."""

import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from inference.bundle import MODELS, load_bundle
from inference.classifier import GenreClassifier
from tests.sounds import song

ROOT = Path(__file__).resolve().parents[2]
MODEL = "gtzan-logistic"


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for seed, name in enumerate(("a.mp3", "b.flac")):
        (folder / name).write_bytes(song(2.0, name.rpartition(".")[2], 22_050, 1, seed=seed))
    (folder / "broken.mp3").write_bytes(b"no song")
    return folder


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "inference", "--model", MODEL, *map(str, arguments)]


def infer(*arguments: str | Path, content: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run the command; `content` is its standard input."""
    return subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, input=content, timeout=60, check=False)


def answers(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_program_gets_an_object_per_song_with_the_answer_of_the_model(songs: Path) -> None:
    done = infer(songs / "a.mp3", songs / "b.flac")
    assert (done.returncode, done.stderr) == (0, b"")
    classifier = GenreClassifier(load_bundle(MODELS / MODEL))
    for answer, name in zip(answers(done), ("a.mp3", "b.flac"), strict=True):
        expected = classifier.classify(songs / name)
        assert answer["file"] == str(songs / name)
        assert answer["genre"] == expected.genre
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)


def test_a_song_that_fails_is_named_and_the_others_are_answered(songs: Path) -> None:
    done = infer(songs / "broken.mp3", songs / "a.mp3", songs / "gone.mp3", songs, songs / "b.flac")
    assert done.returncode == 1
    assert [Path(answer["file"]).name for answer in answers(done)] == ["a.mp3", "b.flac"]
    errors = done.stderr.decode().splitlines()
    assert [line.partition(": ")[0] for line in errors] == [
        str(songs / "broken.mp3"),
        str(songs / "gone.mp3"),
        str(songs),
    ]


def test_the_most_probable_genres_are_shown(songs: Path) -> None:
    everything, three = (answers(infer(songs / "a.mp3", *options))[0] for options in ((), ("--top-k", "3")))
    assert list(three["probabilities"].items()) == list(everything["probabilities"].items())[:3]
    assert {**three, "probabilities": {}} == {**everything, "probabilities": {}}
    assert infer(songs / "a.mp3", "--top-k", "0").returncode == 2


def test_a_song_may_come_from_standard_input(songs: Path) -> None:
    named, piped = answers(infer(songs / "a.mp3", "-", content=(songs / "a.mp3").read_bytes()))
    assert piped == {**named, "file": "-"}
    done = infer("-", content=b"no song")
    assert (done.returncode, done.stdout, done.stderr[:3]) == (1, b"", b"-: ")


def test_what_is_no_file_is_refused_at_once(songs: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    done = infer(tmp_path / "pipe.mp3", "/dev/zero", songs / "a.mp3")
    assert (done.returncode, len(answers(done))) == (1, 1)
    assert b"pipe.mp3" in done.stderr
    assert b"/dev/zero" in done.stderr
    # Nobody types a song.
    terminal, its_end = pty.openpty()
    process = subprocess.run(command("-"), cwd=ROOT, stdin=its_end, capture_output=True, timeout=60, check=False)
    os.close(its_end)
    os.close(terminal)
    assert (process.returncode, process.stdout) == (1, b"")


def test_each_answer_comes_as_soon_as_it_is_there(songs: Path) -> None:
    """The second song comes from a pipe, which gets it only after the first answer has been read."""
    with subprocess.Popen(
        command(songs / "a.mp3", "-"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        killer = threading.Timer(60, process.kill)
        killer.start()
        assert json.loads(process.stdout.readline())["file"] == str(songs / "a.mp3")
        process.stdin.write((songs / "b.flac").read_bytes())
        process.stdin.close()
        assert json.loads(process.stdout.readline())["file"] == "-"
        killer.cancel()
    assert process.returncode == 0


def test_a_terminal_gets_a_table(songs: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "a\n\x1b[31m\udce9.mp3"
    hostile.write_bytes((songs / "a.mp3").read_bytes())
    (answer,) = answers(infer(songs / "a.mp3"))
    lines = on_terminal(songs / "a.mp3", hostile, "--top-k", "2")
    assert len(lines) == 3
    assert lines[0].split() == ["genre", "confidence", "song"]
    for line, name in zip(lines[1:], (str(songs / "a.mp3"), "\\n\\x1b[31m\\udce9.mp3"), strict=True):
        assert line.startswith(answer["genre"] or "not sure")
        assert f"{answer['confidence']:.3f}  " in line
        assert name in line
        assert all(f"{genre} {share:.3f}" in line for genre, share in list(answer["probabilities"].items())[:2])
    assert json.loads(on_terminal(songs / "a.mp3", "--json")[0]) == answer


def on_terminal(*arguments: str | Path) -> list[str]:
    """Run the command on a terminal, and return the lines that it shows there."""
    terminal, its_end = pty.openpty()
    with subprocess.Popen(command(*arguments), cwd=ROOT, stdin=its_end, stdout=its_end) as process:
        os.close(its_end)
        shown = b"".join(_blocks(terminal))
    os.close(terminal)
    assert process.returncode == 0
    return shown.decode().splitlines()


def _blocks(terminal: int) -> Iterator[bytes]:
    # The system ends a terminal that nobody writes to any more with an error.
    with suppress(OSError):
        while block := os.read(terminal, 1 << 16):
            yield block


def test_a_reader_that_stops_and_a_full_disk_end_it_without_a_trace(songs: Path) -> None:
    with subprocess.Popen(
        command(*([songs / "a.mp3"] * 50)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command(songs / "a.mp3"), cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_it_is_interrupted_without_a_trace(songs: Path) -> None:
    with subprocess.Popen(
        command(songs / "a.mp3", "-"), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(2)
        errors = process.communicate(timeout=60)[1]
    assert (process.returncode, errors) == (130, b"")

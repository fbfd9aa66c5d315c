"""The attacks on the service and its decoder: small numbers of each, and that what they look for is found."""

import http.client
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reliability import api, crowds, disk, files, kills
from benchmarks.reliability.leaks import leaks
from benchmarks.reliability.mutations import CHANGES, mutate
from benchmarks.reliability.questions import Question, question
from benchmarks.reliability.result import Result
from benchmarks.reliability.songs import FORMATS, song
from features.audio import load_audio
from tests.site.conftest import missing

SECONDS = 2.0


def check(result: Result) -> None:
    if result.passed is None:
        missing(result.result)
    assert result.passed, result.result
    assert result.tries > 0


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_read_before_it_is_changed(name: str) -> None:
    sound = load_audio(song(name, SECONDS))
    assert len(sound.samples) / sound.sample_rate_hz == pytest.approx(SECONDS, abs=0.05)


def test_a_mutated_file_can_be_made_again() -> None:
    made = [files.mutated(index, seed, SECONDS)[1] for seed in (1, 2) for index in range(2 * len(FORMATS))]
    assert made == [files.mutated(index, seed, SECONDS)[1] for seed in (1, 2) for index in range(2 * len(FORMATS))]
    assert len(set(made)) > 0.9 * len(made)
    good = {song(name, SECONDS, seed) for name in FORMATS for seed in range(3)}
    assert len(set(made) & good) < 0.1 * len(made)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
def test_every_change_takes_the_smallest_file(change: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.reliability.mutations.CHANGES", (change,))
    for seed in range(50):
        assert isinstance(mutate(b"ab", np.random.default_rng(seed), [b"a", b"RIFFabcd"]), bytes)


def decoder_that(program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put a program in the place of the child process; `size` there is that of each file, 0 for the first."""
    body = "import json, os, signal, sys, time\nwhile head := sys.stdin.buffer.read(4):\n"
    body += "    size = int.from_bytes(head, 'little')\n    sys.stdin.buffer.read(size)\n"
    body += f"    outcome, detail = 'refused', 'no sound'\n    if size:\n        {program}\n"
    body += "    print(json.dumps({'outcome': outcome, 'detail': detail, 'memory_mb': 1}), flush=True)\n"
    (tmp_path / "child.py").write_text(body)
    start = files.subprocess.Popen  # type: ignore[attr-defined]
    monkeypatch.setattr(
        files.subprocess,  # type: ignore[attr-defined]
        "Popen",
        lambda command, **options: start([command[0], tmp_path / "child.py"], **options),
    )


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("pass", "refused"),
        ("outcome = 'heard'", "heard"),
        ("outcome = 'exception'", "exception"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crash"),
        ("sys.exit()", "crash"),
        ("time.sleep(60)", "hang"),
        ("detail = 'cannot open /tmp/xyz/song.mp3'", "path in the message"),
    ],
)
def test_what_a_file_does_to_its_decoder_is_told_apart(
    program: str, outcome: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decoder_that(program, monkeypatch, tmp_path)
    with files.Decoder(limit_seconds=0.5) as decoder:
        # The next file finds a new child.
        assert [decoder.look(b"file").name for _ in range(2)] == [outcome] * 2


@pytest.mark.parametrize(
    ("message", "leak"),
    [
        ("The file is damaged or cut short. Send the whole file again.", False),
        ("Send songs as multipart/form-data, such as: curl -F audio=@song.mp3 ADDRESS/classify", False),
        ("Send WAV/AIFF. See GET /models.", False),
        ("cannot open /tmp/xyz/song.mp3", True),
        ("in service.py", True),
        ("<function f at 0x7f1c655e0950>", True),
    ],
)
def test_a_leak_is_recognised(message: str, leak: bool) -> None:  # noqa: FBT001
    assert leaks(message) is leak


ASKED = Question("POST", "/classify", {}, b"", frozenset({200, 400, 500}))


@pytest.mark.parametrize(
    ("status", "body", "faults"),
    [
        (200, {"confidence": 0.5}, ()),
        (400, {"error": "Send a song."}, ()),
        (400, {"error": "no /tmp/song/a"}, ("path in the message",)),
        (400, {"detail": "Send a song."}, ("error of another shape",)),
        (418, {"error": "Send a song."}, ("status not described",)),
        (500, {"error": "Sorry."}, ("500",)),
        (200, {"probabilities": {"blues": float("nan")}}, ("not finite",)),
    ],
)
def test_what_is_wrong_with_an_answer_is_found(status: int, body: object, faults: tuple[str, ...]) -> None:
    assert api.faults_of(ASKED, status, "application/json", json.dumps(body).encode()) == faults


def test_an_error_in_html_is_of_another_shape() -> None:
    assert api.faults_of(ASKED, 400, "text/html", b"<p>no") == ("error of another shape",)


def test_requests_are_right_ones_and_others() -> None:
    responses: dict[str, object] = {"responses": {"200": {}, "400": {}}}
    document = {"paths": {"/classify": {"post": responses}, "/models": {"get": responses}}}
    asked = [question(document, [b"song"], np.random.default_rng([0, index])) for index in range(500)]
    assert asked == [question(document, [b"song"], np.random.default_rng([0, index])) for index in range(500)]
    described = Counter(one.statuses is not None for one in asked)
    assert min(described.values()) > 20
    assert {one.method for one in asked} >= {"GET", "POST", "PUT", "HEAD"}
    for one in asked:
        # What HTTP itself does not allow would only test this client.
        http.client.HTTPConnection("localhost")._validate_path(one.path)  # type: ignore[attr-defined]
        assert one.path.isascii()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mutated_files_do_no_harm() -> None:
    check(files.measure(300, seed=1, song_seconds=SECONDS))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_generated_requests_are_answered_as_described() -> None:
    check(api.measure(300, seed=1))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kind", "settings"),
    [("GenreService", {}), ("MelFeatures", {"GENRE_MEL_FEATURES": "process"})],
)
def test_a_killed_process_comes_back(kind: str, settings: dict[str, str]) -> None:
    check(kills.kill(kind, 1, **settings))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_supervisor_leaves_nothing() -> None:
    check(kills.kill_supervisor(1))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_full_disk_is_no_fault_of_the_service() -> None:
    check(disk.full_disk(6, bentoml=False))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_crowd_is_answered_or_told_to_come_back() -> None:
    check(crowds.crowd(100, 8.0))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_garbage_does_not_keep_a_good_song_out() -> None:
    check(crowds.garbage(40, 8.0))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_services_of_one_user_do_not_disturb_each_other() -> None:
    check(crowds.two_services(5.0))

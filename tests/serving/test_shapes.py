"""The same answers, wherever the features are computed."""

from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from benchmarks.server import Server
from tests.serving.server import ROOT, classify, serve
from tests.sounds import song

SONG = song(35, "mp3")
NO_SOUND, TOO_LONG = b"no sound at all", song(70, "flac", 22_050)
# One worker, however many cores there are.
SETTINGS = {"GENRE_MAX_SONG_MINUTES": "1", "GENRE_WORKERS": "1"}


def answers(server: Server) -> list[tuple[int, object]]:
    responses = [classify(server, audio) for audio in (SONG, NO_SOUND, TOO_LONG)]
    return [(response.status_code, response.json()) for response in responses]


def services(server: Server) -> int:
    children = psutil.Process(server.process.pid).children(recursive=True)
    return sum("_bentoml_impl.worker.service" in child.cmdline() for child in children)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, object]]:
    with serve("service:GenreService", ROOT, tmp_path_factory.mktemp("one") / "log", **SETTINGS) as server:
        assert services(server) == 1
        return answers(server)


def test_all_is_well_in_one_process(expected: list[tuple[int, object]]) -> None:
    assert [status for status, _ in expected] == [200, 400, 413]
    # The model with an encoder, whose patches make the hop with the windows.
    answer = expected[0][1]
    assert isinstance(answer, dict)
    assert answer["model"]["name"] == "gtzan-best"
    assert answer["tags"]


def test_a_process_of_their_own_gives_the_same(expected: list[tuple[int, object]], tmp_path: Path) -> None:
    with serve("service:GenreService", ROOT, tmp_path / "log", GENRE_MEL_FEATURES="process", **SETTINGS) as server:
        assert services(server) == 2
        assert answers(server) == expected


@pytest.mark.slow
def test_another_machine_gives_the_same_and_is_missed(expected: list[tuple[int, object]], tmp_path: Path) -> None:
    with ExitStack() as running:
        features = running.enter_context(serve("service:MelFeatures", ROOT, tmp_path / "features", **SETTINGS))
        apart = SETTINGS | {"GENRE_MEL_FEATURES": features.url}
        server = running.enter_context(serve("service:GenreService", ROOT, tmp_path / "log", **apart))
        assert services(server) == 1
        assert answers(server) == expected
        features.process.terminate()
        features.process.wait(30)
        missed = classify(server, SONG)
        assert missed.status_code == 503
        assert "A part of the service is starting" in missed.json()["error"]
        assert missed.headers["retry-after"]


@pytest.mark.slow
def test_several_workers_share_the_requests(tmp_path: Path) -> None:
    with serve("service:GenreService", ROOT, tmp_path / "log", GENRE_WORKERS="2") as server:
        assert services(server) == 2
        assert {classify(server, SONG).status_code for _ in range(4)} == {200}

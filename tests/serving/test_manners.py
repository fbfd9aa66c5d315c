"""The service and its clients: those that go away, that send unusual forms, and that only look."""

import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from benchmarks.server import Server
from tests.serving.server import ROOT, classify, log_lines, logged, serve
from tests.sounds import song

# So small that the server under the service reads on behind it, and learns what becomes of the client.
SONG = song(2, "mp3", 22_050)
HEAD = (
    'POST {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: {id}\r\nContent-Type: multipart/form-data; boundary="b"\r\n'
    "Content-Length: {length}\r\n\r\n"
)
PART = b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.flac"\r\n\r\n'
FORM = PART + SONG + b"\r\n--b--\r\n"


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the server keeps songs that it receives."""
    return tmp_path_factory.mktemp("rooms")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, rooms: Path) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    settings = {"GENRE_LOAD": "default", "TMPDIR": str(rooms), "GENRE_MAX_REQUESTS": "4"}
    with serve("service:GenreService", ROOT, log, **settings) as server:
        yield server
        # After all that: it still answers, and nothing was an error of its own.
        assert classify(server, SONG).status_code == 200
    lines = log_lines(log)
    assert not [line for line in lines if line.get("status") == 500 or "exception" in line]


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60)


def head(identity: str, path: str = "/classify", length: int = len(FORM)) -> bytes:
    return HEAD.format(path=path, id=identity, length=length).encode()


def post(server: Server, body: bytes, content_type: str) -> requests.Response:
    return requests.post(f"{server.url}/classify", data=body, headers={"content-type": content_type}, timeout=60)


@pytest.mark.parametrize("path", ["/classify", "/classify_batch", "/explain"])
def test_a_client_that_goes_away_while_it_sends_is_a_499(path: str, server: Server) -> None:
    counted = f'endpoint="{path}",http_response_code="499"'
    with connect(server) as client:
        client.sendall(head(f"gone{path}", path) + FORM[:-1000])
        time.sleep(0.2)
    line = logged(server, f"gone{path}")
    assert (line["status"], line["level"]) == (499, "info")
    metrics = requests.get(f"{server.url}/metrics", timeout=20).text
    assert counted in metrics
    assert not re.search(rf'request_total{{endpoint="{path}",http_response_code="500".*}} [1-9]', metrics)


def test_a_question_to_the_features_that_is_cut_off_is_a_499(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serve("service:MelFeatures", ROOT, log) as features:
        with connect(features) as client:
            client.sendall(b"POST /windows HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort")
        deadline = time.monotonic() + 20
        counted = 'request_total{endpoint="/windows",http_response_code="499"'
        while counted not in requests.get(f"{features.url}/metrics", timeout=20).text:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert not [line for line in log_lines(log) if "exception" in line]


def test_a_client_that_closes_its_half_of_the_connection_is_answered(server: Server) -> None:
    with connect(server) as client:
        client.sendall(head("half-closed") + FORM)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read()
    # An interim response comes before the answer.
    assert b"HTTP/1.1 200 OK\r\n" in answer
    assert b'"genre":' in answer
    assert logged(server, "half-closed")["status"] == 200


def test_a_form_may_be_named_in_capitals(server: Server) -> None:
    response = post(server, FORM, "Multipart/Form-Data; boundary=b")
    assert response.status_code == 200


@pytest.mark.parametrize("audio", [SONG, b"short"], ids=["song", "short"])
def test_a_part_with_only_an_extended_file_name_is_a_400(audio: bytes, server: Server) -> None:
    part = b"--b\r\nContent-Disposition: form-data; name=audio; filename*=UTF-8''a.flac\r\n\r\n"
    response = post(server, part + audio + b"\r\n--b--\r\n", "multipart/form-data; boundary=b")
    assert response.status_code == 400
    assert "filename=" in response.json()["error"]


def test_no_room_for_a_song_is_a_503_until_there_is_room(server: Server, rooms: Path, tmp_path: Path) -> None:
    large = song(20, "wav")
    assert len(large) > 2_000_000
    assert classify(server, large).status_code == 200
    away = tmp_path / "away"
    shutil.move(rooms, away)
    try:
        for path in ("classify", "classify_batch", "explain"):
            response = requests.post(f"{server.url}/{path}", files={"audio": ("a.wav", large)}, timeout=60)
            assert (response.status_code, list(response.json())) == (503, ["error"])
            assert "room" in response.json()["error"]
            assert str(rooms) not in response.text
            assert logged(server, response.headers["x-request-id"])["level"] == "error"
        # A small one takes no room.
        assert classify(server, SONG).status_code == 200
    finally:
        shutil.move(away, rooms)
    assert classify(server, large).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/classify"), ("DELETE", "/models"), ("POST", "/readyz")])
def test_a_method_that_is_not_allowed_is_told_which_are(method: str, path: str, server: Server) -> None:
    response = requests.request(method, server.url + path, timeout=20)
    assert (response.status_code, list(response.json())) == (405, ["error"])
    allowed = set(response.headers["allow"].split(", "))
    assert allowed
    assert method not in allowed


def test_the_page_loads_nothing_and_posts_here(server: Server) -> None:
    response = requests.get(f"{server.url}/", timeout=20)
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert not re.search(
        r"<(script|iframe|img|object|embed)\b|//", response.text.partition("<body")[2] or response.text
    )
    targets = re.findall(r'(?:href|src|action|formaction)="([^"]*)"', response.text)
    assert {"classify", "docs.json"} <= set(targets)
    for target in targets:
        if target.startswith("data:"):
            continue
        assert requests.get(f"{server.url}/{target}", timeout=20).status_code in (200, 405)


def test_a_client_that_sends_too_much_and_then_stops_is_answered(server: Server) -> None:
    with connect(server) as client:
        client.sendall(head("stopped", length=10**9) + FORM[:1000])
        assert client.makefile("rb").readline().startswith(b"HTTP/1.1 413 ")

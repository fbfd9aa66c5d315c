"""How the service ends: what is under way is finished, and what does not go on is given up in time."""

import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from tests.serving.server import ROOT, log_lines, serve
from tests.sounds import song

SONG = song(2, "flac")
HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="audio"; filename="a.flac"\r\n\r\n'


def test_a_stalled_upload_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serve("service:GenreService", ROOT, log, GENRE_MAX_SECONDS="2", GENRE_LOAD="default") as server:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with (
            socket.create_connection(address, timeout=60) as upload,
            # Too large, and stopped: it is answered at once, and not listened to any longer.
            socket.create_connection(address, timeout=60) as large,
            socket.create_connection(address, timeout=60) as idle,
        ):
            upload.sendall(HEAD % (b"/classify", 10_000) + PART)
            large.sendall(HEAD % (b"/classify", 10**9) + PART)
            idle.sendall(b"POST /classify HTTP/1.1\r\n")
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(3 * 2 + 10) == 0
    log_lines(log)


def test_an_upload_that_goes_on_is_finished(tmp_path: Path) -> None:
    form = PART + SONG + b"\r\n--b--\r\n"
    with serve("service:GenreService", ROOT, tmp_path / "log", GENRE_LOAD="default") as server:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60) as upload:
            upload.sendall(HEAD % (b"/classify", len(form)) + form[:1000])
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            upload.sendall(form[1000:])
            assert upload.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
        assert server.process.wait(30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent was killed")
def test_no_process_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with serve("service:GenreService", ROOT, tmp_path / "log", GENRE_LOAD="default") as server:
        others = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        _, alive = psutil.wait_procs(others, timeout=30)
    assert others
    assert not alive


# By default, a request may take 60 seconds to be received, to wait and to be worked on; after that and three seconds
# more, the processes that answer are killed. Kubernetes counts its preStop hook, too.
GENRE_SERVICE_SECONDS, MEL_FEATURES_SECONDS = 3 * 60 + 3, 60 + 3


@pytest.mark.parametrize(
    ("manifest", "seconds"),
    [
        ("deploy/kubernetes/base/genre-service.yaml", GENRE_SERVICE_SECONDS),
        ("deploy/kubernetes/scale/mel-features.yaml", MEL_FEATURES_SECONDS),
    ],
)
def test_kubernetes_waits_for_it(manifest: str, seconds: int) -> None:
    deployment = next(iter(yaml.safe_load_all((ROOT / manifest).read_text())))
    pod = deployment["spec"]["template"]["spec"]
    hook = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > seconds + hook


def test_compose_waits_for_it() -> None:
    service = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["service"]
    assert int(service["stop_grace_period"].removesuffix("s")) > GENRE_SERVICE_SECONDS

"""Uploads on the site's disk: none has a name, and none is left."""

import os
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest
import requests

from benchmarks.server import Server
from tests.site.process import run_site

_SENT_BYTES = 4_000_000


def _unnamed_bytes(process: psutil.Process, folder: Path) -> int:
    """Return the size of the greatest file in a folder that a process has open and that has no name."""
    sizes = [0]
    for one in (process, *process.children()):
        for link in Path(f"/proc/{one.pid}/fd").iterdir():
            try:
                if link.readlink().is_relative_to(folder) and not link.stat().st_nlink:
                    sizes.append(link.stat().st_size)
            except FileNotFoundError:
                continue
    return max(sizes)


def _send_a_part(site: Server) -> socket.socket:
    """Begin an upload of a large song, and return its connection."""
    browser = requests.Session()
    form = browser.get(site.url, timeout=60).text
    token = form.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    head = (
        f'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'
        '--x\r\nContent-Disposition: form-data; name="audio"; filename="song.mp3"\r\n\r\n'
    )
    host, port = site.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(
        f"POST /analyse/ HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: csrftoken={browser.cookies['csrftoken']}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 20000000\r\n\r\n"
        f"{head}".encode()
    )
    connection.sendall(bytes(_SENT_BYTES))
    return connection


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at open files as Linux shows them")
def test_an_upload_has_no_name_and_a_killed_site_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    with run_site(tmp_path, TMPDIR=str(folder)) as site:
        process = psutil.Process(site.process.pid)
        before = set(folder.iterdir())
        with _send_a_part(site):
            until = time.monotonic() + 60
            while _unnamed_bytes(process, folder) < _SENT_BYTES / 2 and time.monotonic() < until:
                assert set(folder.iterdir()) <= before
                time.sleep(0.01)
            assert _unnamed_bytes(process, folder) >= _SENT_BYTES / 2
            for one in (*process.children(), process):
                one.send_signal(signal.SIGKILL)
    assert not list(folder.iterdir())


def test_a_start_removes_what_a_former_version_left_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    old, new, foreign = (folder / name for name in ("tmpabcd1234.upload.mp3", "tmpefgh5678.upload.wav", "tmpabcd1234"))
    for path in (old, new, foreign):
        path.write_bytes(b"a song")
    for path in (old, foreign):
        os.utime(path, (0, 0))
    with run_site(tmp_path, TMPDIR=str(folder)):
        pass
    assert not old.exists()
    assert new.exists()
    assert foreign.exists()


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    (tmp_path / "site.sqlite3").touch(mode=0o644)
    with run_site(tmp_path) as site:
        assert requests.get(site.url, timeout=60).ok
        files = list(tmp_path.glob("site.sqlite3*"))
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}

"""Files that are broken in every way: each has its row, and none stops the run."""

import os
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.scoring.command import ROOT, command, rows_of, score, start, worker_on
from tests.sounds import song


def broken(folder: Path) -> dict[str, str]:
    """Make broken files in a folder, and return what kind of error each must have."""
    wav, mp3, flac, ogg, m4a = (song(5.0, suffix) for suffix in ("wav", "mp3", "flac", "ogg", "m4a"))
    contents = {
        "empty.mp3": b"",
        "one byte.wav": b"R",
        "text.mp3": b"This is no song.\n" * 100,
        "page.flac": b"<html><body>404</body></html>",
        "zeros.ogg": bytes(100_000),
        "noise.m4a": os.urandom(100_000),
        "header only.wav": wav[:44],
        "half a header.wav": wav[:20],
        "half.wav": wav[: len(wav) // 2],
        "half.flac": flac[: len(flac) // 2],
        "half.ogg": ogg[: len(ogg) // 2],
        "half.m4a": m4a[: len(m4a) // 2],
        "without its head.mp3": b"ID3\x04\x00\x00\x00\x00\x7f\x7f" + b"\0" * 50,
        "too short.wav": song(0.5, "wav"),
        "a picture.mp3": b"\x89PNG\r\n\x1a\n" + bytes(1000),
        "an archive.mp3": b"PK\x03\x04" + bytes(1000),
        "forged rate.wav": wav[:24] + (0xFFFFFFFF).to_bytes(4, "little") + wav[28:],
        "flac with a hole.flac": flac[:8000] + bytes(len(flac) - 8000),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    kinds = dict.fromkeys(contents, "unreadable")
    os.mkfifo(folder / "a pipe.wav")
    (folder / "to nowhere.mp3").symlink_to(folder / "nothing.mp3")
    (folder / "to itself.mp3").symlink_to(folder / "to itself.mp3")
    (folder / "a folder.mp3").mkdir()
    (folder / "a folder.mp3" / "in a folder.mp3").write_bytes(mp3)
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    with open(os.fsencode(folder) + b"/not utf-8 \xe9.wav", "wb") as file:
        file.write(wav[:100])
    kinds |= {"a pipe.wav": "no file", "to nowhere.mp3": "vanished", "to itself.mp3": "broken link"}
    return kinds | {"not%20utf-8%20%E9.wav": "unreadable"}


def test_every_broken_file_has_its_row_and_the_others_are_scored(songs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    kinds = broken(folder)
    table = tmp_path / "table.parquet"
    status, said = score(folder, songs, "--out", table)
    assert status == 1, said
    assert "Traceback" not in said
    rows = {Path(row["path"]).name: row for row in rows_of(table)}
    assert len(rows) == len(kinds) + 1 + 8
    assert {name: row["error_kind"] for name, row in rows.items() if row["error"]} == kinds
    for name in kinds:
        assert rows[name]["error"].endswith((".", "file."))
        assert rows[name]["genre"] is None
        assert rows[name]["confidence"] is None
    assert rows["in a folder.mp3"]["confidence"] > 0
    # They are not tried again, but for those whose fault may be gone.
    again = score(folder, songs, "--out", table)[1]
    assert f"{len(rows)} of {len(rows)} files" in again


def test_what_a_list_names_and_is_not_there_or_no_file_has_its_row(songs: Path, tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text(f"{songs / 'a.mp3'}\n{songs / 'gone.mp3'}\n{songs}\n{songs / 'a.mp3'}\n")
    status, _ = score(names, "--out", tmp_path / "table.parquet")
    kinds = {Path(row["path"]).name: row["error_kind"] for row in rows_of(tmp_path / "table.parquet")}
    assert status == 1
    assert kinds == {"a.mp3": None, "gone.mp3": "vanished", songs.name: "no file"}


def test_of_many_errors_a_thousand_are_listed_and_all_are_in_the_table(tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text("".join(f"{tmp_path}/{number:04} gone.mp3\n" for number in range(1003)))
    status, said = score(names, "--out", tmp_path / "table.parquet")
    assert (status, len(rows_of(tmp_path / "table.parquet"))) == (1, 1003)
    assert said.count("gone.mp3") == 1000
    assert said.endswith("3 more with an error stand in the table.\n")


def test_a_file_that_may_not_be_read_has_its_row(songs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "songs"
    (folder / "closed").mkdir(parents=True)
    for name in ("closed.wav", "open.wav"):
        (folder / name).write_bytes((songs / "b.wav").read_bytes())
    (folder / "closed.wav").chmod(0)
    (folder / "closed").chmod(0)
    arguments = command(folder, "--out", tmp_path / "table.parquet")
    if os.geteuid() == 0:
        # Root may read everything, but for root without these rights.
        arguments = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *arguments]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    (folder / "closed").chmod(0o700)
    kinds = {Path(row["path"]).name: row["error_kind"] for row in rows_of(tmp_path / "table.parquet")}
    assert done.returncode == 1, done.stderr
    assert kinds == {"closed": "no file", "closed.wav": "no permission", "open.wav": None}


@pytest.mark.slow
def test_a_file_that_takes_too_long_is_tried_once_more_and_reported(
    songs: Path, long_song: Path, tmp_path: Path
) -> None:
    # The slowest model needs many times the limit for the long song.
    options = ("--timeout", "2", "--workers", "2", "--model", "gtzan-best")
    status, said = score(long_song, songs, "--out", tmp_path / "table.parquet", *options)
    kinds = {Path(row["path"]).name: row["error_kind"] for row in rows_of(tmp_path / "table.parquet")}
    assert status == 1, said
    assert kinds.pop("long.flac") == "too slow"
    assert set(kinds.values()) == {None}


@pytest.mark.parametrize("crashes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_file_that_takes_its_process_down_is_tried_once_more(
    songs: Path, long_song: Path, tmp_path: Path, crashes: int
) -> None:
    """The process is killed while it works on the long song, as a crash of the decoder would end it."""
    process = start(songs, long_song, "--out", tmp_path / "table.parquet")
    killer = threading.Thread(target=_kill_worker_on, args=(process.pid, long_song, crashes))
    killer.start()
    said = process.communicate(timeout=120)[1]
    killer.join(timeout=30)
    kinds = {Path(row["path"]).name: row["error_kind"] for row in rows_of(tmp_path / "table.parquet")}
    assert process.returncode == (0 if crashes == 1 else 1), said
    assert kinds.pop("long.flac") == (None if crashes == 1 else "crashed")
    assert set(kinds.values()) == {None}
    assert len(kinds) == 8


def _kill_worker_on(pid: int, song: Path, times: int) -> None:
    """Kill the process that has a song open, so many times."""
    killed: set[psutil.Process] = set()
    with suppress(psutil.Error):
        while len(killed) < times:
            worker = worker_on(pid, song)
            if worker and worker not in killed:
                worker.kill()
                killed.add(worker)
            time.sleep(0.02)

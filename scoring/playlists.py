"""A playlist of each genre: M3U8, which players of every kind read."""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import TextIO

from scoring.row import Row


def write_playlists(rows: Iterable[Row], folder: Path) -> dict[str, int]:
    """Write `<genre>.m3u8` for every genre there is a song of, and return how many songs each holds.

    The playlists of former runs are replaced, each in one step. A path that M3U8 cannot hold, one that is
    no UTF-8 or has a line break, is left out. Raises OSError if the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    lists: dict[str, TextIO] = {}
    with ExitStack() as files:
        for row in rows:
            if row.genre is None or not _fits(row.path):
                continue
            if row.genre not in lists:
                beside = _beside(folder, row.genre)
                files.callback(beside.unlink, missing_ok=True)
                lists[row.genre] = files.enter_context(open(beside, "w", encoding="utf-8"))
                lists[row.genre].write("#EXTM3U\n")
            title = PurePath(row.path).stem
            lists[row.genre].write(f"#EXTINF:{round(row.duration_seconds or 0)},{title}\n{row.path}\n")
            counts[row.genre] = counts.get(row.genre, 0) + 1
        for genre, file in lists.items():
            file.close()
            _beside(folder, genre).replace(folder / f"{genre}.m3u8")
    return counts


def _beside(folder: Path, genre: str) -> Path:
    return folder / f".{genre}.{os.getpid()}.part"


def _fits(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\n" not in path and "\r" not in path

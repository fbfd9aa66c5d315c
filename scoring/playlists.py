"""A playlist of each genre: M3U8, which players of every kind read."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePath
from typing import TextIO

from scoring.addresses import Addresses, one_line
from scoring.outputs import Outputs
from scoring.row import Row


def playlist_paths(folder: Path, genres: Sequence[str]) -> dict[str, Path]:
    """Return the playlist of each genre: `<genre>.m3u8`, with - for characters that file names may not have."""
    paths: dict[str, Path] = {}
    for genre in genres:
        name = re.sub(r'[\x00-\x1f"*/:<>?|\\]', "-", genre).strip(". ") or "-"
        while folder / f"{name}.m3u8" in paths.values():
            name += "-"
        paths[genre] = folder / f"{name}.m3u8"
    return paths


def write_playlists(
    rows: Iterable[Row], paths: Mapping[str, Path], outputs: Outputs, addresses: Addresses
) -> dict[str, int]:
    """Write the playlist of every genre there is a song of, and return how many songs each holds.

    The playlists of former runs are replaced, each in one step. A path that M3U8 cannot hold, one that is no UTF-8 or
    has a line break, is written as a file:/// URL. Raises OSError if the folder cannot be written to.
    """
    counts: dict[str, int] = {}
    lists: dict[str, TextIO] = {}
    with ExitStack() as files:
        for row in rows:
            if row.genre is None:
                continue
            if row.genre not in lists:
                beside = _beside(paths[row.genre])
                beside.parent.mkdir(parents=True, exist_ok=True)
                files.callback(beside.unlink, missing_ok=True)
                lists[row.genre] = files.enter_context(open(beside, "w", encoding="utf-8"))
                lists[row.genre].write("#EXTM3U\n")
            title = one_line(PurePath(row.path).stem)
            path = addresses.in_playlist(row.path, paths[row.genre].parent)
            lists[row.genre].write(f"#EXTINF:{round(row.duration_seconds or 0)},{title}\n{path}\n")
            counts[row.genre] = counts.get(row.genre, 0) + 1
        for genre, file in lists.items():
            file.close()
            outputs.begin(str(paths[genre]))
            _beside(paths[genre]).replace(paths[genre])
            outputs.end(str(paths[genre]))
    return counts


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")

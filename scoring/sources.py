"""Which files to score: those given, those in folders, those that a list names, and those in a bucket."""

import csv
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from scoring import s3
from scoring.row import BucketError, SongFile, in_bucket

# What is taken for a song in a folder or a bucket; a file that is named by itself is scored whatever its name is.
AUDIO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("aac", "ac3", "aif", "aifc", "aiff", "amr", "ape", "au", "caf", "dsf", "eac3", "flac", "m4a", "m4b", "mka"),
        *("mp1", "mp2", "mp3", "mp4", "oga", "ogg", "opus", "rf64", "snd", "tta", "w64", "wav", "wave", "weba"),
        *("webm", "wma", "wv"),
    )
)
_LISTS = (".txt", ".csv", ".m3u", ".m3u8")
_HASH_BLOCK_BYTES = 1 << 20


class BadSource(ValueError):
    """A source that is not there or cannot be read; the message says which and what to do."""


def list_files(sources: Sequence[str], *, by_content: bool = False) -> Iterator[SongFile]:
    """Yield the files of all sources, each folder's in the order of names; a file may come more than once.

    A source is a file, a folder with all in it, a list of paths (.txt or .m3u, a path a line; .csv, the column `path`
    or else the first), or `s3://bucket/prefix`. With `by_content`, a file's version is the hash of its content, else
    its size and time of modification; in a bucket it always is the ETag. Raises BadSource.
    """
    for source in sources:
        if in_bucket(source):
            yield from _in_bucket(source)
        elif source.lower().endswith(_LISTS) and Path(source).is_file():
            paths = _some(_in_list(Path(source)), f"There is no path in the list {source}.")
            yield from (_named(path, by_content=by_content) for path in paths)
        elif Path(source).is_dir():
            paths = _some(_in_folder(_absolute(source), ()), f"There is no song in {source}. Is its disk there?")
            yield from (look(path, by_content=by_content) for path in paths)
        elif not os.path.lexists(source):
            raise BadSource(f"There is no {source}. Name a file, a folder, a list of paths or s3://bucket/prefix.")
        else:
            yield look(_absolute(source), by_content=by_content)


def _some(paths: Iterator[str], problem: str) -> Iterator[str]:
    """Yield paths; raise BadSource if there is none: an empty table would replace a full one."""
    first = next(paths, None)
    if first is None:
        raise BadSource(f"{problem} Nothing is changed.")
    yield first
    yield from paths


def look(path: str, *, by_content: bool) -> SongFile:
    """Return a file as it is now; one that cannot be looked at is scored all the same, so that its row says why."""
    try:
        found = Path(path).stat()
        if by_content and stat.S_ISREG(found.st_mode):
            return SongFile(path, found.st_size, _content_hash(path))
    except OSError:
        return SongFile(path, 0, "")
    return SongFile(path, found.st_size, f"{found.st_size} {found.st_mtime_ns}")


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links


def _is_song(path: str) -> bool:
    name = PurePath(path)
    # A name that begins with ._ is what macOS keeps beside a file.
    return name.suffix.lower() in AUDIO_SUFFIXES and not name.name.startswith("._")


def _in_bucket(source: str) -> Iterator[SongFile]:
    listed = 0
    try:
        for file in s3.list_objects(source):
            if _is_song(file.path) or file.path == source:
                listed += 1
                yield file
    except BucketError as error:
        raise BadSource(f"The bucket cannot be listed: {error}") from error
    if not listed:
        raise BadSource(f"There is no song under {source}. Look for a mistake in the bucket's name or the prefix.")


def _in_list(file: Path) -> Iterator[str]:
    # What is not UTF-8 is a path all the same.
    with open(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        if file.suffix.lower() == ".csv":
            rows = csv.reader(lines)
            head = next(rows, [])
            place = head.index("path") if "path" in head else 0
            if "path" not in head and head:
                yield head[place]
            for row in rows:
                if len(row) > place and row[place]:
                    yield row[place]
        else:
            for line in lines:
                path = line.rstrip("\r\n")
                if path and not (path.startswith("#") and file.suffix.lower() != ".txt"):
                    yield path


def _named(path: str, *, by_content: bool) -> SongFile:
    """Return a file that a list names, whatever it is: what is wrong with it becomes its row."""
    if not in_bucket(path):
        return look(_absolute(path), by_content=by_content)
    try:
        return s3.look(path)
    except BucketError:
        return SongFile(path, 0, "")


def _in_folder(folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Yield the songs in a folder and those in it, also by symbolic links, of which none is followed in a circle."""
    try:
        found = Path(folder).stat()
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if not above:
            raise BadSource(f"The folder {folder} cannot be read: {error.strerror}.") from error
        # Its row says so.
        yield folder
        return
    here = (found.st_dev, found.st_ino)
    if here in above:
        return
    for entry in ordered:
        if _is_folder(entry):
            yield from _in_folder(entry.path, (*above, here))
        elif _is_song(entry.name):
            yield entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads nowhere, or to itself.
        return False


def _content_hash(path: str) -> str:
    content = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            content.update(block)
    return content.hexdigest()

"""Which files to score: those given, those in folders, those that a list names, and those in a bucket."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from scoring import s3
from scoring.addresses import is_address, local_path
from scoring.lists import LIST_SUFFIXES, BadSource, read_list
from scoring.row import BucketError, SongFile, in_bucket
from scoring.selection import Selection

__all__ = ["BadSource", "list_files", "look"]

_HASH_BLOCK_BYTES = 1 << 20


def list_files(
    sources: Sequence[str], *, by_content: bool = False, selection: Selection | None = None
) -> Iterator[SongFile]:
    """Yield the files of all sources, each folder's in the order of names; a file may come more than once.

    A source is a file, also as its file:/// URL, a folder with all in it, a list (see `scoring.lists`), or
    `s3://bucket/prefix`. Of folders and buckets, `selection` chooses the files; a file that is named is always
    yielded. With `by_content`, a file's version is the hash of its content, else its size and time of modification; in
    a bucket it always is the ETag. Raises BadSource.
    """
    selection = selection or Selection()
    for source in sources:
        if in_bucket(source):
            yield from _in_bucket(source, selection)
            continue
        path = local_path(source) or source
        if path == source and is_address(source):
            raise BadSource(f"{source} is no address of a file on this machine. Download it, and name the file.")
        if path.lower().endswith(LIST_SUFFIXES) and Path(path).is_file():
            paths = _some(read_list(Path(path), selection.left_out), f"There is no path in the list {path}.", selection)
            yield from (_named(named, by_content=by_content) for named in paths)
        elif Path(path).is_dir():
            found = _in_folder(_absolute(path), "", (), selection)
            paths = _some(found, f"There is no song in {path}. Is its disk there?", selection)
            yield from (look(song, by_content=by_content) for song in paths)
        elif not os.path.lexists(path):
            raise BadSource(f"There is no {path}. Name a file, a folder, a list of paths or s3://bucket/prefix.")
        else:
            yield look(_absolute(path), by_content=by_content)


def _some(paths: Iterator[str], problem: str, selection: Selection) -> Iterator[str]:
    """Yield paths; raise BadSource if there is none: an empty table would replace a full one."""
    first = next(paths, None)
    if first is None:
        raise BadSource(" ".join([problem, "Nothing is changed.", *selection.lines()]))
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


def _in_bucket(source: str, selection: Selection) -> Iterator[SongFile]:
    listed = 0
    folder = source[: source.rfind("/", len("s3://")) + 1] or f"{source}/"
    try:
        for file in s3.list_objects(source):
            if file.path == source or selection.takes_object(file.path.removeprefix(folder)):
                listed += 1
                yield file
    except BucketError as error:
        raise BadSource(f"The bucket cannot be listed: {error}") from error
    if not listed:
        problem = f"There is no song under {source}. Look for a mistake in the bucket's name or the prefix."
        raise BadSource(" ".join([problem, *selection.lines()]))


def _named(path: str, *, by_content: bool) -> SongFile:
    """Return a file that a list names, whatever it is: a fault becomes its row."""
    if not is_address(path):
        return look(path, by_content=by_content)
    if not in_bucket(path):
        return SongFile(path, 0, "")
    try:
        return s3.look(path)
    except BucketError:
        return SongFile(path, 0, "")


def _in_folder(folder: str, inside: str, above: tuple[tuple[int, int], ...], selection: Selection) -> Iterator[str]:
    """Yield the songs in a folder and those in it, also by symbolic links, of which none is followed in a circle.

    `inside` is the folder's path relative to the source, with / at its end.
    """
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
        path = f"{inside}{entry.name}"
        if _is_folder(entry):
            if selection.takes_folder(path):
                yield from _in_folder(entry.path, f"{path}/", (*above, here), selection)
        elif selection.takes_file(path):
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

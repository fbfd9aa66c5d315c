"""Lists of songs: playlists (.m3u, .m3u8), one path per line (.txt), and tables with a column of paths (.csv)."""

import codecs
import csv
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from features.music_folders import is_song
from scoring.addresses import is_address, local_path

LIST_SUFFIXES = (".txt", ".csv", ".m3u", ".m3u8")
NO_PATH = "rows of lists without a path"
_DELIMITERS = (",", ";", "\t")
# Titles of the column of paths, as `_Layout.title` has them; the first one that is there is taken.
_PATH_TITLES = ("path", "filepath", "file", "filename")
_BEGINS_AS_PATH = re.compile(r"[/\\]|\.\.?[/\\]|[a-z]:[/\\]", re.IGNORECASE)


class BadSource(ValueError):
    """A source that is not there or cannot be read; the message names it and the remedy."""


def read_list(file: Path, left_out: Counter[str]) -> Iterator[str]:
    """Yield the entries of a list: absolute paths, and addresses that are not files of this machine.

    A relative path is taken from the list's folder or, if nothing is there, from the current folder. Where no file has
    a path as it is written, the path may be written as on Windows, with backslashes or in Windows-1252, or with accents
    in the other form of Unicode. Rows without a path are counted in `left_out`. Raises BadSource for another
    file, maybe after some paths.
    """
    folder = os.path.abspath(file.parent)  # noqa: PTH100 - Path.resolve would follow links
    entries = _column(file, folder, left_out) if file.suffix.lower() == ".csv" else _plain(file)
    return (_resolve(entry, folder) for entry in entries)


def _resolve(entry: str, folder: str) -> str:
    """Return the path or the address that an entry means; of a file that is not there, the path in the folder."""
    address = entry.strip()
    text = local_path(address) if is_address(address) else entry
    if text is None:
        return address
    here = os.getcwd()  # noqa: PTH109 - a text is needed
    paths = (
        os.path.abspath(os.path.join(base, reading))  # noqa: PTH100, PTH118
        for reading in _readings(text)
        for base in (folder, here)
    )
    first = next(paths)
    return first if os.path.lexists(first) else next(filter(os.path.lexists, paths), first)


def _readings(text: str) -> Iterator[str]:
    """Yield the possible readings of a path, the likelier first."""
    encodings = [text]
    if not text.isascii():
        encodings.append(text.encode("utf-8", "surrogateescape").decode("cp1252", "replace"))
        # A list from macOS may have accents as characters of their own.
        encodings += [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    for read in encodings:
        yield read
        yield read.strip()
        yield read.strip().replace("\\", "/")


def _lines(file: Path) -> Iterator[str]:
    """Yield the lines of a text file: UTF-16 if it begins with that mark, else UTF-8; other bytes stay as they are."""
    try:
        with open(file, "rb") as start:
            is_utf16 = start.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        encoding, errors = ("utf-16", "strict") if is_utf16 else ("utf-8-sig", "surrogateescape")
        with open(file, encoding=encoding, errors=errors, newline="") as lines:
            for number, line in enumerate(lines, 1):
                if "\0" in line:
                    raise BadSource(f"The list {file} is no text: line {number} has a zero byte. Save it as UTF-8.")
                yield line
    except UnicodeError as error:
        raise BadSource(f"The list {file} is damaged: {error}. Save it as UTF-8.") from error
    except OSError as error:
        raise BadSource(f"The list {file} cannot be read: {error.strerror}.") from error


def _plain(file: Path) -> Iterator[str]:
    """Yield the lines of a playlist or a .txt that are not blank, without a playlist's comments."""
    has_comments = file.suffix.lower() != ".txt"
    for number, line in enumerate(_lines(file)):
        entry = line.rstrip("\r\n")
        has_comments = has_comments or (number == 0 and entry.startswith("#EXTM3U"))
        if entry.strip() and not (has_comments and entry.startswith("#")):
            yield entry


@dataclass(frozen=True)
class _Layout:
    """How a table is written: its delimiter, its first row, the place of the path in a row."""

    delimiter: str
    first: list[str]
    place: int
    has_titles: bool = False

    @property
    def cell(self) -> str:
        return self.first[self.place].strip()

    @property
    def title(self) -> str:
        return re.sub(r"[\s_-]", "", self.cell).casefold()


def _column(file: Path, folder: str, left_out: Counter[str]) -> Iterator[str]:
    """Yield the paths of a table; raise BadSource if it has no column of paths, or a row of another length."""
    firsts = _first_rows(file)
    if not any(firsts.values()):
        return
    layout = _layout(firsts, folder)
    if layout is None:
        raise BadSource(
            f"The list {file} has no column of paths. Give it a first line with titles, and the column the title path."
        )
    for line, row in _rows(file, layout.delimiter):
        if layout.has_titles and row == layout.first:
            continue
        if any(cell.strip() for cell in row[len(layout.first) :]):
            raise BadSource(
                f"The list {file} has {len(row)} cells in line {line}, but {len(layout.first)} in its first. Put a "
                f"path with {layout.delimiter!r} in it between quotation marks."
            )
        if len(row) > layout.place and row[layout.place].strip():
            yield row[layout.place]
        else:
            left_out[NO_PATH] += 1


def _rows(file: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table that are not blank, each with the number of its last line."""
    rows = csv.reader(_lines(file), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                yield rows.line_num, row
    except csv.Error as error:
        raise BadSource(
            f"The list {file} is no CSV from line {rows.line_num} on: {error}. Close its quotation marks."
        ) from error


def _first_rows(file: Path) -> dict[str, list[str]]:
    """Return the first row as each delimiter cuts it, but for those that fail; raise BadSource if none cuts it."""
    firsts = {}
    errors = []
    for delimiter in _DELIMITERS:
        try:
            firsts[delimiter] = next(_rows(file, delimiter), (0, []))[1]
        except BadSource as error:
            errors.append(error)
    if not firsts:
        raise errors[0]
    return firsts


def _layout(firsts: dict[str, list[str]], folder: str) -> _Layout | None:
    """Return the layout of a table from its first row, as each delimiter cuts it; None if no path is in sight."""
    cells = [_Layout(delimiter, row, place) for delimiter, row in firsts.items() for place in range(len(row))]
    paths = [one for one in cells if is_song(one.cell)]
    if not paths:
        titled = [one for one in cells if one.title in _PATH_TITLES]
        if titled:
            return replace(min(titled, key=lambda one: _PATH_TITLES.index(one.title)), has_titles=True)
        paths = [one for one in cells if one.place == 0 and (_BEGINS_AS_PATH.match(one.cell) or is_address(one.cell))]
        paths += [one for one in cells if one.cell and os.path.isfile(_resolve(one.cell, folder))]  # noqa: PTH113
    # The first file may be gone: then the delimiter that cuts more.
    there = (one for one in paths if os.path.lexists(_resolve(one.cell, folder)))
    return next(there, None) or max(paths, key=lambda one: len(one.first), default=None)

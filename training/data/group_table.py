"""A table of the user's: which group, and which genre, a song of own music belongs to."""

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.data.tracks import BadData

_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """The group and the genre of a song, None where the table leaves them open."""

    group: str | None
    genre: str | None


def read_group_table(table: Path, source: Path) -> dict[Path, Row]:
    """Return the rows of a CSV file with the columns `path`, `group` and, if wanted, `genre`, by path.

    A path is absolute, or is looked for in the folder of the songs and then in that of the table. Commas, semicolons
    or tabs separate the columns. Raises BadData for a table that is missing, cannot be read, or contradicts itself.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"The table {table} cannot be read ({error}). Save it as CSV in UTF-8.") from error
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=header.count))
    columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
    if "path" not in columns or not columns.keys() & {"group", "genre"}:
        raise BadData(f"The table {table} must have the columns path and group, and may have genre, in its first line.")
    rows: dict[Path, Row] = {}
    try:
        for cells in reader:
            values = {name: (cells.get(column) or "").strip() for name, column in columns.items()}
            if not values["path"]:
                continue
            row = Row(values.get("group") or None, values.get("genre") or None)
            path = _find(values["path"], source, table.parent)
            if rows.setdefault(path, row) != row:
                raise BadData(f"The table {table} has two rows for {values['path']} that differ. Remove one.")
    except csv.Error as error:
        raise BadData(
            f"The table {table} cannot be read in line {reader.line_num} ({error}). Save it again."
        ) from error
    if not rows:
        raise BadData(f"The table {table} has no row with a path.")
    return rows


def row_of(path: Path, rows: Mapping[Path, Row]) -> Row:
    """Return the row of a song; one without group and genre where there is none."""
    return rows.get(absolute(path), Row(None, None))


def _find(name: str, source: Path, beside: Path) -> Path:
    in_source = absolute(source / name)
    return in_source if in_source.exists() else absolute(beside / name)


def absolute(path: Path) -> Path:
    """Return the absolute path without dots; links in it are kept, as a song may be linked into two genres."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow links

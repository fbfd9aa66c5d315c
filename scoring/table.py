"""The table of results: Parquet, CSV, JSON or JSON Lines, whole or not at all, in a folder or a bucket."""

import csv
import glob
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from scoring import s3
from scoring.outputs import ForeignFile, Outputs
from scoring.row import BucketError, Row, in_bucket, readable
from scoring.writing import naming, standard_output

# Rows of a file of Parquet that are held in memory at a time, and rows of one part where the table is in parts.
_ROWS_AT_ONCE = 2000
_ROWS_A_PART = 100_000

_SEGMENT = pa.struct(
    {"start_seconds": pa.float64(), "end_seconds": pa.float64(), "genre": pa.string(), "confidence": pa.float64()}
)
_TAGS = pa.map_(pa.string(), pa.float64())
# For the names of the columns.
_NO_ROW = Row("", 0, None, None, {}, {}, [], None, None, "", "", "", 0.0)

# The name of a table of JSON Lines on standard output.
STANDARD_OUTPUT = "-"


class BadTable(ValueError):
    """A table that cannot be written; the message has the reason and the remedy."""


def check(out: str) -> None:
    """Raise BadTable for a name of a table that says no format, or a folder or bucket that is not there."""
    if out == STANDARD_OUTPUT:
        return
    if not out.endswith("/") and PurePosixPath(out).suffix not in _WRITERS:
        raise BadTable(f"--out must end with {', '.join(_WRITERS)}, or / for Parquet in parts, or be -, not {out!r}.")
    if not in_bucket(out) and not Path(out).parent.is_dir():
        raise BadTable(f"There is no folder {Path(out).parent}. Make it, or choose another --out.")
    if in_bucket(out):
        try:
            s3.check_bucket(out)
        except BucketError as error:
            raise BadTable(f"The bucket of --out cannot be used: {error}") from error


def check_free(out: str, outputs: Outputs, *, force: bool = False) -> None:
    """Raise ForeignFile if a table would replace a file that no run with this journal wrote.

    A single file may be replaced by force; parts in a folder may not, as those that are too many are removed.
    """
    if out == STANDARD_OUTPUT:
        return
    if not out.endswith("/"):
        outputs.check(out, force=force)
        return
    for name in _parts_in(out):
        if not outputs.is_ours(name):
            raise ForeignFile(
                f"{out} holds {name}, which this journal did not write, or which was changed since. Choose another "
                "folder."
            )


def write(rows: Iterator[Row], out: str, genres: Sequence[str], outputs: Outputs, *, force: bool = False) -> None:
    """Write all rows as a table in place of a former one: whole, or not at all if it is interrupted.

    Where `out` ends with /, the table is of Parquet in parts of 100,000 rows, of which a former one's are removed last;
    on standard output, it is JSON Lines. Raises ForeignFile as `check_free`, and WriteFailed or BucketError if it
    cannot be written.
    """
    if out == STANDARD_OUTPUT:
        _print(rows)
        return
    check_free(out, outputs, force=force)
    if out.endswith("/"):
        with naming(out):
            _write_parts(rows, out, genres, outputs)
    else:
        _write_recorded(rows, out, genres, outputs)


def _write_parts(rows: Iterator[Row], out: str, genres: Sequence[str], outputs: Outputs) -> None:
    if not in_bucket(out):
        Path(out).mkdir(exist_ok=True)
    former = set(_parts_in(out))
    number = 0
    while part := list(islice(rows, 1)):
        name = f"{out}part-{number:05}.parquet"
        _write_recorded(_chained(part, islice(rows, _ROWS_A_PART - 1)), name, genres, outputs)
        former.discard(name)
        number += 1
    for name in former:
        s3.delete(name) if in_bucket(name) else Path(name).unlink()
        outputs.end(name)


def _chained(first: Sequence[Row], others: Iterator[Row]) -> Iterator[Row]:
    yield from first
    yield from others


def _parts_in(out: str) -> Iterator[str]:
    """Yield the files that a reader takes for parts of a table in a folder, whoever wrote them."""
    if in_bucket(out):
        names = (file.path for file in s3.list_objects(f"{out}part-"))
        yield from (name for name in names if name.endswith(".parquet") and "/" not in name.removeprefix(out))
    else:
        yield from (f"{out}{path.name}" for path in Path(out).glob("part-*.parquet"))


def _write_recorded(rows: Iterator[Row], out: str, genres: Sequence[str], outputs: Outputs) -> None:
    with outputs.writing(out):
        _write_one(rows, out, genres)


def _write_one(rows: Iterator[Row], out: str, genres: Sequence[str]) -> None:
    writer = _WRITERS[PurePosixPath(out).suffix]
    if in_bucket(out):
        with tempfile.TemporaryDirectory() as folder:
            beside = Path(folder) / "table"
            writer(rows, beside, genres)
            s3.upload(beside, out)
        return
    place = Path(out)
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        writer(rows, beside, genres)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        beside.replace(place)
    finally:
        # Those of runs that were killed here, too.
        for part in place.parent.glob(f".{glob.escape(place.name)}.*.part"):
            part.unlink(missing_ok=True)


def _fields(row: Row) -> dict[str, Any]:
    """Return a row's fields in their order, the second genre behind the first."""
    second_genre, second_confidence = row.second
    fields: dict[str, Any] = {}
    for name, value in vars(row).items():
        fields[name] = value
        if name == "confidence":
            fields |= {"second_genre": second_genre, "second_confidence": second_confidence}
    return fields | {"path": readable(row.path), "segments": [asdict(segment) for segment in row.segments]}


def _columns(row: Row, genres: Sequence[str]) -> dict[str, Any]:
    """Return a row's fields as columns: one per probability, tags and segments last."""
    fields = _fields(row)
    probabilities, tags, segments = (fields.pop(name) for name in ("probabilities", "tags", "segments"))
    fields |= {f"probability_{genre}": probabilities.get(genre) for genre in genres}
    return fields | {"tags": tags, "segments": segments}


def _parquet(rows: Iterator[Row], path: Path, genres: Sequence[str]) -> None:
    numbers = ["confidence", "second_confidence", "duration_seconds", "heard_seconds", "seconds"]
    numbers += [f"probability_{genre}" for genre in genres]
    types = dict.fromkeys(numbers, pa.float64()) | {"size": pa.int64(), "tags": _TAGS, "segments": pa.list_(_SEGMENT)}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in _columns(_NO_ROW, genres)])
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            values = [_columns(row, genres) | {"tags": list(row.tags.items())} for row in batch]
            writer.write_table(pa.Table.from_pylist(values, schema))


def _csv(rows: Iterator[Row], path: Path, genres: Sequence[str]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        names = [name for name in _columns(_NO_ROW, genres) if name != "segments"]
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(_columns(row, genres) | {"tags": json.dumps(row.tags, ensure_ascii=False)} for row in rows)


def _json_lines(rows: Iterator[Row], path: Path, genres: Sequence[str]) -> None:  # noqa: ARG001 - as the others
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{_json_object(row)}\n" for row in rows)


def _json(rows: Iterator[Row], path: Path, genres: Sequence[str]) -> None:  # noqa: ARG001 - as the others
    with open(path, "w", encoding="utf-8") as file:
        separator = "[\n"
        for row in rows:
            file.write(separator + _json_object(row))
            separator = ",\n"
        file.write("\n]\n" if separator == ",\n" else "[]\n")


def _json_object(row: Row) -> str:
    return json.dumps(_fields(row), ensure_ascii=False)


def _print(rows: Iterator[Row]) -> None:
    """Write rows as JSON Lines to standard output; raise WriteFailed if it is closed before the end."""
    with standard_output():
        for row in rows:
            sys.stdout.buffer.write(f"{_json_object(row)}\n".encode())


_WRITERS: dict[str, Callable[[Iterator[Row], Path, Sequence[str]], None]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _json_lines,
}

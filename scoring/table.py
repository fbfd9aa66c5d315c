"""The table of results: Parquet, CSV or JSON Lines, whole or not at all, in a folder or a bucket."""

import csv
import glob
import json
import os
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

# Rows of a file of Parquet that are held in memory at a time, and rows of one part where the table is in parts.
_ROWS_AT_ONCE = 2000
_ROWS_A_PART = 100_000

_SEGMENT = pa.struct(
    {"start_seconds": pa.float64(), "end_seconds": pa.float64(), "genre": pa.string(), "confidence": pa.float64()}
)
_TAGS = pa.map_(pa.string(), pa.float64())


class BadTable(ValueError):
    """A table that cannot be written; the message says why and what to do."""


def check(out: str) -> None:
    """Raise BadTable for a name of a table that says no format, or a folder or bucket that is not there."""
    if not out.endswith("/") and PurePosixPath(out).suffix not in _WRITERS:
        raise BadTable(f"--out must end with {', '.join(_WRITERS)}, or with / for Parquet in parts, not {out!r}.")
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

    Where `out` ends with /, the table is of Parquet in parts of 100,000 rows, of which a former one's are removed last.
    Raises ForeignFile as `check_free`, BadTable if it cannot be written, and BucketError if it cannot be put into a
    bucket.
    """
    check_free(out, outputs, force=force)
    try:
        if out.endswith("/"):
            _write_parts(rows, out, genres, outputs)
        else:
            _write_recorded(rows, out, genres, outputs)
    except BucketError:
        raise
    except OSError as error:
        raise BadTable(f"{out} cannot be written: {error.strerror or error}.") from error


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
    outputs.begin(out)
    _write_one(rows, out, genres)
    outputs.end(out)


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


def _flat(row: Row, genres: Sequence[str]) -> dict[str, Any]:
    """Return a row's fields as columns, but for its tags and segments."""
    fields = {name: value for name, value in vars(row).items() if name not in ("probabilities", "tags", "segments")}
    fields["path"] = readable(row.path)
    return fields | {f"probability_{genre}": row.probabilities.get(genre) for genre in genres}


def _parquet(rows: Iterator[Row], path: Path, genres: Sequence[str]) -> None:
    types = {"size": pa.int64(), "confidence": pa.float64(), "duration_seconds": pa.float64(), "seconds": pa.float64()}
    names = ["path", "size", "genre", "confidence", "duration_seconds", "model", "model_version", "settings"]
    names += ["seconds", "error", "error_kind"]
    columns = [(name, types.get(name, pa.string())) for name in names]
    columns += [(f"probability_{genre}", pa.float64()) for genre in genres]
    schema = pa.schema([*columns, ("tags", _TAGS), ("segments", pa.list_(_SEGMENT))])
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            values = [
                _flat(row, genres)
                | {"tags": list(row.tags.items()), "segments": [asdict(part) for part in row.segments]}
                for row in batch
            ]
            writer.write_table(pa.Table.from_pylist(values, schema))


def _csv(rows: Iterator[Row], path: Path, genres: Sequence[str]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        names = [*_flat(Row("", 0, None, None, {}, {}, [], None, "", "", "", 0.0), genres), "tags"]
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(_flat(row, genres) | {"tags": json.dumps(row.tags, ensure_ascii=False)} for row in rows)


def _json_lines(rows: Iterator[Row], path: Path, genres: Sequence[str]) -> None:  # noqa: ARG001 - as the others
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(asdict(row) | {"path": readable(row.path)}, ensure_ascii=False) + "\n")


_WRITERS: dict[str, Callable[[Iterator[Row], Path, Sequence[str]], None]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
}

"""The history as a table or as JSON."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from songs.history import chosen_analyses
from songs.models import Analysis
from songs.spreadsheet import safe_cell

_EXPORTED = ("file_name", "file_bytes", "analysed_at", "genre", "confidence", "duration_seconds", "model_name")


@login_required
@require_safe
def export(request: HttpRequest, suffix: str) -> StreamingHttpResponse:
    """Return the chosen part of the history as CSV or JSON, row by row."""
    _, rows = chosen_analyses(request)
    write, content_type = {"csv": (_csv, "text/csv; charset=utf-8"), "json": (_json, "application/json")}[suffix]
    response = StreamingHttpResponse(write(rows.select_related("feedback")), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="genres-{timezone.now():%Y-%m-%d}.{suffix}"'
    return response


class _Line:
    """A file whose writes come back."""

    def write(self, text: str) -> str:
        return text


def _row(analysis: Analysis) -> dict[str, Any]:
    given = getattr(analysis, "feedback", None)
    row = {name: getattr(analysis, name) for name in _EXPORTED}
    return row | {
        "analysed_at": analysis.analysed_at.isoformat(),
        "model_version": analysis.model_version,
        "correct_genre": given.genre if given else "",
        "feedback": given.said if given else "",
        "tags": analysis.ranked_tags,
    }


def _csv(rows: QuerySet[Analysis]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow([*_EXPORTED, "model_version", "correct_genre", "feedback", "tags"])
    for analysis in rows.defer("answer").iterator(2000):
        row = _row(analysis)
        cells = (row | {"tags": json.dumps(row["tags"], ensure_ascii=False)}).values()
        yield writer.writerow([safe_cell(cell) for cell in cells])


def _json(rows: QuerySet[Analysis]) -> Iterator[str]:
    before = "[\n"
    for analysis in rows.iterator(500):
        row = _row(analysis)
        row = row | {"genre": row["genre"] or None, "correct_genre": row["correct_genre"] or None}
        yield before + json.dumps(row | {"answer": analysis.answer}, ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"

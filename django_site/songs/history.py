"""A user's history: every view takes its rows from the user's own."""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Count, Min, QuerySet
from django.db.models.functions import TruncDay, TruncMonth, TruncWeek
from django.db.models.functions.datetime import TruncBase
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from genre_site.methods import post_only

from songs import charts
from songs.forms import FeedbackForm, HistoryForm
from songs.models import Analysis, Feedback, Picture
from songs.spreadsheet import safe_cell
from songs.uploading import result_context

_ROWS_A_PAGE = 25
_EXPORTED = ("file_name", "file_bytes", "analysed_at", "genre", "confidence", "duration_seconds", "model_name")

# Each genre is one step in the index, where DISTINCT would read all of the user's rows.
_GENRES = """
    WITH RECURSIVE found(genre) AS (
        SELECT min(genre) FROM songs_analysis WHERE user_id = %(user)s
        UNION ALL
        SELECT (SELECT min(genre) FROM songs_analysis WHERE user_id = %(user)s AND genre > found.genre)
        FROM found WHERE genre IS NOT NULL
    )
    SELECT genre FROM found WHERE genre IS NOT NULL
"""


def _own(request: HttpRequest) -> QuerySet[Analysis]:
    return Analysis.objects.filter(user=cast(User, request.user))


def _asked(request: HttpRequest) -> tuple[HistoryForm, QuerySet[Analysis]]:
    form = HistoryForm(request.GET, genres=_genres(cast(User, request.user)))
    return form, form.choose(_own(request))


def _genres(user: User) -> list[str]:
    """Return the genres that there are among a user's analyses, in alphabetical order; "" stands for not sure."""
    with connection.cursor() as cursor:
        cursor.execute(_GENRES, {"user": user.pk})
        return [genre for (genre,) in cursor.fetchall()]


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show the user's analyses, a page at a time."""
    form, rows = _asked(request)
    listed = rows.select_related("feedback").defer("answer")
    page = Paginator(listed, _ROWS_A_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    return render(request, "songs/history.html", {"form": form, "page": page, "query": query.urlencode()})


@login_required
@require_safe
def result(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one analysis."""
    analysis = get_object_or_404(_own(request).select_related("feedback"), pk=pk)
    given = getattr(analysis, "feedback", None)
    form = FeedbackForm(genres=analysis.genres, initial={"genre": given.genre if given else analysis.genre})
    has_picture = Picture.objects.filter(analysis=analysis).exists()
    context = {"form": form, "given": given, "has_picture": has_picture}
    return render(request, "songs/result.html", result_context(analysis) | context)


@login_required
@require_safe
def picture(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the picture that was drawn of an analysis."""
    drawn = Picture.objects.filter(analysis__user=cast(User, request.user), pk=pk).first()
    if drawn is None:
        raise Http404
    response = HttpResponse(bytes(drawn.png), content_type="image/png")
    response["Cache-Control"] = "private, max-age=86400"
    return response


@login_required
@post_only("result")
def feedback(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep which genre the user says is right."""
    analysis = get_object_or_404(_own(request), pk=pk)
    form = FeedbackForm(request.POST, genres=analysis.genres)
    if form.is_valid():
        Feedback.objects.update_or_create(analysis=analysis, defaults={"genre": form.cleaned_data["genre"]})
        messages.success(request, "Thank you. Your answer is kept with this song.")
    else:
        messages.error(request, "Choose one of the genres.")
    return redirect(analysis)


@login_required
@post_only("result")
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one analysis."""
    analysis = get_object_or_404(_own(request).defer("answer"), pk=pk)
    analysis.delete()
    messages.success(request, f"Deleted {analysis.file_name}.")
    return redirect("history")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_all(request: HttpRequest) -> HttpResponse:
    """Ask, then delete all analyses of the user."""
    if request.method == "POST":
        _own(request).delete()
        messages.success(request, "Your history is deleted.")
        return redirect("history")
    return render(request, "songs/delete_all.html", {"count": _own(request).count()})


@login_required
@require_safe
def statistics(request: HttpRequest) -> HttpResponse:
    """Show how many songs of which genre there were over time."""
    latest = _own(request).first()
    if latest is None:
        return render(request, "songs/statistics.html")
    span = latest.analysed_at - _own(request).aggregate(first=Min("analysed_at"))["first"]
    period: type[TruncBase]
    if span < timedelta(days=31):
        unit, shape, period = "day", "%-d %b", TruncDay
    elif span < timedelta(days=200):
        unit, shape, period = "week", "%-d %b %Y", TruncWeek
    else:
        unit, shape, period = "month", "%b %Y", TruncMonth
    rows = (
        _own(request)
        .annotate(period=period("analysed_at"))
        .values_list("period", "genre")
        .annotate(count=Count("pk"))
        .order_by("period", "genre")
    )
    periods: dict[datetime, Counter[str]] = defaultdict(Counter)
    for moment, genre, count in rows:
        periods[moment][genre] = count
    totals = sum(periods.values(), Counter[str]())
    colour = charts.colours(totals, latest.genres)
    columns = charts.columns(
        {moment.strftime(shape): periods[moment] for moment in _every(unit, min(periods), max(periods))}, colour
    )
    context = {
        "columns": columns,
        "totals": [(genre, count, colour[genre]) for genre, count in totals.most_common()],
        "unit": unit,
        "width": max(240.0, columns[-1].x + 24),
    }
    return render(request, "songs/statistics.html", context)


def _every(unit: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield the beginning of each day, week or month from the first to the last, those without a song too."""
    moment = first
    while moment <= last:
        yield moment
        if unit == "month":
            moment = (moment + timedelta(days=31)).replace(day=1)
        else:
            moment += timedelta(days=7 if unit == "week" else 1)


@login_required
@require_safe
def export(request: HttpRequest, suffix: str) -> StreamingHttpResponse:
    """Return the chosen part of the history as CSV or JSON, row by row."""
    _, rows = _asked(request)
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
        "tags": analysis.ranked_tags,
    }


def _csv(rows: QuerySet[Analysis]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow([*_EXPORTED, "model_version", "correct_genre", "tags"])
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

"""A user's songs over time."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.contrib.auth.decorators import login_required
from django.db.models import Count, F, Min
from django.db.models.functions import TruncDay, TruncMonth, TruncWeek
from django.db.models.functions.datetime import TruncBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from songs import charts
from songs.history import own_analyses
from songs.models import Feedback


@login_required
@require_safe
def statistics(request: HttpRequest) -> HttpResponse:
    """Show how many songs of which genre there were over time."""
    own = own_analyses(request)
    latest = own.first()
    if latest is None:
        return render(request, "songs/statistics.html")
    span = latest.analysed_at - own.aggregate(first=Min("analysed_at"))["first"]
    period: type[TruncBase]
    if span < timedelta(days=31):
        unit, shape, period = "day", "%-d %b", TruncDay
    elif span < timedelta(days=200):
        unit, shape, period = "week", "%-d %b %Y", TruncWeek
    else:
        unit, shape, period = "month", "%b %Y", TruncMonth
    rows = (
        own.annotate(period=period("analysed_at"))
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
    given = Feedback.objects.filter(analysis__in=own)
    context = {
        "columns": columns,
        "ticks": charts.ticks(max(column.count for column in columns)),
        "total": totals.total(),
        "checked": given.count(),
        "confirmed": given.filter(kind=Feedback.Kind.GENRE, genre=F("analysis__genre")).count(),
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

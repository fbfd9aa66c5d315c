"""The forms around songs."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from songs.models import Analysis, folded

SORTS = {
    "-analysed_at": "Newest first",
    "analysed_at": "Oldest first",
    "file_name": "File name",
    "genre": "Genre",
    "-confidence": "Most confident first",
    "confidence": "Least confident first",
}
NOT_SURE = "?"


class HistoryForm(forms.Form):
    """The filters and the order of the history."""

    q = forms.CharField(required=False, max_length=200, label="File name", widget=forms.SearchInput)
    genre = forms.ChoiceField(required=False)
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}))
    sort = forms.ChoiceField(required=False, choices=list(SORTS.items()))

    def __init__(self, *args: Any, genres: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(genre, genre.capitalize()) for genre in genres if genre]
        self.fields["genre"] = forms.ChoiceField(required=False, choices=[("", "All"), *names, (NOT_SURE, "Not sure")])

    def choose(self, rows: QuerySet[Analysis]) -> QuerySet[Analysis]:
        """Return the rows that are asked for, in order; a field that makes no sense asks for nothing."""
        self.is_valid()
        asked = self.cleaned_data
        if name := asked.get("q"):
            # Rows of a former version have no folded name.
            former = Q(folded_name="", file_name__icontains=name)
            rows = rows.filter(Q(folded_name__contains=folded(name)) | former)
        if genre := asked.get("genre"):
            rows = rows.filter(genre="" if genre == NOT_SURE else genre)
        if since := asked.get("since"):
            rows = rows.filter(analysed_at__gte=_midnight(since))
        if until := asked.get("until"):
            rows = rows.filter(analysed_at__lt=_midnight(until + timedelta(days=1)))
        sort = asked.get("sort") or "-analysed_at"
        return rows.order_by(sort, "-id" if sort.startswith("-") else "id")


def _midnight(day: date) -> datetime:
    """Return the beginning of a day in the visitor's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


class FeedbackForm(forms.Form):
    """Which genre is the right one."""

    genre = forms.ChoiceField(label="The right genre")

    def __init__(self, *args: Any, genres: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["genre"] = forms.ChoiceField(
            label="The right genre",
            choices=[("", "Choose a genre"), *((genre, genre.capitalize()) for genre in genres)],
        )

"""The forms around songs."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet

from songs.models import Analysis

SORTS = {
    "-analysed_at": "Newest first",
    "analysed_at": "Oldest first",
    "file_name": "File name",
    "genre": "Genre",
    "-confidence": "Most certain first",
    "confidence": "Least certain first",
}
NOT_SURE = "?"


class HistoryForm(forms.Form):
    """What of the history to show, and in which order."""

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
            rows = rows.filter(file_name__icontains=name)
        if genre := asked.get("genre"):
            rows = rows.filter(genre="" if genre == NOT_SURE else genre)
        if since := asked.get("since"):
            rows = rows.filter(analysed_at__date__gte=since)
        if until := asked.get("until"):
            rows = rows.filter(analysed_at__date__lte=until)
        sort = asked.get("sort") or "-analysed_at"
        return rows.order_by(sort, "-id" if sort.startswith("-") else "id")


class FeedbackForm(forms.Form):
    """Which genre is the right one."""

    genre = forms.ChoiceField(label="The right genre")

    def __init__(self, *args: Any, genres: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["genre"] = forms.ChoiceField(
            label="The right genre", choices=[(genre, genre.capitalize()) for genre in genres]
        )

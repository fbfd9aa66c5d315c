"""Analyses and feedback in the admin; users are there from Django."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from songs.models import Analysis, Feedback

if TYPE_CHECKING:
    AnalysisBase = admin.ModelAdmin[Analysis]
    FeedbackBase = admin.ModelAdmin[Feedback]
else:
    AnalysisBase = FeedbackBase = admin.ModelAdmin


@admin.register(Analysis)
class AnalysisAdmin(AnalysisBase):
    """Analyses, to look at and to delete."""

    list_display = ("file_name", "user", "genre", "confidence", "model_name", "analysed_at")
    list_filter = ("model_name", "genre")
    search_fields = ("file_name", "user__username")
    date_hierarchy = "analysed_at"
    list_select_related = ("user",)
    # A count of all rows for each page costs more than it says.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django passes it
        """Nobody writes an answer by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Analysis | None = None) -> bool:  # noqa: ARG002
        """Nor changes one."""
        return False


@admin.register(Feedback)
class FeedbackAdmin(FeedbackBase):
    """Corrections."""

    list_display = ("analysis", "said", "given_at")
    list_filter = ("kind", "genre")
    search_fields = ("analysis__file_name",)
    list_select_related = ("analysis",)
    raw_id_fields = ("analysis",)

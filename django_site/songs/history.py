"""A user's history: every view takes its rows from the user's own."""

from datetime import timedelta
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from genre_site.methods import post_only

from songs.forms import FeedbackForm, HistoryForm
from songs.models import Analysis, Feedback, Picture
from songs.uploading import result_context

_ROWS_A_PAGE = 25
UNDO_TIME = timedelta(hours=1)

# Each genre is one step in the index, where DISTINCT would read all of the user's rows.
_GENRES = """
    WITH RECURSIVE found(genre) AS (
        SELECT min(genre) FROM songs_analysis WHERE user_id = %(user)s AND deleted_at IS NULL
        UNION ALL
        SELECT (
            SELECT min(genre) FROM songs_analysis
            WHERE user_id = %(user)s AND deleted_at IS NULL AND genre > found.genre
        )
        FROM found WHERE genre IS NOT NULL
    )
    SELECT genre FROM found WHERE genre IS NOT NULL
"""


def own_analyses(request: HttpRequest) -> QuerySet[Analysis]:
    """Return the user's analyses, without deleted ones."""
    return Analysis.objects.filter(user=cast(User, request.user), deleted_at=None)


def chosen_analyses(request: HttpRequest) -> tuple[HistoryForm, QuerySet[Analysis]]:
    """Return the form of the history, and the analyses that its fields ask for."""
    form = HistoryForm(request.GET, genres=_genres(cast(User, request.user)))
    return form, form.choose(own_analyses(request))


def _genres(user: User) -> list[str]:
    """Return the genres that there are among a user's analyses, in alphabetical order; "" stands for not sure."""
    with connection.cursor() as cursor:
        cursor.execute(_GENRES, {"user": user.pk})
        return [genre for (genre,) in cursor.fetchall()]


@login_required
@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """Show the user's analyses, a page at a time."""
    form, rows = chosen_analyses(request)
    listed = rows.select_related("feedback").defer("answer")
    page = Paginator(listed, _ROWS_A_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    deleted = request.session.pop("deleted", None)
    context = {
        "form": form,
        "page": page,
        "query": query.urlencode(),
        "here": request.GET.urlencode(),
        "deleted": deleted,
    }
    return render(request, "songs/history.html", context)


@login_required
@require_safe
def result(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one analysis."""
    analysis = get_object_or_404(own_analyses(request).select_related("feedback"), pk=pk)
    given = getattr(analysis, "feedback", None)
    form = FeedbackForm(genres=analysis.genres, initial={"genre": given.genre if given else ""})
    context = {
        "form": form,
        "given": given,
        "has_picture": Picture.objects.filter(analysis=analysis).exists(),
        "share_address": request.build_absolute_uri(reverse("shared", args=[analysis.share_key]))
        if analysis.share_key
        else "",
    }
    return render(request, "songs/result.html", result_context(analysis) | context)


@login_required
@require_safe
def picture(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the picture that was drawn of an analysis."""
    drawn = Picture.objects.filter(analysis__in=own_analyses(request), pk=pk).first()
    if drawn is None:
        raise Http404
    return picture_response(drawn, seconds=86400)


def picture_response(drawn: Picture, seconds: int) -> HttpResponse:
    """Return a picture, which a browser may keep for so long."""
    response = HttpResponse(bytes(drawn.png), content_type="image/png")
    response["Cache-Control"] = f"private, max-age={seconds}"
    return response


@login_required
@post_only("result")
def feedback(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep the user's correction, or remove it."""
    analysis = get_object_or_404(own_analyses(request), pk=pk)
    kind = request.POST.get("kind", Feedback.Kind.GENRE)
    form = FeedbackForm(request.POST, genres=analysis.genres)
    if kind == "withdraw":
        Feedback.objects.filter(analysis=analysis).delete()
        messages.success(request, "Your correction is removed.")
    elif kind in (Feedback.Kind.NONE, Feedback.Kind.NO_MUSIC):
        _say(analysis, kind, "")
        messages.success(request, "Thank you. Your answer is saved with this song.")
    elif form.is_valid():
        _say(analysis, Feedback.Kind.GENRE, form.cleaned_data["genre"])
        messages.success(request, "Thank you. Your answer is saved with this song.")
    else:
        messages.error(request, "Choose one of the genres.")
    return redirect(analysis)


def _say(analysis: Analysis, kind: str, genre: str) -> None:
    Feedback.objects.update_or_create(analysis=analysis, defaults={"kind": kind, "genre": genre})


@login_required
@post_only("result")
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one analysis; it can be restored for an hour, or until the next one is deleted."""
    analysis = get_object_or_404(own_analyses(request).defer("answer"), pk=pk)
    Analysis.objects.filter(user=cast(User, request.user), deleted_at__isnull=False).delete()
    analysis.deleted_at = timezone.now()
    analysis.save(update_fields=["deleted_at"])
    request.session["deleted"] = {"pk": analysis.pk, "file_name": analysis.file_name}
    return _back_to_list(request)


@login_required
@post_only("result")
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Undo a deletion."""
    since = timezone.now() - UNDO_TIME
    analysis = get_object_or_404(
        Analysis.objects.filter(user=cast(User, request.user), deleted_at__gte=since).defer("answer"), pk=pk
    )
    analysis.deleted_at = None
    analysis.save(update_fields=["deleted_at"])
    messages.success(request, f"{analysis.file_name} is in your history again.")
    return _back_to_list(request)


def _back_to_list(request: HttpRequest) -> HttpResponse:
    """Return to the part of the history that the form was on."""
    query = QueryDict(request.POST.get("query", "")).urlencode()
    return redirect(f"{reverse('history')}?{query}" if query else "history")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_all(request: HttpRequest) -> HttpResponse:
    """Ask, then delete all analyses of the user."""
    if request.method == "POST":
        _, deleted = Analysis.objects.filter(user=cast(User, request.user)).delete()
        count = deleted.get("songs.Analysis", 0)
        messages.success(request, f"Deleted {count} result{'' if count == 1 else 's'}. Your history is empty.")
        return redirect("history")
    own = own_analyses(request)
    counts = {
        "count": own.count(),
        "corrections": Feedback.objects.filter(analysis__in=own).count(),
        "pictures": Picture.objects.filter(analysis__in=own).count(),
    }
    return render(request, "songs/delete_all.html", counts)

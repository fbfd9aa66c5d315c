"""A result by a link that its owner makes, and can withdraw."""

import secrets
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe
from genre_site.methods import post_only

from songs.history import picture_response
from songs.models import Analysis, Picture
from songs.uploading import result_context


@login_required
@post_only("result")
def share(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the link of an analysis, or withdraw it."""
    own = Analysis.objects.filter(user=cast(User, request.user), deleted_at=None)
    analysis = get_object_or_404(own.defer("answer"), pk=pk)
    if request.POST.get("withdraw"):
        analysis.share_key = None
        messages.success(request, "The link no longer works.")
    elif not analysis.share_key:
        analysis.share_key = secrets.token_urlsafe(16)
    analysis.save(update_fields=["share_key"])
    return redirect(f"{analysis.get_absolute_url()}#share")


@require_safe
def shared(request: HttpRequest, key: str) -> HttpResponse:
    """Show a shared analysis to anybody who has its link."""
    analysis = get_object_or_404(Analysis, share_key=key, deleted_at=None)
    context = {"key": key, "has_picture": Picture.objects.filter(analysis=analysis).exists()}
    response = render(request, "songs/shared.html", result_context(analysis) | context)
    response["X-Robots-Tag"] = "noindex"
    return response


@require_safe
def picture(request: HttpRequest, key: str) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Return the picture of a shared analysis."""
    drawn = get_object_or_404(Picture, analysis__share_key=key, analysis__deleted_at=None)
    return picture_response(drawn, seconds=0)

"""The models and their scores, from their cards."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from songs import genre_client


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Show every model's card."""
    models = genre_client.models()
    has_tags = any(card["encoder"] for card in models)
    return render(request, "songs/about.html", {"models": models, "has_tags": has_tags})

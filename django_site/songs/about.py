"""What the models are and what their answers are worth, as the service says."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from songs import service


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Show every model's card."""
    return render(request, "songs/about.html", {"models": service.models()})

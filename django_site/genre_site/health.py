"""Health, for whoever runs the site."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from songs.genre_client import is_ready


@never_cache
@require_safe
def livez(_: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def readyz(_: HttpRequest) -> HttpResponse:
    """Say which part works: 503 without the database, 200 without the service, as history is there without it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        database = True
    except DatabaseError:
        database = False
    parts = {
        "database": "ready" if database else "unreachable",
        "service": "ready" if is_ready() else "unreachable",
    }
    return JsonResponse(parts, status=200 if database else 503)

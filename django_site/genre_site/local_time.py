"""Times in the time zone of the visitor's browser, which `theme.js` writes into a cookie."""

import functools
import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


@functools.cache
def _known_zones() -> set[str]:
    return zoneinfo.available_timezones()


class LocalTime:
    """Let templates, filters and statistics use the visitor's days and hours."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in that time zone; in UTC where it is unknown."""
        name = request.COOKIES.get("timezone", "")
        with timezone.override(zoneinfo.ZoneInfo(name) if name in _known_zones() else None):
            return self.get_response(request)

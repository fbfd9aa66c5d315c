"""The pages that say what is wrong, made without the database, which may be what is wrong."""

import errno
import logging
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

# With a 503: the seconds after which it can be tried again.
RETRY = {"Retry-After": "10"}

logger = logging.getLogger(__name__)


def problem(request: HttpRequest, status: int, title: str, advice: str) -> HttpResponse:
    """Return an error as a page, or as the sentence that the page's script shows beside the file."""
    headers = RETRY if status == 503 else {}
    if request.headers.get("X-Requested-With") == "XMLHttpRequest":
        return HttpResponse(advice, status=status, headers=headers | {"Content-Type": "text/plain; charset=utf-8"})
    page = render_to_string("problem.html", {"title": title, "advice": advice})
    return HttpResponse(page, status=status, headers=headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer what cannot be understood."""
    return problem(request, 400, "The request could not be read", "Go back, reload the page and send it again.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer what is not allowed."""
    return problem(request, 403, "Not allowed", "Your account may not do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that did not come from this site, or comes from before a log-in."""
    logger.warning("CSRF: %s", reason)
    return problem(
        request, 403, "This page is out of date", "Reload the page and try again. The site needs cookies for its forms."
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it
    """Answer an address that does not exist, or is another user's."""
    return problem(request, 404, "Nothing here", "The page does not exist, or belongs to another account.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when something of the site itself is broken, and say which part if it is known."""
    error = sys.exc_info()[1]
    text = str(error).lower()
    if (isinstance(error, OSError) and error.errno == errno.ENOSPC) or ("disk" in text and "full" in text):
        return problem(
            request, 503, "The disk is full", "The site has no room for this at the moment. Try again later."
        )
    if isinstance(error, OperationalError | InterfaceError):
        return problem(
            request, 503, "The database is unavailable", "The site cannot reach its database. Try again in a minute."
        )
    return problem(request, 500, "Something went wrong", "This is a fault of the site. It has been logged. Try again.")

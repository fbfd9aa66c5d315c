"""Addresses that take forms only."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from genre_site.errors import problem

View = Callable[..., HttpResponse]


def post_only(page: str) -> Callable[[View], View]:
    """Let a view be asked with POST only; who opens its address, as after a log-in, comes to the page it belongs to."""

    def decorate(view: View) -> View:
        limited_view = require_POST(view)

        @wraps(view)
        def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in ("GET", "HEAD"):
                response: HttpResponse = redirect(page, *args, **kwargs)
            else:
                response = limited_view(request, *args, **kwargs)
            return response

        return limited

    return decorate


class MethodPage:
    """Put a page into an answer that says only that the method is wrong."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with a page."""
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        page = problem(
            request,
            HTTPStatus.METHOD_NOT_ALLOWED,
            "This page cannot be opened directly",
            "Go to the first page and start there.",
        )
        page["Allow"] = response["Allow"]
        return page

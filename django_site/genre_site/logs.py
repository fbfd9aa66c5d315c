"""Logs: one JSON object a line, with the id of the request."""

import json
import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter

from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("genre_site.requests")

# The id of the request under way, passed on to the service.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
_GOOD_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


class JsonLines(logging.Formatter):
    """Format a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if REQUEST_ID.get():
            line["request_id"] = REQUEST_ID.get()
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class RequestLog:
    """Give each request an id, and log its method, path, status and time; never its fields, files or query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with X-Request-ID."""
        passed = request.headers.get("X-Request-ID", "")
        token = REQUEST_ID.set(passed if _GOOD_ID.fullmatch(passed) else uuid.uuid4().hex)
        began = perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = REQUEST_ID.get()
            fields = {
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "seconds": round(perf_counter() - began, 4),
            }
            logger.info("request", extra={"fields": fields})
            return response
        finally:
            REQUEST_ID.reset(token)

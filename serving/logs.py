"""The log: one JSON object a line, with the id of the request it is about.

A client may pass the id as the header X-Request-ID, and gets it back in the answer's, or a new one.
"""

import json
import logging
import re
import sys
import time
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NoReturn

import bentoml
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADER = "x-request-id"
# What can do no harm in a log, a shell or a page.
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)
# Asked for every few seconds by machines; a failure shows elsewhere.
_UNLOGGED = {"/livez", "/readyz", "/healthz", "/metrics"}

_logger = logging.getLogger("bentoml.genre")
# What is known of the request under way, to be logged with whatever is logged about it.
_request: ContextVar[dict[str, Any] | None] = ContextVar("request", default=None)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time (UTC), level, logger, message, request_id, and further fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(_request.get() or {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def write_json_lines() -> None:
    """Make this process log JSON, each line once; BentoML sets the loggers up anew in each process it starts."""
    for name in (None, "bentoml"):
        for handler in logging.getLogger(name).handlers:
            handler.setFormatter(JsonLines())
    # BentoML gives these handlers of their own and lets them pass lines on to the root's, too.
    for name in ("uvicorn.error", "circus"):
        logging.getLogger(name).handlers.clear()
    logging.captureWarnings(capture=True)


def fail(problem: str) -> NoReturn:
    """End this process with status 1, and a line in the log that says why."""
    _logger.critical(problem)
    sys.exit(1)


def log_with_request(**fields: Any) -> None:
    """Add fields to the log of the request under way."""
    request = _request.get()
    if request is not None:
        request.update(fields)


class RequestLog:
    """ASGI middleware that gives each request its id, logs it when it has been answered, and counts it if refused."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with the request's id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(_HEADER, "")
        request: dict[str, Any] = {"request_id": given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex}
        request |= {"method": scope["method"], "path": scope["path"]}
        token = _request.set(request)
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[_HEADER] = request["request_id"]
                log_with_request(status=message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if scope["path"] not in _UNLOGGED:
                log_with_request(seconds=round(time.perf_counter() - began, 4))
                _logger.info("answered" if "status" in request else "broken off")
                if "reason" in request:
                    bentoml.get_current_service().metrics.count_rejection(request["reason"])
            _request.reset(token)

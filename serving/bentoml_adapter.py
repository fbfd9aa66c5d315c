"""What BentoML and the server under it do otherwise than this service needs, changed in the processes that answer.

`serving/supervisor.py` has the same for the process that starts them.
"""

import sys

from bentoml._internal.server.http import traffic
from starlette.types import ASGIApp, Receive, Scope, Send


class NoTimeout:
    """ASGI middleware that does nothing, in place of BentoML's."""

    def __init__(self, app: ASGIApp, timeout: float) -> None:
        del timeout
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self.app(scope, receive, send)


def remove_timeout() -> None:
    """Take BentoML's limit of time out of every service that this process starts from now on.

    `serving/settings.py` has our own limits, which say what was too slow. Of each request, BentoML sets a timer that it
    never cancels, and which keeps the request, its trace and its context in memory until the limit is over, answered or
    not (bentoml 1.4, `TimeoutMiddleware`): 6 KB each, of a batch's hour of limit some hundreds of megabytes.
    """
    traffic.TimeoutMiddleware = NoTimeout  # type: ignore[assignment,misc]


def answer_half_closed_connections() -> None:
    """Let the server of this process, if it has one, speak HTTP as `serving/connection.py` does."""
    # BentoML imports the server before the service in the processes that answer, and in no other.
    if "uvicorn" in sys.modules:
        from uvicorn.config import HTTP_PROTOCOLS

        HTTP_PROTOCOLS["auto"] = "serving.connection:Connection"

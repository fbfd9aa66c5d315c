"""What BentoML and the server under it do otherwise than this service needs, changed in the processes that answer.

`serving/supervisor.py` has the same for the process that starts them.
"""

import ctypes
import signal
import sys

from bentoml._internal.server.http import traffic
from starlette.types import ASGIApp, Receive, Scope, Send

# From Linux's prctl.h.
_PR_SET_PDEATHSIG = 1


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


def end_with_supervisor() -> None:
    """Let this process end as after SIGTERM when the one that started it has been killed; only Linux can.

    It would else go on, with nobody to start it again, and keep the port from a service that is started in its place.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

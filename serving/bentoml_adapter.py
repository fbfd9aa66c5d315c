"""Changes to BentoML and the server under it, made in the processes that answer.

`serving/supervisor.py` has the same for the process that starts them.
"""

import ctypes
import signal
import sys
from typing import Any

from bentoml import Bento, Service
from bentoml._internal.server.http import traffic
from starlette.types import ASGIApp, Receive, Scope, Send

# From Linux's prctl.h.
_PR_SET_PDEATHSIG = 1

# BentoML closes a dependency's session, and with it the calls under way, after so many requests or seconds: never.
ONE_SESSION = {"max_requests": 10**9, "max_age": 1e9}

# serving.logs replaces BentoML's own log of requests.
NO_ACCESS_LOG = {"access": {"enabled": False}}
# serving.readiness replaces BentoML's own, which answers 500 if MelFeatures cannot be reached.
NO_PROBE = {"enabled": False}

# A song's arrays are megabytes: without these, glibc gives them back to the kernel after each and asks for them again,
# which costs a seventh of all time. Larger ones are whole uploads: kept, they would leave holes that add up to half a
# gigabyte.
KEEP_MEMORY = [
    {"name": "MALLOC_TRIM_THRESHOLD_", "value": "64000000"},
    {"name": "MALLOC_MMAP_THRESHOLD_", "value": "8000000"},
]


class AnyShape(Service[Any]):
    """A service whose Bento serves it in every shape."""

    def on_load_bento(self, bento: Bento) -> None:
        """Take the name and version of the Bento."""
        # BentoML's own fails where a dependency is not among those of the shape in which the Bento was built.
        for service in self.all_services().values():
            service.bento = bento


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

    `serving/settings.py` has our own limits, with clearer errors. Of each request, BentoML sets a timer that it
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

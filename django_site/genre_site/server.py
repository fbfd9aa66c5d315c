"""The web server: waitress, which hands a request to a thread only when all of it has arrived.

Slow connections cost a socket each, and no thread. Here are the limits that waitress lacks: how slowly a request may
arrive, how many uploads there may be at once, and a stop that lets requests finish.
"""

import logging
import signal
import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask

from genre_site.middleware import FORM_BYTES, NO_ROOM

# A request has so many seconds to arrive, and one more for each of so many bytes that have.
PATIENCE_SECONDS, _BYTES_A_SECOND = 20.0, 16_000
# Each upload takes up to twice SITE_MAX_UPLOAD_MB of the disk: as it arrived, and as Django reads it.
_UPLOADS = 64
# With the files of uploads, below the 1,024 files that a process may usually have open.
_CONNECTIONS = 600
# Proxies keep idle connections for a minute.
_IDLE_SECONDS = 75
# A song that waits and is worked on takes no longer in the service.
_STOP_SECONDS = 130
_MEMORY_BYTES = 1 << 16

logger = logging.getLogger(__name__)


class _Nowhere(OverflowableBuffer):
    """Keeps nothing of a body: a browser shows an answer only once it has sent all of its file."""

    def append(self, s: bytes) -> None:
        """Drop a part of the body."""


class _Request(HTTPRequestParser):
    """A request that arrives."""

    def __init__(self, adj: Adjustments, server: "_Server") -> None:
        super().__init__(adj)
        self.server: _Server = server
        self.began = time.monotonic()
        self.upload = self.no_room = False

    def parse_header(self, header_plus: bytes) -> None:
        """Decide from its length whether the body is kept; Django then answers 413 or 503."""
        super().parse_header(header_plus)
        if self.chunked:
            raise ParsingError("A body needs a Content-Length.")
        self.upload = FORM_BYTES < self.content_length <= settings.MAX_UPLOAD_BYTES + FORM_BYTES
        self.no_room = self.upload and self.server.uploads() >= _UPLOADS
        if self.no_room or self.content_length > settings.MAX_UPLOAD_BYTES + FORM_BYTES:
            self._keep_nothing()

    def received(self, data: bytes) -> int:
        """Take a part of the request; if the disk is full, without its body."""
        try:
            used: int = super().received(data)
        except OSError:
            logger.exception("An upload cannot be kept")
            self._keep_nothing()
            self.no_room = True
            used = super().received(data)
        return used

    def is_late(self) -> bool:
        """Return whether it arrives too slowly."""
        received: int = self.header_bytes_received + self.body_bytes_received
        return time.monotonic() - self.began > self.server.patience_seconds + received / _BYTES_A_SECOND

    def _keep_nothing(self) -> None:
        self.upload = False
        if self.body_rcv is not None:
            with suppress(OSError):
                self.body_rcv.buf.close()
            self.body_rcv.buf = _Nowhere(_MEMORY_BYTES)


class _Task(WSGITask):
    """Tells Django whether the body was kept."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[NO_ROOM] = self.request.no_room
        return environ


class _Channel(HTTPChannel):
    """A connection."""

    task_class = _Task

    def parser_class(self, adj: Adjustments) -> _Request:
        """Return a new request."""
        return _Request(adj, self.server)


class _Server(TcpWSGIServer):
    """Listens at one address."""

    channel_class = _Channel
    accepting: bool
    patience_seconds = PATIENCE_SECONDS

    def uploads(self) -> int:
        """Return how many uploads arrive here or wait for their answer."""
        requests = [
            one for channel in self.active_channels.values() for one in (channel.request, *tuple(channel.requests))
        ]
        return sum(one is not None and one.upload for one in requests)

    def maintenance(self, now: float) -> None:
        """Close idle connections, and those whose request arrives too slowly."""
        super().maintenance(now)
        for channel in self.active_channels.values():
            if channel.request is not None and not channel.requests and channel.request.is_late():
                logger.info("A request arrived too slowly: connection closed")
                channel.will_close = True

    def is_busy(self) -> bool:
        """Return whether a request or an answer is under way."""
        return any(
            channel.request is not None or channel.requests or channel.total_outbufs_len
            for channel in tuple(self.active_channels.values())
        )

    def stop_listening(self) -> None:
        """Accept no more connections."""
        if self.accepting:
            self.accepting = False
            self.del_channel()
            self.socket.close()


def serve(application: Any, bind: str, patience_seconds: float) -> None:
    """Serve a WSGI application at HOST:PORT until SIGTERM or SIGINT; the former lets requests under way finish.

    Raises OSError if the address cannot be had, ValueError if it is none.
    """
    limits = Adjustments(
        listen=bind,
        threads=settings.THREADS,
        connection_limit=_CONNECTIONS,
        channel_timeout=_IDLE_SECONDS,
        cleanup_interval=1,
        inbuf_overflow=_MEMORY_BYTES,
        recv_bytes=_MEMORY_BYTES,
        max_request_header_size=_MEMORY_BYTES,
        # The rest of a much larger body is not waited for.
        max_request_body_size=4 * settings.MAX_UPLOAD_BYTES + FORM_BYTES,
        # Django reads them, if SITE_PROXIES says so.
        clear_untrusted_proxy_headers=False,
        log_socket_errors=False,
        ident=None,
    )
    threads = ThreadedTaskDispatcher()
    threads.set_thread_count(limits.threads)
    sockets: dict[int, Any] = {}
    servers = [_Server(application, sockets, dispatcher=threads, adj=limits, sockinfo=one) for one in limits.listen]
    for server in servers:
        server.patience_seconds = patience_seconds
    end = 0.0

    def stop(*_: object) -> None:
        nonlocal end
        end = end or time.monotonic() + _STOP_SECONDS
        servers[0].pull_trigger()

    signal.signal(signal.SIGTERM, stop)
    logger.info("The site is served at %s", bind)
    try:
        while not end or (any(server.is_busy() for server in servers) and time.monotonic() < end):
            if end:
                for server in servers:
                    server.stop_listening()
            wasyncore.loop(timeout=1, use_poll=True, map=sockets, count=1)
    except KeyboardInterrupt:
        pass
    threads.shutdown(timeout=1)
    wasyncore.close_all(sockets)

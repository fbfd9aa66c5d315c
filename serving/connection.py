"""Connections of clients that have sent their request and close their half of it: they get their answer, too.

asyncio closes a connection when the other side has sent its last byte. A client that closes only its writing half,
as `nc -N` does, would then never be answered (uvicorn 0.54).
"""

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# How soon a client is missed that has gone away altogether.
_CHECK_SECONDS = 0.5
_INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(AutoHTTPProtocol):  # type: ignore[misc,valid-type] # it is one of two classes
    """A connection over HTTP 1, as uvicorn has it, that stays open while an answer is owed."""

    cycle: Any
    transport: asyncio.Transport

    def eof_received(self) -> bool:
        """Return whether the connection stays open, now that the client has sent its last byte."""
        cycle = self.cycle
        # TLS cannot be closed by halves; and a request that is cut off has no answer.
        if self.scheme == "https" or cycle is None or cycle.more_body or cycle.response_complete:
            return False
        cycle.keep_alive = False
        if cycle.scope["http_version"] == "1.1" and not cycle.response_started:
            # A client that has gone away altogether answers this with a reset, which is how it is told from others.
            self.transport.write(_INTERIM)
        self._check(cycle)
        return True

    def _check(self, cycle: Any) -> None:
        """Close the connection if the client has reset it; look again later, as long as an answer is owed."""
        if cycle.response_complete or cycle.disconnected or self.transport.is_closing():
            return
        if self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
        else:
            asyncio.get_running_loop().call_later(_CHECK_SECONDS, self._check, cycle)

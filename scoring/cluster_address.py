"""The Ray cluster to score on, known to answer before anything is listed."""

import os
import socket
import subprocess
import sys

_VARIABLE = "RAY_ADDRESS"
_OWN = "local"
# Ray itself waits for minutes, and cannot be interrupted meanwhile.
_LONGEST_WAIT_SECONDS = 25
_CONNECT = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False)"


class NoCluster(RuntimeError):
    """A Ray cluster that does not answer; the message names it and the remedy."""


def find_cluster(address: str | None) -> str | None:
    """Return the address of a cluster that answers, or None for a new one on this machine.

    Without an address, it is that of the variable RAY_ADDRESS; a file that Ray left of a former cluster counts for
    nothing. Raises NoCluster if nothing answers there within 25 seconds.
    """
    source = "--address" if address else _VARIABLE
    address = address or os.environ.get(_VARIABLE) or _OWN
    if address == _OWN:
        return None
    try:
        _connect(address)
        subprocess.run(  # noqa: S603 - no shell
            [sys.executable, "-c", _CONNECT, address],
            capture_output=True,
            check=True,
            text=True,
            timeout=_LONGEST_WAIT_SECONDS,
        )
    except OSError as error:
        raise _no_cluster(address, source, error.strerror or str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise _no_cluster(address, source, f"no answer in {_LONGEST_WAIT_SECONDS} seconds") from error
    except subprocess.CalledProcessError as error:
        raise _no_cluster(address, source, (error.stderr.strip().splitlines() or ["no reason given"])[-1]) from error
    return address


def _connect(address: str) -> None:
    """Raise OSError if an address of the form `host:port` or `ray://host:port` accepts no connection.

    Ray would try for half a minute.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _LONGEST_WAIT_SECONDS).close()


def _no_cluster(address: str, source: str, reason: str) -> NoCluster:
    return NoCluster(
        f"There is no Ray cluster at {address} ({source}): {reason.rstrip('.')}. Start it, correct the address, or "
        f"leave {source} out for a new one on this machine."
    )

"""The supervisor of the worker processes, and its changes to BentoML's (bentoml 1.4, circus 0.19).

It writes its log as they do, looks at the models before it starts them, ends when one of them cannot start, and waits
for them no longer than it is given when it is told to end.
"""

import logging
import os
from pathlib import Path
from typing import Any

import circus.watcher
from bentoml._internal.utils import circus as bentoml_circus
from circus.sockets import CircusSocket
from uvicorn.config import STARTUP_FAILURE

from inference.bundle import BadBundle, folders_without_card, list_cards, load_bundle
from serving.logs import fail, write_json_lines

# From when the requests under way are cancelled until a process that has not ended is killed.
_KILL_SECONDS = 3
_GRACE_OPTION = "--timeout-graceful-shutdown"

_logger = logging.getLogger("bentoml.genre")
_grace_seconds = 0.0


def supervise(grace_seconds: float) -> None:
    """Let the processes that this one will start end as this module says.

    Told to end, a process finishes the requests under way within `grace_seconds`, of several calls the longest.
    """
    global _grace_seconds
    _grace_seconds = max(_grace_seconds, grace_seconds)
    write_json_lines()
    circus.watcher.Watcher = Supervised
    bentoml_circus.Arbiter = Supervisor  # type: ignore[misc]
    CircusSocket.bind_and_listen = _bind_and_listen


def check_models(models: Path) -> None:
    """End this process, with a line in the log that says why, if a bundle in a folder is damaged or there is none."""
    try:
        for name in list_cards(models):
            load_bundle(models / name)
    except BadBundle as error:
        fail(str(error))
    for folder in folders_without_card(models):
        _logger.warning("skipped %s: it has no card.json", folder)


class Supervised(circus.watcher.Watcher):
    """Processes of one kind: started again when they crash, but not when they could not start."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options["graceful_timeout"] = _grace_seconds + _KILL_SECONDS
        if _GRACE_OPTION not in options["args"]:
            options["args"] = [*options["args"], _GRACE_OPTION, str(round(_grace_seconds) or 1)]
        super().__init__(*args, **options)

    def reap_process(self, pid: int, status: int | None = None) -> None:
        """Take note of a process that has ended."""
        if status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == STARTUP_FAILURE:
            self.respawn = False
        super().reap_process(pid, status)


class Supervisor(bentoml_circus.Arbiter):
    """The parent of the processes of all kinds, which starts them and waits for them."""

    def start(self, cb: Any = None) -> None:
        """Start them, and wait until they have ended; end this process if one of a kind is no longer there."""
        try:
            super().start(cb)
        except RuntimeError:
            # circus' only way to say so.
            fail("A process of the service could not start, or ended and is not started again. Its log says why.")
        finally:
            # BentoML tidies up in `stop`, which is not called then.
            self.exit_stack.close()


_circus_bind_and_listen = CircusSocket.bind_and_listen


def _bind_and_listen(self: CircusSocket) -> None:
    circus_log = logging.getLogger("circus")
    # It has a line of its own about this, which does not say why.
    circus_log.disabled = True
    try:
        _circus_bind_and_listen(self)
    except OSError as error:
        fail(f"Cannot listen on {self.location}: {error.strerror}. Free that port, or name another with --port.")
    finally:
        circus_log.disabled = False

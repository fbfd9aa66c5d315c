"""The handler for AWS Lambda: the service behind an HTTP API or a function URL, and for songs that come into a bucket.

The models are loaded once, before the first call, in the time that AWS gives to start. One call is answered at a time.
"""

# ruff: noqa: E402 - what comes first is to hold for the imports

import gc

# Of what is imported, nothing becomes garbage: to look for some takes a tenth of the start.
gc.disable()

import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote_plus

import bentoml
from mangum import Mangum
from uploads import PREFIX, Uploads

from features.deadline import Deadline
from inference.bundle import find_card
from service import SERVICE
from serving.work import call_deadline

# Each line becomes an entry of the log group. Lambda's own handler would need lines to end in a way of its own.
logging.basicConfig(stream=sys.stdout, force=True)
logging.getLogger("bentoml").setLevel(logging.INFO)
_logger = logging.getLogger("bentoml.genre")
# What a call needs when the work on its song has been stopped: to answer before AWS ends it.
_ANSWER_SECONDS = 2.0
# What BentoML counts in; and each environment of Lambda counts for itself.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()

SERVICE.add_asgi_middleware(Uploads)
_app = SERVICE.to_asgi()
_loop = asyncio.new_event_loop()
asyncio.set_event_loop(_loop)
# Entered here, once, and never left: Mangum's own way would load the models anew for each call.
_lifespan = _app.router.lifespan_context(_app)
_loop.run_until_complete(_lifespan.__aenter__())
_answer = Mangum(_app, lifespan="off")
gc.freeze()
gc.enable()


class Unscored(RuntimeError):
    """Songs that AWS did not let be read, or their answers written; the message says which, and why."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any] | None:
    """Return the answer to a request; or score the songs that an event of S3 names, and return nothing.

    Raises Unscored when AWS is in the way, so that Lambda tries again; a song that is no sound has an answer, too. The
    work on a song stops before the time of the call is over.
    """
    call_deadline.set(Deadline(context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS))
    if "Records" not in event:
        return _answer(event, context)
    _loop.run_until_complete(_score(event["Records"]))
    return None


async def _score(records: Sequence[dict[str, Any]]) -> None:
    """Write the answer for each object as JSON beside it."""
    import bucket

    service = bentoml.get_current_service()
    failures = []
    for number, record in enumerate(records):
        name, key = record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
        # Neither our own answers, nor a song that somebody is about to ask for.
        if key.endswith(".json") or key.startswith(PREFIX):
            continue
        try:
            answer = await service.answer(bucket.read_song(name, key), find_card(None, service.analyser.cards))
            if number and not call_deadline.get().seconds_left():
                # Another song took the time that this one needs.
                failures.append(f"s3://{name}/{key}: the time of the call was over")
                continue
            content = asdict(answer.prediction) if answer.prediction else {"error": answer.error}
            bucket.write_json(name, f"{key}.json", json.dumps(content).encode())
        except bucket.MissingObject as error:
            _logger.warning("%s", error)
        except bucket.BucketError as error:
            failures.append(str(error))
        else:
            _logger.info("scored s3://%s/%s", name, key)
    if failures:
        raise Unscored("; ".join(failures))

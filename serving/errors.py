"""Errors: every one that leaves the service is a JSON object with one field, `error`."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.logs import log_with_request

_UNREAD = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
_PASSING = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
_RETRY_SECONDS = 5
# nginx's status of a request whose client did not wait for the answer: nobody gets it, the log and the metrics have it.
CLIENT_GONE = 499
_PICKLE = "application/vnd.bentoml+pickle"


class Refusal(Exception):
    """A request that is refused: an HTTP status, a message with the remedy, and the reason in a word or two."""

    def __init__(self, status: int, message: str, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason

    def response(self) -> JSONResponse:
        """Return the answer; a client whose song is not read to its end is not listened to any longer."""
        log_with_request(reason=self.reason)
        headers = {}
        if self.status in _UNREAD:
            headers["connection"] = "close"
        if self.status in _PASSING:
            headers["retry-after"] = str(_RETRY_SECONDS)
        return JSONResponse({"error": str(self)}, self.status, headers)


class JsonErrors:
    """ASGI middleware that gives the errors of BentoML and Starlette themselves the shape of all others.

    A Refusal that nobody else has caught becomes its answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "POST" and Headers(scope=scope).get("content-type", "").startswith(_PICKLE):
            # BentoML refuses it too, as it must, but with a list for an answer and a trace in the log.
            await Refusal(415, "Pickles are not taken. Send a song as multipart/form-data.", "media type").response()(
                scope, receive, send
            )
            return
        replaced = False

        async def send_json(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = Headers(raw=message["headers"])
                content_type = headers.get("content-type", "")
                if status >= HTTPStatus.BAD_REQUEST and not content_type.startswith("application/json"):
                    replaced = True
                    phrase = HTTPStatus(status).phrase
                    problem = f"{phrase}: {scope['method']} {scope['path']}. GET /docs.json lists what there is."
                    response = Refusal(status, problem, phrase.lower()).response()
                    if "allow" in headers:
                        response.headers["allow"] = headers["allow"]
                    await response(scope, receive, send)
            if not replaced:
                await send(message)

        try:
            await self.app(scope, receive, send_json)
        except Refusal as problem:
            await problem.response()(scope, receive, send)

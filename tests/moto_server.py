"""AWS over real HTTP: moto's server, and before it a front for what moto leaves out.

moto calls no function of an image, hands out no layers, drops the tags a bucket is created with, and keeps the
conditions of a permission in a form of its own. The front does that as AWS documents it, passes on the rest, and lets a
test refuse, delay or watch any request.
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

_NO_CHANGE = ("BatchGet", "Describe", "Get", "List")


@contextmanager
def moto(log: Path) -> Iterator[dict[str, str]]:
    """Run a server of its own, empty; yield the environment in which boto3 finds it."""
    with open(log, "wb") as output:
        program = (
            "import os; os.environ['MOTO_LAMBDA_STUB_ECR'] = 'false'; from moto.server import main; main(['-p', '0'])"
        )
        process = subprocess.Popen([sys.executable, "-c", program], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while "Running on" not in (said := log.read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        address = next(word for word in said.split() if word.startswith("http://"))
        assert requests.get(f"{address}/moto-api/", timeout=10).ok
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@dataclass(frozen=True)
class Request:
    """A request to AWS; `operation` is "CreateRole" or, of services that have paths, "PUT /name?tagging"."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """What it asks for."""
        if target := self.headers.get("x-amz-target"):
            return target.rpartition(".")[2]
        form = parse_qs(self.body.decode("latin-1")) if self.path == "/" else {}
        return form["Action"][0] if "Action" in form else f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        if " /" in self.operation:
            return self.method not in ("GET", "HEAD") and not self.path.partition("?")[0].endswith("/invocations")
        return not self.operation.startswith(_NO_CHANGE)


@dataclass(frozen=True)
class Answer:
    """An answer of AWS."""

    status: int
    headers: dict[str, str]
    body: bytes


# What a test does to a request: answers it, or lets it pass, with None.
Rule = Callable[[Request], Answer | None]
# What is in an image: it takes an event, and returns what its function would, or raises.
Program = Callable[[dict[str, Any]], object]


def refusal(request: Request, status: int, code: str, message: str) -> Answer:
    """Return an error as the service that is asked has it."""
    service = request.headers["authorization"].partition("Credential=")[2].split("/")[3]
    if service not in ("iam", "s3", "sts"):
        body = json.dumps({"__type": code, "message": message})
        return Answer(status, {"x-amzn-errortype": code, "content-type": "application/json"}, body.encode())
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
    return Answer(status, {"content-type": "text/xml"}, body.encode())


class Front:
    """The front of a server of moto: `address` is its, `programs` has an image's program by its digest.

    `any_program` stands for all of them.
    `before` and `after` see each request, and may answer in place of moto, or of what moto has answered.
    """

    def __init__(self, moto_address: str) -> None:
        self._moto = urlsplit(moto_address).netloc
        self.programs: dict[str, Program] = {}
        self.any_program: Program | None = None
        self.layers: dict[str, bytes] = {}
        self.before: Rule | None = None
        self.after: Rule | None = None
        # One at a time: a bucket without its tags is never seen.
        self._turn = threading.Lock()
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one piece: in two, each answer waits for the client's acknowledgement.
            wbufsize = -1

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = front.answer(Request(self.command, self.path, headers, body))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                        self.send_header(name, value)
                length = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else len(answer.body)
                if answer.status != 204:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = answer  # noqa: N815 - as Python calls them

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        answer = self.before(request) if self.before else None
        if answer is None:
            answer = self._answer(request)
        return (self.after(request) if self.after else None) or answer

    def _answer(self, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        if path.startswith("/layers/"):
            return Answer(200, {}, self.layers[path.removeprefix("/layers/")])
        if request.operation == "GetDownloadUrlForLayer":
            asked = json.loads(request.body)
            url = f"{self.address}/layers/{asked['layerDigest']}"
            return _json({"downloadUrl": url, "layerDigest": asked["layerDigest"]})
        if path.endswith("/invocations"):
            return self._invoke(request)
        with self._turn:
            return self._add_to_moto(request, path)

    def _add_to_moto(self, request: Request, path: str) -> Answer:
        """Return moto's answer, with what it leaves out."""
        answer = self._pass_on(request)
        if request.method == "PUT" and (tags := re.search(rb"<Tags>.*</Tags>", request.body)):
            inner = re.sub(rb"</?Tags>", b"", tags[0])
            tagging = b"<Tagging><TagSet>" + inner + b"</TagSet></Tagging>"
            headers = {name: value for name, value in request.headers.items() if "checksum" not in name}
            length = {"content-length": str(len(tagging))}
            self._pass_on(Request("PUT", f"{path}?tagging", headers | length, tagging))
        if request.method == "GET" and path.endswith("/policy") and answer.status == 200:
            return _json({"Policy": json.dumps(_as_aws_has_it(json.loads(json.loads(answer.body)["Policy"])))})
        return answer

    def _invoke(self, request: Request) -> Answer:
        path, _, query = request.path.partition("?")
        look = Request("GET", f"{path.removesuffix('/invocations')}?{query}", request.headers, b"")
        found = self._pass_on(Request(look.method, look.path, look.headers | {"content-length": "0"}, b""))
        if found.status != 200:
            return found
        digest = json.loads(found.body)["Code"]["ResolvedImageUri"].rpartition("@")[2]
        try:
            program = self.any_program or self.programs[digest]
            return _json(program(json.loads(request.body)))
        except Exception as error:
            failure = _json({"errorMessage": str(error), "errorType": type(error).__name__})
            return Answer(200, {"X-Amz-Function-Error": "Unhandled"}, failure.body)

    def _pass_on(self, request: Request) -> Answer:
        connection = HTTPConnection(self._moto, timeout=60)
        try:
            headers = {name: value for name, value in request.headers.items() if name != "expect"}
            connection.request(request.method, request.path, request.body, headers)
            got = connection.getresponse()
            return Answer(got.status, dict(got.getheaders()), got.read())
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless the client was killed before it had its answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _json(value: object) -> Answer:
    return Answer(200, {"content-type": "application/json"}, json.dumps(value).encode())


def _as_aws_has_it(policy: dict[str, Any]) -> dict[str, Any]:
    """Return a policy of a function with all conditions where they belong."""
    for statement in policy["Statement"]:
        conditions = statement.setdefault("Condition", {})
        if auth := statement.pop("FunctionUrlAuthType", None):
            conditions["StringEquals"] = {"lambda:FunctionUrlAuthType": auth}
        if statement.pop("InvokedViaFunctionUrl", None):
            conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    return policy

"""A Lambda function in a process of its own, as AWS runs it; the tests run theirs so, too.

The files lie where `deploy/lambda/Dockerfile` copies them, the process is the image's own command with AWS's real
client, and it asks a server on loopback for its calls, which speaks AWS Lambda's Runtime API (2018-06-01).
"""

import json
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "deploy" / "lambda" / "Dockerfile"
_API = "/2018-06-01/runtime"
_SECONDS = 120


class FunctionError(RuntimeError):
    """A call that failed; the message is the one that the function reported to AWS."""


@dataclass(frozen=True)
class Function:
    """A function that takes calls: its process, the file it logs to, and when the process was started."""

    process: subprocess.Popen[bytes]
    log: Path
    began: float
    _calls: "_Calls"

    def call(self, event: dict[str, Any]) -> Any:
        """Return the answer to an event; raise FunctionError if the call fails, or the function does not start."""
        self._calls.waiting.put(json.dumps(event).encode())
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            try:
                failed, answer = self._calls.answers.get(timeout=0.5)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise FunctionError(f"The function has ended:\n{self.log.read_text()}") from None
                continue
            if failed:
                raise FunctionError(answer.decode())
            return json.loads(answer)
        raise FunctionError(f"No answer in {_SECONDS} seconds:\n{self.log.read_text()}")

    def memory_mb(self) -> float:
        """Return the resident set size of its process, which shares no page with another in AWS."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6


@dataclass(frozen=True)
class _Calls:
    """Events on their way to the function, and its responses: whether the call failed, and the body."""

    waiting: "queue.Queue[bytes]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[tuple[bool, bytes]]" = field(default_factory=queue.Queue)


@dataclass(frozen=True)
class Image:
    """The configuration of an image: working directory, environment, and command.

    `seconds` is how long a call may take.
    """

    folder: Path
    environment: dict[str, str]
    command: list[str]
    seconds: float = _SECONDS


def lay_out(target: str, folder: Path) -> Image:
    """Return the image of a target, with its files in a folder that is empty, and byte-compiled."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    stages = dict(part.split("\n", 1) for part in re.split(r"^FROM \S+ AS ", text, flags=re.MULTILINE)[1:])
    image = Image(folder, {}, [])
    for line in (stages["base"] + stages[target]).splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "ENV":
            words = (word.partition("=") for word in shlex.split(rest.replace("/var/task", str(folder))))
            image.environment.update((name, value) for name, _, value in words)
        elif instruction in ("ENTRYPOINT", "CMD"):
            image.command.extend(json.loads(rest))
        elif instruction == "COPY" and not rest.split()[-1].startswith("/"):
            *sources, to = rest.split()
            _copy(sources, folder / to)
    subprocess.run([sys.executable, "-m", "compileall", "-q", folder], check=True)  # noqa: S603 - our own command
    return image


def _copy(sources: list[str], to: Path) -> None:
    for source in (ROOT / name for name in sources):
        if source.is_dir():
            shutil.copytree(source, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to)


def run(image: Image, log: Path, **environment: str) -> AbstractContextManager[Function]:
    """Run the function of an image until the block ends."""
    root = {"LAMBDA_TASK_ROOT": str(image.folder)}
    command = [sys.executable, *image.command[1:]]
    return start(command, image.folder, log, image.environment | root | environment, image.seconds)


@contextmanager
def start(
    command: list[str], folder: Path, log: Path, environment: dict[str, str], seconds: float = _SECONDS
) -> Iterator[Function]:
    """Run a command that asks for its calls where its environment says, until the block ends."""
    calls = _Calls()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Api", (_Api,), {"calls": calls, "seconds": seconds}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lambdas = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "genre",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_REGION": "us-east-1",
    }
    with open(log, "wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=folder,
            env=os.environ | lambdas | environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield Function(process, log, began, calls)
    finally:
        # As AWS does when an environment has been idle for long.
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


class _Api(BaseHTTPRequestHandler):
    """AWS Lambda's Runtime API."""

    protocol_version = "HTTP/1.1"
    calls: _Calls
    seconds: float

    def handle(self) -> None:
        """Talk with the function, until it is stopped in the middle of it."""
        with suppress(ConnectionResetError):
            super().handle()

    def do_GET(self) -> None:
        """Hand out the next call, as soon as there is one."""
        if self.path != f"{_API}/invocation/next":
            self._answer(404)
            return
        event = self.calls.waiting.get()
        self._answer(
            200,
            event,
            {
                "Content-Type": "application/json",
                "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(round((time.time() + self.seconds) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:genre",
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        """Take a response or an error."""
        said = self.rfile.read(int(self.headers["Content-Length"]))
        # .../runtime/init/error, or .../runtime/invocation/<call>/response or error
        self.calls.answers.put((self.path.endswith("/error"), said))
        self._answer(202)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the standard library calls it
        """Log nothing."""

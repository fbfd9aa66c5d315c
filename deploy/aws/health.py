"""Whether a version of the function answers as it should."""

import base64
import json

from deploy.aws.errors import DeployError
from deploy.aws.target import Target
from deploy.song import chord

_BOUNDARY = "song-of-deploy-aws"


class Unhealthy(DeployError):
    """A version that is not ready, or does not work; the message has its answer."""


def check(target: Target, qualifier: str) -> str:
    """Ask a version, as API Gateway would, whether it is ready; then for the genre of a song, or for the first page.

    Returns its answers; raises Unhealthy if one of them is wrong.
    """
    host = _host(target, qualifier)
    _ask(target, qualifier, host, "GET", "/readyz")
    if target.settings.site:
        _ask(target, qualifier, host, "GET", "/")
        return "ready, and shows its first page"
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="audio"; filename="song.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    song = head.encode() + chord() + f"\r\n--{_BOUNDARY}--\r\n".encode()
    answer = _ask(target, qualifier, host, "POST", "/classify", song)
    try:
        found = json.loads(answer)["probabilities"]
    except (ValueError, KeyError, TypeError):
        found = None
    if not found:
        raise Unhealthy(f"POST /classify of version {qualifier} gave no prediction: {_shown(answer)}")
    return "ready, and classifies a song"


def _ask(target: Target, qualifier: str, host: str, method: str, path: str, body: bytes = b"") -> bytes:
    """Return the body of an answer; raise Unhealthy for any but 200."""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "deploy aws"}
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "host": host,
            "x-forwarded-proto": "https",
            "content-length": str(len(body)),
            "content-type": f"multipart/form-data; boundary={_BOUNDARY}",
        },
        "requestContext": {
            "accountId": target.account,
            "apiId": "health",
            "domainName": host,
            "domainPrefix": "health",
            "http": http,
            "requestId": "health",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000,
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    called = target.functions.invoke(
        FunctionName=target.settings.name, Qualifier=qualifier, Payload=json.dumps(event).encode()
    )
    payload = called["Payload"].read()
    asked = f"{method} {path} of version {qualifier}"
    try:
        answer = json.loads(payload)
        if "FunctionError" in called:
            raise Unhealthy(f"{asked} failed: {_shown(str(answer.get('errorMessage', payload)).encode())}")
        status, text = answer["statusCode"], answer.get("body", "")
        content = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unhealthy(f"{asked} gave what is no answer of HTTP: {_shown(payload)}") from error
    if status != 200:
        raise Unhealthy(f"{asked} answered {status}: {_shown(content)}")
    return bytes(content)


def _host(target: Target, qualifier: str) -> str:
    """Return a host that a version answers to: the site takes its own alone, and ".example.org" are all below one."""
    version = target.functions.get_function_configuration(FunctionName=target.settings.name, Qualifier=qualifier)
    hosts = version.get("Environment", {}).get("Variables", {}).get("SITE_HOSTS", "").replace(",", " ").split()
    host = hosts[0] if hosts else ".invalid"
    return f"health{host}" if host.startswith(".") else host


def _shown(content: bytes) -> str:
    return " ".join(content[:300].decode(errors="replace").split()).strip(" .") or "nothing"

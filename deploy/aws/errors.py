"""Errors of AWS, each in one line with the next step."""

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

Answer = TypeVar("Answer")

# What AWS's services, which do not agree on names, call the same thing.
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {"InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch"}
_UNKNOWN |= {"AuthFailure", "IncompleteSignature", "UnrecognizedClientException"}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "NotAuthorized", "UnauthorizedOperation"}
_BUSY = {"RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"}
_CONFLICT = {"BucketAlreadyOwnedByYou", "BucketNotEmpty", "OperationAborted", "PreconditionFailedException"}
_CONFLICT |= {"ConcurrentModification", "ConflictException", "DeleteConflict", "EntityAlreadyExists"}
_CONFLICT |= {"RepositoryAlreadyExistsException", "ResourceAlreadyExistsException", "ResourceConflictException"}

_GET_CREDENTIALS = (
    "Run `aws configure` or `aws sso login`, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or choose a --profile."
)
_KNOWN_WITHIN_SECONDS = 60.0


class DeployError(Exception):
    """A command failed; the message is one line and has the next step."""


class NameTaken(DeployError):
    """A resource of someone else has the name of one of ours."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The {what} exists and is not of this deployment: it lacks its tags. Choose another --name.")


def explain(error: BotoCoreError | ClientError | ResponseParserError) -> str:
    """Return the meaning of an error of AWS or of the connection, and the remedy."""
    match error:
        case ClientError():
            return _explain_answer(error)
        case exceptions.ProfileNotFound():
            return f"{error}. `aws configure list-profiles` lists those there are: choose one with --profile."
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return f"There are no credentials for AWS ({error}). {_GET_CREDENTIALS}"
        case exceptions.SSOError() | exceptions.TokenRetrievalError() | exceptions.CredentialRetrievalError():
            return f"The login to AWS has ended ({error}). Log in again, as with `aws sso login`, and run this again."
        case exceptions.NoRegionError():
            return "No region is chosen. Choose one with --region, or set AWS_DEFAULT_REGION."
        case exceptions.ConnectionError() | exceptions.HTTPClientError() | ResponseParserError():
            return f"AWS does not answer: {error}. See to --region, --endpoint-url and the network, and run this again."
        case exceptions.WaiterError():
            last: Any = error.last_response
            state = last.get("Configuration", last)
            reason = state.get("StateReason") or state.get("LastUpdateStatusReason") or error
            return f"AWS does not get it ready: {reason}. Mend that, and run this again: it goes on from there."
        case _:
            return f"{error}. Mend that, and run this again."


def _explain_answer(error: ClientError) -> str:
    code, asked = error.response["Error"].get("Code", ""), error.operation_name
    said = " ".join(error.response["Error"].get("Message", "").split()).rstrip(".") or "no reason given"
    if code in _EXPIRED:
        return "The credentials for AWS have expired. Log in again, as with `aws sso login`, and run this again."
    if code in _UNKNOWN:
        return f"AWS does not know these credentials ({code}). {_GET_CREDENTIALS}"
    if code in _DENIED:
        named = re.search(r"not authorized to perform:? (\S+)(?: on resource:? \"?([^\s\"]+))?", said)
        action, resource = named.groups() if named else (asked, None)
        on = f" on {resource}" if resource else ""
        return f"You lack the permission {action}{on}. Have it granted, and run this again: it goes on from there."
    if code in _BUSY:
        return f"AWS asks to slow down ({asked}: {said}). Run this again in a minute: it goes on from there."
    if code in _CONFLICT:
        return (
            f"Something else changes the same ({asked}: {said}). Let it end, and run this again: it goes on from there."
        )
    return f"AWS refuses {asked}: {said} ({code}). Mend that, and run this again: it goes on from there."


def unless_missing(ask: Callable[[], Answer], *missing: str) -> Answer | None:
    """Return an answer of AWS, or None where its error is one of those that say that there is no such thing."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"].get("Code") in missing:
            return None
        raise


def once_known(ask: Callable[[], Answer], code: str, says: str) -> Answer:
    """Retry a call while AWS does not yet know a new resource, and answers with these errors."""
    end = time.monotonic() + _KNOWN_WITHIN_SECONDS
    pause_seconds = 0.5
    while True:
        try:
            return ask()
        except ClientError as error:
            found = error.response["Error"]
            other = found.get("Code") != code or says not in found.get("Message", "")
            if other or time.monotonic() + pause_seconds > end:
                raise
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, 10.0)

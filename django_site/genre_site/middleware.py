"""What every request passes."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from genre_site.errors import problem

GetResponse = Callable[[HttpRequest], HttpResponse]

# Nothing from other hosts, nothing inline; the visitor's own song and its picture are blob: and data:.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
# The fields and headers of a form beside its file.
_FORM_BYTES = 100_000
_BLOCK_BYTES = 1 << 16


class ContentSecurityPolicy:
    """Put the content security policy on every answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the policy."""
        response = self.get_response(request)
        response["Content-Security-Policy"] = POLICY
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self)"
        return response


class UploadLimit:
    """Refuse a body over the limit before any of it is kept."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, or answer 413."""
        # Without a length, Django reads nothing.
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        limit = settings.MAX_UPLOAD_BYTES
        if length <= limit + _FORM_BYTES:
            return self.get_response(request)
        # A browser shows an answer only once it has sent its file; a much larger one is cut off.
        left = min(length, 4 * limit)
        while left > 0 and (block := request.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
        response = problem(
            request,
            413,
            "Too large",
            f"What you send at once may have {limit / 1e6:g} MB. Send fewer songs, or a part of the song.",
        )
        response["Connection"] = "close"
        return response

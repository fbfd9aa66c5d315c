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
FORM_BYTES = 100_000
# In the environment of a request whose body the server did not keep, as there are too many or the disk is full.
NO_ROOM = "genre_site.no_room"


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
    """Refuse a body that is too large, or that there is no room for; the server has received it and kept nothing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on, or answer 413 or 503."""
        limit = settings.MAX_UPLOAD_BYTES
        if int(request.META.get("CONTENT_LENGTH") or 0) > limit + FORM_BYTES:
            return problem(
                request,
                413,
                "Too large",
                f"What you send at once may have {limit / 1e6:g} MB. Send fewer songs, or a part of the song.",
            )
        if request.META.get(NO_ROOM):
            return problem(
                request, 503, "Many songs at once", "The site has no room for more songs now. Try again in a minute."
            )
        return self.get_response(request)

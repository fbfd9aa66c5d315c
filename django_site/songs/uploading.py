"""Upload a song, see its genre: the landing page and what its script asks for."""

import base64
import secrets
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_safe
from genre_site.errors import RETRY
from genre_site.methods import post_only

from songs import charts, choices, genre_client, keeping
from songs.genre_client import ServiceError, Song
from songs.limits import address, hit
from songs.models import Analysis, Picture
from songs.numbers import NumberConverter

if TYPE_CHECKING:
    File = UploadedFile[bytes]
else:
    File = UploadedFile

_HOUR = 3600


@ensure_csrf_cookie
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Show the upload form; with a POST, as from a browser without JavaScript, the results below it."""
    results: list[dict[str, Any]] = []
    files = request.FILES.getlist("audio")
    for index, file in enumerate(files):
        try:
            analysis, song = _analyse(request, file, index)
            picture = _draw(request, song, analysis)
        except ServiceError as problem:
            results.append({"name": file.name, "problem": str(problem)})
        else:
            results.append(
                result_context(analysis)
                | {
                    "picture": base64.b64encode(picture).decode() if picture else "",
                    "is_logged_out": _is_logged_out(request),
                }
            )
    if request.method == "POST" and not files:
        results.append({"name": "", "problem": "Choose a song first."})
    if len(files) == 1 and "analysis" in results[0] and request.user.is_authenticated:
        return redirect(cast(Analysis, results[0]["analysis"]))
    failed = [one for one in results if "problem" in one]
    context = {
        "results": results,
        "choices": choices.offered(),
        "max_bytes": settings.MAX_UPLOAD_BYTES,
        "page_id": secrets.token_hex(16),
    }
    return render(request, "songs/home.html", context, status=400 if results and len(failed) == len(results) else 200)


@post_only("home")
def analyse(request: HttpRequest) -> HttpResponse:
    """Return the result of one song as a part of the page, or a sentence that names the problem."""
    try:
        analysis, _ = _analyse(request, _one_file(request))
    except ServiceError as problem:
        return _sentence(problem)
    context = result_context(analysis) | {"is_logged_out": _is_logged_out(request)}
    return render(request, "songs/_answer.html", context)


@post_only("home")
def cancel(request: HttpRequest) -> HttpResponse:
    """Keep nothing of an upload, whether its answer has been kept already or is still on its way."""
    if request.user.is_authenticated:
        keeping.cancel(request.user, request.POST.get("upload", ""))
    return HttpResponse(status=204)


@never_cache
@require_safe
def token(request: HttpRequest) -> HttpResponse:
    """Return the token for forms: a log-in in another tab makes the page's own invalid."""
    return HttpResponse(get_token(request), content_type="text/plain")


@post_only("home")
def draw(request: HttpRequest) -> HttpResponse:
    """Return the picture of why a song has its genre; kept if it belongs to a row of the user's history."""
    try:
        file = _one_file(request)
        _count(request)
        song = _song(file)
        number = request.POST.get("analysis", "")
        if not number.isdecimal():
            return HttpResponse(genre_client.explain(song, request.POST.get("model", "")), content_type="image/png")
        analysis = get_object_or_404(Analysis, pk=_row_number(number), user_id=request.user.pk or 0, deleted_at=None)
        if analysis.file_bytes != song.size:
            raise ServiceError(400, f"This is another file. Choose your copy of {analysis.file_name}.")
        png = genre_client.explain(song, analysis.model_name)
    except ServiceError as problem:
        return _sentence(problem)
    Picture.objects.update_or_create(analysis=analysis, defaults={"png": png})
    return HttpResponse(png, content_type="image/png")


def result_context(analysis: Analysis) -> dict[str, Any]:
    """Return the context of a result's template."""
    return {
        "analysis": analysis,
        "bars": charts.bars(analysis.answer),
        "timeline": charts.timeline(analysis.answer),
        "unheard": charts.unheard(analysis.answer),
        "is_silent": choices.is_silent(analysis.answer),
    }


def _analyse(request: HttpRequest, file: File, index: int = 0) -> tuple[Analysis, Song]:
    """Return a song's analysis, saved if a user is logged in; raise ServiceError."""
    song, model = _song(file), request.POST.get("model", "")
    upload = None
    if request.user.is_authenticated:
        # It hashes the song; nothing is kept of a visitor's.
        upload = keeping.upload_id(request.POST.get("upload", ""), index, song, model)
        if kept := keeping.find_kept(request.user, upload):
            return kept, song
    _count(request)
    analysis = Analysis.of(request.user, song.name, song.size, genre_client.classify(song, model))
    if request.user.is_authenticated:
        analysis.upload = upload
        analysis = keeping.keep(analysis)
    return analysis, song


def _is_logged_out(request: HttpRequest) -> bool:
    """Return whether the page was made for a user who is no longer logged in."""
    return bool(request.POST.get("user")) and not request.user.is_authenticated


def _draw(request: HttpRequest, song: Song, analysis: Analysis) -> bytes:
    """Return the picture of an analysis, or nothing: the answer is there without it."""
    try:
        png = genre_client.explain(song, analysis.model_name)
    except ServiceError:
        return b""
    if request.user.is_authenticated:
        Picture.objects.update_or_create(analysis=analysis, defaults={"png": png})
    return png


def _row_number(text: str) -> int:
    try:
        return NumberConverter().to_python(text)
    except ValueError as error:
        raise Http404 from error


def _song(file: File) -> Song:
    return Song(file.name or "song", file.size or 0, cast(BinaryIO, file.file))


def _one_file(request: HttpRequest) -> File:
    file = request.FILES.get("audio")
    if file is None:
        raise ServiceError(400, "No song arrived, or an empty one. Choose a file and send it again.")
    return file


def _count(request: HttpRequest) -> None:
    """Raise ServiceError where somebody sends more songs an hour than are allowed."""
    if request.user.is_authenticated:
        who, most = f"user {request.user.pk}", settings.USER_SONGS_AN_HOUR
        advice = "Try again in an hour."
    else:
        who, most = address(request), settings.VISITOR_SONGS_AN_HOUR
        advice = "Try again in an hour, or log in: the limit for accounts is higher."
    if hit("song", who, _HOUR) > most:
        raise ServiceError(429, f"You have reached the limit of {most} songs per hour. {advice}")


def _sentence(problem: ServiceError) -> HttpResponse:
    headers = (RETRY if problem.status == 503 else {}) | {"Content-Type": "text/plain; charset=utf-8"}
    return HttpResponse(str(problem), status=problem.status, headers=headers)

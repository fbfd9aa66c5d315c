"""Upload a song, see its genre: the landing page and what its script asks for."""

import base64
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods
from genre_site.errors import RETRY
from genre_site.methods import post_only

from songs import charts, service
from songs.limits import address, hit
from songs.models import Analysis, Picture
from songs.numbers import NumberConverter
from songs.service import ServiceError, Song

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
    for file in files:
        try:
            analysis, song = _analyse(request, file)
            picture = _draw(request, song, analysis)
        except ServiceError as problem:
            results.append({"name": file.name, "problem": str(problem)})
        else:
            results.append(
                result_context(analysis) | {"picture": base64.b64encode(picture).decode() if picture else ""}
            )
    if request.method == "POST" and not files:
        results.append({"name": "", "problem": "Choose a song first."})
    if len(files) == 1 and "analysis" in results[0] and request.user.is_authenticated:
        return redirect(cast(Analysis, results[0]["analysis"]))
    context = {"results": results, "models": service.models(), "max_bytes": settings.MAX_UPLOAD_BYTES}
    failed = [one for one in results if "problem" in one]
    return render(request, "songs/home.html", context, status=400 if results and len(failed) == len(results) else 200)


@post_only("home")
def analyse(request: HttpRequest) -> HttpResponse:
    """Return the result of one song as a part of the page, or a sentence that says what is wrong."""
    try:
        analysis, _ = _analyse(request, _one_file(request))
    except ServiceError as problem:
        return _sentence(problem)
    return render(request, "songs/_result.html", result_context(analysis))


@post_only("home")
def draw(request: HttpRequest) -> HttpResponse:
    """Return the picture of why a song has its genre; kept if it belongs to a row of the user's history."""
    try:
        file = _one_file(request)
        _count(request)
        song = _song(file)
        number = request.POST.get("analysis", "")
        if not number.isdecimal():
            return HttpResponse(service.explain(song, request.POST.get("model", "")), content_type="image/png")
        analysis = get_object_or_404(Analysis, pk=_row_number(number), user_id=request.user.pk or 0)
        if analysis.file_bytes != song.size:
            raise ServiceError(400, f"This is another file. Choose your copy of {analysis.file_name}.")
        png = service.explain(song, analysis.model_name)
    except ServiceError as problem:
        return _sentence(problem)
    Picture.objects.update_or_create(analysis=analysis, defaults={"png": png})
    return HttpResponse(png, content_type="image/png")


def result_context(analysis: Analysis) -> dict[str, Any]:
    """Return what the template of a result shows."""
    return {
        "analysis": analysis,
        "bars": charts.bars(analysis.answer),
        "timeline": charts.timeline(analysis.answer),
    }


def _analyse(request: HttpRequest, file: File) -> tuple[Analysis, Song]:
    """Return a song's analysis, saved if a user is logged in; raise ServiceError."""
    _count(request)
    song = _song(file)
    answer = service.classify(song, request.POST.get("model", ""))
    analysis = Analysis.of(request.user, song.name, song.size, answer)
    if request.user.is_authenticated:
        analysis.save()
    return analysis, song


def _draw(request: HttpRequest, song: Song, analysis: Analysis) -> bytes:
    """Return the picture of an analysis, or nothing: the answer is there without it."""
    try:
        png = service.explain(song, analysis.model_name)
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
        advice = "Go on in an hour."
    else:
        who, most = address(request), settings.VISITOR_SONGS_AN_HOUR
        advice = "Go on in an hour, or log in: accounts may send more."
    if hit("song", who, _HOUR) > most:
        raise ServiceError(429, f"That were more than {most} songs in an hour. {advice}")


def _sentence(problem: ServiceError) -> HttpResponse:
    headers = (RETRY if problem.status == 503 else {}) | {"Content-Type": "text/plain; charset=utf-8"}
    return HttpResponse(str(problem), status=problem.status, headers=headers)

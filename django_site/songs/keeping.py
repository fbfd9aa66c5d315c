"""Keep an upload in the history once, however often it is sent, and not at all if it was cancelled."""

import hashlib
import re

from django.contrib.auth.models import User
from django.db import transaction

from songs.genre_client import ServiceError, Song
from songs.models import Analysis, CancelledUpload

_PAGE_ID = re.compile(r"[0-9a-f]{32}")


def upload_id(page_id: str, index: int, song: Song, model: str) -> str | None:
    """Return the id of an upload, or None if the page gave none.

    It is made of the page's id, the file's place in the form, its name, its content and the model, so that a page
    that sends another file under an old id, as after "back", gets an answer for that file.
    """
    if not _PAGE_ID.fullmatch(page_id):
        return None
    song.content.seek(0)
    digest = hashlib.file_digest(song.content, "sha256")  # type: ignore[arg-type]
    digest.update(f"{song.name}\0{model}".encode(errors="surrogatepass"))
    return f"{page_id}-{index}-{digest.hexdigest()[:24]}"


def find_kept(user: User, upload: str | None) -> Analysis | None:
    """Return the row of an upload that was sent before; raise ServiceError if the user has deleted it since."""
    kept = Analysis.objects.filter(user=user, upload=upload).first() if upload else None
    if kept and kept.deleted_at:
        raise ServiceError(410, "You have deleted this result. Choose the file again to analyse it anew.")
    return kept


def keep(analysis: Analysis) -> Analysis:
    """Save an analysis, or return the row that the same upload already has.

    Raise ServiceError if the upload was cancelled, or its account deleted, while the song was analysed.
    """
    with transaction.atomic():
        # One upload of a user at a time, here and in `cancel`.
        if not User.objects.select_for_update().filter(pk=analysis.user_id):
            raise ServiceError(410, "Your account was deleted meanwhile. The result was not kept.")
        if kept := find_kept(analysis.user, analysis.upload):
            return kept
        if analysis.upload and CancelledUpload.objects.filter(
            user=analysis.user, page_id=analysis.upload.partition("-")[0]
        ):
            raise ServiceError(409, "The upload was cancelled. The result was not kept.")
        analysis.save()
        return analysis


def cancel(user: User, page_id: str) -> None:
    """Delete the rows of an upload, and keep none of it later."""
    if not _PAGE_ID.fullmatch(page_id):
        return
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        CancelledUpload.objects.get_or_create(user=user, page_id=page_id)
        Analysis.objects.filter(user=user, upload__startswith=f"{page_id}-").delete()

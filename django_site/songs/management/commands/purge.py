"""`manage.py purge --days 365`: delete what is older, and what has run out."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from songs.history import UNDO_TIME
from songs.models import Analysis, CancelledUpload, Hits


class Command(BaseCommand):
    """Apply the retention time."""

    help = "Delete history older than a number of days, expired sessions, deleted results, and old counts of requests."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number of days."""
        parser.add_argument("--days", type=int, default=settings.RETENTION_DAYS or None)

    def handle(self, days: int | None, **_: Any) -> None:
        """Delete, and say how much."""
        if days is not None and days < 1:
            raise CommandError("--days must be 1 or more.")
        now = timezone.now()
        Hits.objects.filter(ends_at__lt=now).delete()
        Analysis.objects.filter(deleted_at__lt=now - UNDO_TIME).delete()
        CancelledUpload.objects.filter(cancelled_at__lt=now - timedelta(days=1)).delete()
        call_command("clearsessions")
        if days is None:
            self.stdout.write("No retention time: history is kept. --days or SITE_RETENTION_DAYS sets one.")
            return
        by_model = Analysis.objects.filter(analysed_at__lt=now - timedelta(days=days)).delete()[1]
        self.stdout.write(f"{by_model.get('songs.Analysis', 0)} analyses older than {days} days deleted.")

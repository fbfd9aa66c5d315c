"""`manage.py export_feedback corrections.csv`: what users said is right, as a table to train from."""

import csv
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from songs.models import Feedback
from songs.spreadsheet import safe_cell

COLUMNS = (
    *("file_name", "file_bytes", "genre", "feedback"),
    *("predicted_genre", "confidence", "model", "model_version", "given_at"),
)


class Command(BaseCommand):
    """Write the corrections."""

    help = "Write all corrections as a table (CSV): the file's name and size, the right genre and what was predicted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the path of the table."""
        parser.add_argument("path", type=Path)

    def handle(self, path: Path, **_: Any) -> None:
        """Write the table beside its path, then rename it."""
        new = path.with_name(f".{path.name}.new")
        kept = Feedback.objects.filter(analysis__deleted_at=None)
        rows = kept.select_related("analysis").defer("analysis__answer").order_by("given_at", "pk")
        count = 0
        try:
            with open(new, "w", encoding="utf-8", newline="") as file:
                table = csv.writer(file)
                table.writerow(COLUMNS)
                for given in rows.iterator(2000):
                    of = given.analysis
                    predicted = (of.genre, of.confidence, of.model_name, of.model_version)
                    cells = (
                        of.file_name,
                        of.file_bytes,
                        given.genre,
                        given.said,
                        *predicted,
                        given.given_at.isoformat(),
                    )
                    table.writerow(map(safe_cell, cells))
                    count += 1
            new.replace(path)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{count} corrections in {path}")

"""`manage.py serve --bind 0.0.0.0:8000`: serve the site."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from genre_site.server import PATIENCE_SECONDS, serve
from genre_site.uploads import clear_leftovers
from genre_site.wsgi import application


class Command(BaseCommand):
    """Serve the site."""

    help = "Serve the site until SIGTERM, which lets requests under way finish."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address and the time."""
        parser.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT", help="default: %(default)s")
        what = "how long a request may take to arrive; each 16 kB of it give a second more (default: %(default)g)"
        parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS, metavar="SECONDS", help=what)

    def handle(self, bind: str, patience: float, **_: Any) -> None:
        """Serve."""
        clear_leftovers()
        try:
            serve(application, bind, patience)
        except (OSError, ValueError) as error:
            raise CommandError(f"The site cannot be served at {bind}: {error}") from error

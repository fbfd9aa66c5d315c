"""The handler for AWS Lambda: the web site behind an HTTP API or a function URL."""

import logging
import os
from typing import cast

from genre_site.asgi import application
from mangum import Mangum
from mangum.types import ASGI

if not os.environ.get("DATABASE_URL"):
    raise RuntimeError("The site needs DATABASE_URL in Lambda, a PostgreSQL: SQLite's file could not be written there.")

# The site logs its requests itself.
logging.getLogger("mangum.http").setLevel(logging.WARNING)

# Django's application is typed more narrowly, and has no lifespan.
handler = Mangum(cast(ASGI, application), lifespan="off")

"""What an ASGI server runs, and AWS Lambda by `deploy/lambda/site_handler.py`."""

import os
import warnings

from django.core.asgi import get_asgi_application
from django.db import DEFAULT_DB_ALIAS, connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "genre_site.settings")

application = get_asgi_application()
# Each request has a thread of its own here: a connection that outlived it would be lost, and stay open.
connections.settings[DEFAULT_DB_ALIAS]["CONN_MAX_AGE"] = 0
# Django reads WhiteNoise's files at once, and says so of each; they are small.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators", Warning)

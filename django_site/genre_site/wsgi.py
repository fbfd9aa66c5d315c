"""What a WSGI server runs: `gunicorn --config django_site/gunicorn.conf.py`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "genre_site.settings")

application = get_wsgi_application()

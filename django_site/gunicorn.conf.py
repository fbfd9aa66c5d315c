"""How gunicorn runs the site; its command line and GUNICORN_CMD_ARGS go before this."""

chdir = "django_site"
wsgi_app = "genre_site.wsgi"
bind = "127.0.0.1:8000"
# A thread waits for most of a request, for a song to arrive or for its answer; each worker needs some 60 MB.
workers = 1
threads = 64
worker_class = "gthread"
# A request under way may finish: a song that waits and is worked on takes no longer in the service.
graceful_timeout = 130
# The site logs its requests itself, as JSON.
accesslog = None


def on_starting(server: object) -> None:  # noqa: ARG001 - gunicorn passes it
    """Clear the temporary folder of a former version's uploads."""
    from genre_site.uploads import clear_leftovers

    clear_leftovers()

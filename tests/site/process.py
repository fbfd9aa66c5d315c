"""The site in processes of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import server
from benchmarks.server import Server
from tests.serving.server import ROOT

MANAGE = ROOT / "django_site" / "manage.py"
PRODUCTION = {
    "SITE_PRODUCTION": "1",
    "SITE_SECRET_KEY": "only-for-tests-" + "qwertzuiopasdfghjklyxcvbnm0123456789" * 2,
    "SITE_HOSTS": "genres.example.org",
}
# What somebody fills in to become a member.
MEMBER = {
    "username": "ada",
    "email": "ada@example.org",
    "password1": "correct horse battery",
    "password2": "correct horse battery",
}


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the site."""
    return subprocess.run(
        [sys.executable, MANAGE, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def run_site(folder: Path, **environment: str) -> Iterator[Server]:
    """Run the site with its data in a folder until the block ends."""
    settings = {"SITE_DATA": str(folder)} | environment
    for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        done = manage(*command, **settings)
        assert not done.returncode, done.stderr
    gunicorn = Path(sys.executable).with_name("gunicorn")
    config = ROOT / "django_site" / "gunicorn.conf.py"
    serve: list[str | Path] = [gunicorn, "--config", config, "--bind", "127.0.0.1:{port}"]
    with server.serve(serve, ROOT, folder / "log", **settings) as running:
        yield running

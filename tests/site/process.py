"""The site in processes of its own."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.reliability.site import serve_site
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


def run_site(folder: Path, *options: str, **environment: str) -> AbstractContextManager[Server]:
    """Run the site with its data in a folder until the block ends."""
    return serve_site(folder, *options, **environment)

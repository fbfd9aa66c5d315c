"""`deploy/compose.yaml` and whichever Compose this machine has."""

import os
import shutil
import subprocess

from tests.serving.server import ROOT
from tests.site.conftest import missing

FILE = ROOT / "deploy" / "compose.yaml"


def compose(*arguments: str, **environment: str) -> str:
    """Return what Compose prints for a command, in an environment with nothing more than it needs."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ} | environment
    plugin = ["docker", "compose"]
    if shutil.which("docker") and not subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode:
        program, text = plugin, FILE.read_text()
    elif shutil.which("docker-compose"):
        # The first generation, which does not know a project's name.
        program, text = ["docker-compose"], FILE.read_text().replace("\nname:", "\nx-name:")
    else:
        missing("needs Compose")
    done = subprocess.run(
        [*program, "--file", "-", *arguments],
        cwd=FILE.parent,
        input=text,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout

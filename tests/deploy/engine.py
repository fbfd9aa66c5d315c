"""A real engine for containers, started by hand, and a base to build on where no registry of images is in reach.

What this machine needs to install packages, its certificates and pip's settings, goes into that base, which is a
stand-in for Debian with Python, and into nothing that ships.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BASE = "stand-in:1"
# The one that compose.yaml names.
POSTGRES = "postgres:17-alpine"
_PROGRAMS = ("dockerd", "docker", "debootstrap")
_START_SECONDS = 60
_TRIMMED = ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"]
_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_PIP = Path("/etc/pip.conf")


@dataclass(frozen=True)
class Engine:
    """A running engine: what its programs find it by."""

    environment: dict[str, str]

    def docker(self, *arguments: str) -> str:
        """Return what a command of docker prints."""
        done = subprocess.run(
            ["docker", *arguments], env=os.environ | self.environment, capture_output=True, text=True, check=False
        )
        assert not done.returncode, done.stderr
        # What a container logs comes as it was written, to either.
        return (done.stdout + done.stderr if arguments[0] == "logs" else done.stdout).strip()


def lacking() -> str | None:
    """Return what this machine lacks for an engine, if it does."""
    if os.geteuid():
        return "needs root, to start an engine for containers"
    missing = [program for program in _PROGRAMS if not shutil.which(program)]
    return f"needs {', '.join(missing)}" if missing else None


@contextmanager
def run() -> Iterator[Engine]:
    """Run an engine that has the base, until the block ends; its images and containers go with it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        socket = f"unix://{folder}/socket"
        command: list[str | Path] = ["dockerd", "-H", socket, "--iptables=false", "--bridge=none"]
        for option, file in ("--data-root", "data"), ("--exec-root", "run"), ("--pidfile", "pid"):
            command += [option, folder / file]
        with open(folder / "log", "wb") as log:
            daemon = subprocess.Popen(command, stdout=log, stderr=log)
        # Its newer way of building wants a program of its own.
        engine = Engine({"DOCKER_HOST": socket, "DOCKER_BUILDKIT": "0"})
        try:
            deadline = time.monotonic() + _START_SECONDS
            while subprocess.run(
                ["docker", "info"], env=os.environ | engine.environment, capture_output=True, check=False
            ).returncode:
                gone = daemon.poll() is not None or time.monotonic() > deadline
                assert not gone, (folder / "log").read_text()
                time.sleep(0.2)
            _make_base(engine, folder / "base")
            yield engine
        finally:
            daemon.terminate()
            daemon.wait(60)


def make_postgres(engine: Engine, folder: Path) -> None:
    """Make a stand-in for PostgreSQL's image, of Debian's PostgreSQL: what compose.yaml asks of that one, it does."""
    (folder / "Dockerfile").write_text(_POSTGRES)
    (folder / "start-postgres").write_text(_START_POSTGRES)
    engine.docker("build", "--network", "host", "--build-arg", f"BASE={BASE}", "--tag", POSTGRES, str(folder))


def _make_base(engine: Engine, root: Path) -> None:
    include = "--include=python3,python3-venv,python3-pip,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", include, "bookworm", root], check=True, capture_output=True)
    (root / "usr/bin/python").symlink_to("python3")
    for mark in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        mark.unlink()
    for trimmed in _TRIMMED:
        shutil.rmtree(root / trimmed)
        (root / trimmed).mkdir()
    for certificate in _CERTIFICATES.glob("*.crt"):
        shutil.copy(certificate, root / _CERTIFICATES.relative_to("/"))
    if _PIP.exists():
        shutil.copy(_PIP, root / "etc")
    subprocess.run(["chroot", root, "update-ca-certificates"], check=True, capture_output=True)
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as packed:
        subprocess.run(
            ["docker", "import", "--change", "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt", "-", BASE],
            env=os.environ | engine.environment,
            stdin=packed.stdout,
            check=True,
            capture_output=True,
        )
    shutil.rmtree(root)


_POSTGRES = """
ARG BASE
FROM ${BASE}
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql
RUN ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin
RUN install -d -o postgres -m 3777 /var/run/postgresql && install -d -o postgres -m 1777 /var/lib/postgresql/data
COPY start-postgres /
ENTRYPOINT ["sh", "/start-postgres"]
"""
_START_POSTGRES = """
set -e
export PGDATA=/var/lib/postgresql/data
if [ ! -s $PGDATA/PG_VERSION ]; then
    initdb --username "$POSTGRES_USER" --auth "$POSTGRES_HOST_AUTH_METHOD"
    echo "host all all all $POSTGRES_HOST_AUTH_METHOD" >> $PGDATA/pg_hba.conf
    pg_ctl --wait --options "-c listen_addresses=''" start
    createdb --username "$POSTGRES_USER" "$POSTGRES_USER"
    pg_ctl --wait stop
fi
exec postgres -c "listen_addresses=*"
"""

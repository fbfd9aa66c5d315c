"""`python -m deploy aws`: settings that would not work are told before anything is made."""

import os
import sys
from pathlib import Path

import pytest

from tests.deploy.cloud import Cloud

NEEDED = ("DATABASE_URL", "SITE_SECRET_KEY", "SITE_HOSTS", "GENRE_SERVICE_URL")


def test_a_site_without_its_environment_is_told_what_is_missing(cloud: Cloud, tmp_path: Path) -> None:
    image = cloud.push("first")
    before = cloud.inventory()
    for command in "plan", "apply":
        status, said = cloud.aws(command, "--site", "--image", image)
        assert status == 1
        assert all(name in said.splitlines()[-1] for name in NEEDED)
    file = tmp_path / "site.env"
    file.write_text("DATABASE_URL=postgresql://somewhere/site\nSITE_HOSTS=\nGENRE_SERVICE_URL=https://genres.example\n")
    status, said = cloud.aws("plan", "--site", "--image", image, "--environment", str(file))
    assert status == 1
    assert [name for name in NEEDED if name in said.splitlines()[-1]] == ["SITE_SECRET_KEY", "SITE_HOSTS"]
    assert cloud.inventory() == before
    file.write_text("".join(f"{name}=x\n" for name in NEEDED))
    assert cloud.aws("plan", "--site", "--image", image, "--environment", str(file))[0] == 0
    # The service needs none.
    assert cloud.aws("plan", "--image", image)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [(("--http", "api"), True), (("--http", "api", "--timeout", "30"), False), (("--timeout", "60"), False)],
)
def test_a_call_that_api_gateway_would_end_is_warned_of(
    cloud: Cloud,
    arguments: tuple[str, ...],
    warned: bool,  # noqa: FBT001
) -> None:
    status, said = cloud.aws("plan", "--image", cloud.push("first"), *arguments)
    assert status == 0
    assert ("30 seconds" in said) is warned


@pytest.mark.parametrize(
    "error",
    [
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct",
    ],
)
def test_an_engine_that_does_not_run_is_told_as_such(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    program = tmp_path / "docker"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit({error!r})\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    status, said = cloud.aws("plan", "--image", "genre:0.1.0")
    assert status == 1
    assert "docker is installed, but does not answer" in said
    assert "Mend that" not in said

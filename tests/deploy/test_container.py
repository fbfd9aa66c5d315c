"""The images, made and run by a real engine."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import requests

from benchmarks.function import Function, start
from benchmarks.server import free_port, is_ready
from inference.bundle import MODELS, list_cards, load_bundle
from inference.classifier import GenreClassifier
from tests.deploy import engine as engines
from tests.deploy import events
from tests.deploy.compose import compose
from tests.deploy.engine import BASE, Engine
from tests.serving.server import ROOT
from tests.site.conftest import missing
from tests.site.process import MEMBER, PRODUCTION
from tests.sounds import encode, music, song

# An image takes minutes to build.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TAG = "test"
SERVICE, SITE = f"music-genre-classifier:{TAG}", f"music-genre-site:{TAG}"
# As in compose.yaml, but for the network.
RESTRICTED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
SONG = song(12, "mp3")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    if lacking := engines.lacking():
        missing(lacking)
    with engines.run() as engine:
        yield engine


@pytest.fixture(scope="module")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Return the engine that has both images."""
    home = {"BENTOML_HOME": str(tmp_path_factory.mktemp("bentoml"))}
    deploy(engine, "container", "build", "--base", BASE, "--network", "host", "--tag", TAG, **home)
    return engine


@pytest.fixture(scope="module")
def functions(engine: Engine) -> Engine:
    """Return the engine that has the images for Lambda."""
    for target in "service", "site":
        where = ["--file", "deploy/lambda/Dockerfile", "--target", target, "--tag", f"{target}-lambda:{TAG}"]
        engine.docker("build", "--network", "host", "--build-arg", f"BASE={BASE}", *where, str(ROOT))
    return engine


def deploy(engine: Engine, *arguments: str, **settings: str) -> str:
    """Return what a command of `python -m deploy` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        cwd=ROOT,
        env=os.environ | engine.environment | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(engine: Engine, image: str, *command: str, memory: str, **settings: str) -> Iterator[str]:
    """Run a container until the block ends, and give its name."""
    name = engine.docker(
        "run", "--detach", "--network", "host", "--memory", memory, *RESTRICTED, *given(**settings), image, *command
    )
    try:
        yield name
    finally:
        engine.docker("rm", "--force", name)


def given(**settings: str) -> list[str]:
    """Return the options of docker that give settings to a container."""
    return [option for name, value in settings.items() for option in ("--env", f"{name}={value}")]


def wait_until(true: Callable[[], bool], said: Callable[[], str]) -> None:
    """Wait until it is true; what was said meanwhile tells why if it is not."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, said()
        time.sleep(0.1)


@contextmanager
def service(engine: Engine) -> Iterator[tuple[str, str]]:
    """Run the service until the block ends, and give the container's name and the address."""
    port = free_port()
    with running(engine, SERVICE, memory="1g", PORT=str(port)) as name:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_ready(url), lambda: engine.docker("logs", name))
        yield name, url


def test_the_images_are_small_and_say_what_they_are(images: Engine) -> None:
    (base,) = json.loads(images.docker("image", "inspect", BASE))
    for name, most in (SERVICE, 360_000_000), (SITE, 80_000_000):
        (image,) = json.loads(images.docker("image", "inspect", name))
        assert image["Size"] - base["Size"] < most
        assert image["Config"]["User"] == "1000"
        assert image["Config"]["Labels"]["org.opencontainers.image.version"] == TAG
        assert image["Config"]["Healthcheck"]


def test_a_read_only_service_answers_as_the_models_here_do(images: Engine, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(SONG)
    with service(images) as (name, url):
        said = deploy(images, "smoke", url, "--song", str(path))
        assert "as here" in said
        assert images.docker("exec", name, "id", "-u") == "1000"
        assert images.docker("diff", name) == ""
        health = ["inspect", "--format", "{{.State.Health.Status}}", name]
        wait_until(lambda: images.docker(*health) == "healthy", lambda: images.docker("logs", name))


def test_a_request_under_way_is_answered_when_it_is_stopped(images: Engine) -> None:
    long_song = encode(np.tile(music(60, 22_050, channels=1), (18, 1)), 22_050, "wav")
    with service(images) as (name, url):
        answers: list[requests.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(
                requests.post(f"{url}/classify", files={"audio": ("song.wav", long_song)}, timeout=120)
            )
        )
        asking.start()
        metrics = ""
        deadline = time.monotonic() + 60
        while not re.search(r"request_in_progress\{.*/classify.*\} [1-9]", metrics):
            assert asking.is_alive(), "it was answered before it could be stopped"
            assert time.monotonic() < deadline
            metrics = requests.get(f"{url}/metrics", timeout=10).text
        images.docker("stop", "--time", "120", name)
        asking.join(timeout=120)
        assert [answer.status_code for answer in answers] == [200]
        assert images.docker("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", name) == "0 false"


def test_a_visitor_gets_from_the_first_page_to_a_history(images: Engine, database: str) -> None:
    """Over a real PostgreSQL, with the service in a container, too."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with service(images) as (_, service_url):
        settings = {"DATABASE_URL": database, "GENRE_SERVICE_URL": service_url}
        with running(
            images, SITE, "python", "django_site/manage.py", "migrate", memory="256m", **settings
        ) as migration:
            assert images.docker("wait", migration) == "0", images.docker("logs", migration)
        with running(images, SITE, memory="256m", PORT=str(port), **settings) as name:
            wait_until(lambda: is_ready(url), lambda: images.docker("logs", name))
            with requests.Session() as visitor:
                register(visitor, url)
                answer = send(visitor, f"{url}/", {}, {"audio": ("song.mp3", SONG)})
                assert "song.mp3" in answer.text
                history = visitor.get(f"{url}/history/")
                assert "song.mp3" in history.text
                (style,) = re.findall(r'href="(/static/songs/site\.[0-9a-f]+\.css)"', history.text)
                assert visitor.get(url + style).ok
            assert images.docker("diff", name) == ""


def register(visitor: requests.Session, url: str) -> None:
    """Make an account."""
    assert "ada" in send(visitor, f"{url}/accounts/register/", MEMBER).text


def send(
    visitor: requests.Session, url: str, fields: dict[str, str], files: dict[str, tuple[str, bytes]] | None = None
) -> requests.Response:
    """Fill in the form of a page, and return where it leads."""
    (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', visitor.get(url).text)
    answer = visitor.post(url, {"csrfmiddlewaretoken": token} | fields, files=files, headers={"Referer": url})
    assert answer.ok, answer.text
    return answer


def test_the_site_does_not_start_in_production_without_its_secrets(images: Engine) -> None:
    settings = {"SITE_PRODUCTION": PRODUCTION["SITE_PRODUCTION"]}
    with running(images, SITE, memory="256m", **settings) as name:
        assert images.docker("wait", name) != "0"
        assert "SITE_SECRET_KEY" in images.docker("logs", name)


def test_compose_brings_up_all_of_it_and_the_database_outlives_it(images: Engine, tmp_path: Path) -> None:
    engines.make_postgres(images, tmp_path)
    port, service_port = free_port(), free_port()
    settings = images.environment | {"TAG": TAG, "SITE_PORT": str(port), "PORT": str(service_port)}
    url = f"http://127.0.0.1:{port}"
    with requests.Session() as visitor:
        try:
            compose("up", "--detach", "--no-build", **settings)
            wait_until(lambda: is_ready(url), lambda: compose("logs", **settings))
            assert requests.get(f"{url}/readyz", timeout=10).json() == {"database": "ready", "service": "ready"}
            register(visitor, url)
            assert "song.mp3" in send(visitor, f"{url}/", {}, {"audio": ("song.mp3", SONG)}).text
            deploy(images, "smoke", f"http://127.0.0.1:{service_port}")
            compose("down", **settings)
            compose("up", "--detach", "--no-build", **settings)
            wait_until(lambda: is_ready(url), lambda: compose("logs", **settings))
            visitor.cookies.clear()
            send(visitor, f"{url}/accounts/login/", {"username": MEMBER["username"], "password": MEMBER["password1"]})
            assert "song.mp3" in visitor.get(f"{url}/history/").text
        finally:
            compose("down", "--volumes", **settings)


@contextmanager
def function(engine: Engine, target: str, log: Path, **settings: str) -> Iterator[Function]:
    """Run the container of a function until the block ends: what AWS gives to it comes from here."""
    command = ["docker", "run", "--name", target, "--network", "host", "--memory", "1769m", *RESTRICTED]
    for name in ("RUNTIME_API", "FUNCTION_NAME", "FUNCTION_VERSION", "FUNCTION_MEMORY_SIZE"):
        command += ["--env", f"AWS_LAMBDA_{name}"]
    command += ["--env", "AWS_REGION", *given(**settings), f"{target}-lambda:{TAG}"]
    try:
        with start(command, ROOT, log, engine.environment) as function:
            yield function
    finally:
        engine.docker("rm", "--force", target)


def test_the_function_of_the_service_answers_from_its_image(functions: Engine, tmp_path: Path) -> None:
    asked = requests.Request("POST", "https://genres.example/classify", files={"audio": ("song.mp3", SONG)})
    with function(functions, "service", tmp_path / "log") as called:
        answer = events.answer_of(called.call(events.http_api(asked)))
    here = GenreClassifier(load_bundle(MODELS / next(iter(list_cards())))).classify(SONG)
    assert answer.json()["probabilities"] == pytest.approx(here.probabilities, abs=1e-6)


def test_the_function_of_the_site_answers_from_its_image(functions: Engine, database: str, tmp_path: Path) -> None:
    settings = PRODUCTION | {"DATABASE_URL": database, "GENRE_SERVICE_URL": "http://127.0.0.1:9"}
    manage = ["--network", "host", "--entrypoint", "python", *given(**settings), f"site-lambda:{TAG}", "manage.py"]
    functions.docker("run", "--rm", *manage, "migrate")
    host = PRODUCTION["SITE_HOSTS"]
    asked = requests.Request("GET", f"https://{host}/accounts/login/", {"host": host})
    with function(functions, "site", tmp_path / "log", **settings) as called:
        page = events.answer_of(called.call(events.function_url(asked)))
        (style,) = re.findall(r'href="(/static/songs/site\.[0-9a-f]+\.css)"', page.text)
        asked.url = f"https://{host}{style}"
        assert events.answer_of(called.call(events.function_url(asked))).status_code == 200


def test_the_bills_of_materials_name_what_is_in_the_images(images: Engine, tmp_path: Path) -> None:
    deploy(images, "container", "sbom", "--tag", TAG, "--out", str(tmp_path))
    packages = {}
    for image in ("music-genre-classifier", "music-genre-site"):
        bill = json.loads((tmp_path / f"{image}.cdx.json").read_text())
        assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", f"{image}:{TAG}")
        packages[image] = {part["purl"].partition("@")[0] for part in bill["components"]}
        assert "pkg:deb/debian/libc6" in packages[image]
    service, site = packages.values()
    assert {"pkg:pypi/bentoml", "pkg:pypi/onnxruntime"} <= service
    assert {"pkg:pypi/django", "pkg:pypi/waitress"} <= site
    assert not {"pkg:pypi/tensorflow", "pkg:pypi/librosa", "pkg:pypi/django"} & service
    assert not {"pkg:pypi/numpy", "pkg:pypi/bentoml"} & site

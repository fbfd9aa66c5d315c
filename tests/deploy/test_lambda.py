"""The service in AWS Lambda: the image's files under AWS's own client, against its Runtime API and its S3."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from benchmarks.function import Function, FunctionError, Image, lay_out, run
from tests.deploy import events
from tests.deploy.conftest import BUCKET
from tests.serving.server import ROOT
from tests.sounds import song

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SONG = song(12, "mp3")
ADDRESS = "https://function"
NUMBER = re.compile(r"\d+\.\d+(?:e-\d+)?")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return lay_out("service", tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="module")
def function(image: Image, aws: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    folder = tmp_path_factory.mktemp("function")
    settings = aws | {"HOME": str(folder), "GENRE_UPLOADS_BUCKET": BUCKET, "GENRE_MAX_UPLOAD_MB": "8"}
    with run(image, folder / "log", **settings) as function:
        yield function


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the command line's answer for the song."""
    path = tmp_path_factory.mktemp("song") / "song.mp3"
    path.write_bytes(SONG)
    done = subprocess.run([sys.executable, "-m", "inference", path], cwd=ROOT, check=True, capture_output=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    del answer["file"]
    return answer


def ask(
    function: Function,
    method: str,
    path: str,
    through: Callable[[requests.Request], events.Event] = events.http_api,
    **request: Any,
) -> requests.Response:
    """Return the answer to a request, through an HTTP API or a function URL."""
    return events.answer_of(function.call(through(requests.Request(method, ADDRESS + path, **request))))


def check_same(answer: Any, expected: dict[str, Any]) -> None:
    """Check that two answers are equal, their numbers to 1e-6."""
    ours, theirs = json.dumps(answer), json.dumps(expected)
    assert NUMBER.sub("", ours) == NUMBER.sub("", theirs)
    assert [float(one) for one in NUMBER.findall(ours)] == pytest.approx(
        [float(one) for one in NUMBER.findall(theirs)], abs=1e-6
    )


@pytest.mark.parametrize("through", [events.http_api, events.function_url])
def test_a_song_gets_the_command_lines_answer(
    through: Callable[[requests.Request], events.Event], function: Function, expected: dict[str, Any]
) -> None:
    response = ask(function, "POST", "/classify", through, files={"audio": ("song.mp3", SONG)})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    check_same(response.json(), expected)


def test_the_models_are_loaded_once(function: Function) -> None:
    for _ in range(2):
        assert ask(function, "POST", "/classify", files={"audio": SONG}).ok
    assert function.log.read_text().count("Service GenreService initialized") == 1


def test_another_model_is_loaded_when_it_is_asked_for(function: Function) -> None:
    response = ask(function, "POST", "/classify", files={"audio": SONG}, data={"model": "fma-small-svm"})
    assert response.json()["model"]["name"] == "fma-small-svm"
    assert len(ask(function, "GET", "/models").json()["models"]) > 1


def test_a_picture_comes_through(function: Function) -> None:
    answered = function.call(events.http_api(requests.Request("POST", f"{ADDRESS}/explain", files={"audio": SONG})))
    assert (answered["statusCode"], answered["headers"]["content-type"]) == (200, "image/png")
    assert answered["isBase64Encoded"]
    assert base64.b64decode(answered["body"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["/readyz", "/metrics", "/docs.json", "/"])
def test_what_needs_no_song_is_there(path: str, function: Function) -> None:
    assert ask(function, "GET", path).ok


def test_a_request_keeps_its_id_and_its_log_is_a_line_of_json(function: Function) -> None:
    response = ask(function, "POST", "/classify", files={"audio": SONG}, headers={"X-Request-ID": "lambda-1"})
    assert response.headers["x-request-id"] == "lambda-1"
    # Calls that failed before are in the log as AWS's client writes them.
    lines = [json.loads(line) for line in function.log.read_text().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "lambda-1"]
    assert (line["path"], line["status"]) == ("/classify", 200)


@pytest.mark.parametrize(
    ("request_parts", "status", "says"),
    [
        ({"files": {"audio": b"no song"}}, 400, "not audio"),
        ({"files": {"other": SONG}}, 400, "field 'audio'"),
        ({"files": {"audio": SONG}, "data": {"model": "nobody"}}, 400, "no model of that name"),
        ({"data": "key", "headers": {"content-type": "text/plain"}}, 415, "multipart/form-data"),
        ({"json": ["key"]}, 415, "multipart/form-data"),
        ({"data": "{", "headers": {"content-type": "application/json"}}, 415, "multipart/form-data"),
    ],
)
def test_errors_are_the_services(request_parts: dict[str, Any], status: int, says: str, function: Function) -> None:
    response = ask(function, "POST", "/classify", **request_parts)
    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert says in response.json()["error"]


def test_a_body_of_four_megabytes_is_taken_and_a_larger_one_is_sent_elsewhere(function: Function) -> None:
    large = song(24, "wav")
    assert 4_000_000 < len(large) < 4_500_000
    assert ask(function, "POST", "/classify", files={"audio": large}).json()["audio"]["duration_seconds"] == 24
    response = ask(function, "POST", "/classify", files={"audio": large + bytes(800_000)})
    assert response.status_code == 413
    assert "POST /uploads" in response.json()["error"]


def upload(function: Function, audio: bytes) -> str:
    """Send a song as POST /uploads says, and return its key."""
    answer = ask(function, "POST", "/uploads").json()
    assert answer["expires_seconds"] == 900
    assert requests.post(answer["url"], data=answer["fields"], files={"file": audio}, timeout=30).ok
    return str(answer["key"])


@pytest.mark.parametrize("how", ["json", "data", "multipart"])
def test_a_large_song_goes_through_the_bucket(
    how: str, function: Function, store: "S3Client", expected: dict[str, Any]
) -> None:
    fields = {"key": upload(function, SONG), "top_k": 3}
    assert fields["key"] in {found["Key"] for found in store.list_objects_v2(Bucket=BUCKET)["Contents"]}
    parts = (
        {"files": {name: (None, str(value)) for name, value in fields.items()}} if how == "multipart" else {how: fields}
    )
    answer = ask(function, "POST", "/classify", **parts).json()
    likeliest = dict(list(expected["probabilities"].items())[:3])
    check_same(answer, expected | {"probabilities": likeliest})


def test_an_uploaded_song_is_explained_and_may_be_of_another_model(function: Function, store: "S3Client") -> None:  # noqa: ARG001
    fields = {"key": upload(function, song(40, "wav")), "model": "gtzan-svm"}
    assert ask(function, "POST", "/explain", json=fields).content.startswith(b"\x89PNG")
    answer = ask(function, "POST", "/classify", json=fields).json()
    assert (answer["audio"]["duration_seconds"], answer["model"]["name"]) == (40, "gtzan-svm")


def test_an_upload_is_no_larger_than_a_song_may_be_and_its_key_cannot_be_guessed(
    function: Function,
    store: "S3Client",  # noqa: ARG001
) -> None:
    first, second = (ask(function, "POST", "/uploads").json() for _ in range(2))
    assert ["content-length-range", 1, 8_000_000] in json.loads(base64.b64decode(first["fields"]["policy"]))[
        "conditions"
    ]
    assert first["key"] != second["key"]
    assert len(first["key"]) > 40


@pytest.mark.parametrize("key", ["uploads/" + "a" * 43, "uploads/../songs/secret.mp3", "songs/secret.mp3", "", 7])
def test_a_key_of_no_upload_is_refused(key: Any, function: Function, store: "S3Client") -> None:
    store.put_object(Bucket=BUCKET, Key="songs/secret.mp3", Body=SONG)
    response = ask(function, "POST", "/classify", json={"key": key})
    assert response.status_code == 404
    assert "POST /uploads" in response.json()["error"]


def test_an_upload_that_is_no_song_or_too_large_is_refused_as_ever(function: Function, store: "S3Client") -> None:
    key = upload(function, b"no song")
    response = ask(function, "POST", "/classify", json={"key": key})
    assert (response.status_code, "not audio" in response.json()["error"]) == (400, True)
    store.put_object(Bucket=BUCKET, Key=key, Body=bytes(8_000_001))
    response = ask(function, "POST", "/classify", json={"key": key})
    assert (response.status_code, "limit of 8 MB" in response.json()["error"]) == (413, True)


def test_songs_that_come_into_the_bucket_get_their_answers_beside_them(
    function: Function, store: "S3Client", expected: dict[str, Any]
) -> None:
    names = ["songs/My söng + 1.mp3", "songs/notes.txt", "songs/huge.wav", "songs/again.mp3"]
    bodies = [SONG, b"no song", bytes(8_000_001), SONG]
    for name, body in zip(names, bodies, strict=True):
        store.put_object(Bucket=BUCKET, Key=name, Body=body)
    assert function.call(events.created(BUCKET, *names, "songs/gone.mp3")) is None

    answers = [json.loads(store.get_object(Bucket=BUCKET, Key=f"{name}.json")["Body"].read()) for name in names]
    check_same(answers[0], expected)
    check_same(answers[3], expected)
    assert [list(answer) for answer in answers[1:3]] == [["error"], ["error"]]
    assert "not audio" in answers[1]["error"]
    assert "limit of 8 MB" in answers[2]["error"]


def test_neither_its_own_answers_nor_uploads_are_scored(function: Function, store: "S3Client") -> None:
    key = upload(function, SONG)
    store.put_object(Bucket=BUCKET, Key="songs/a.mp3.json", Body=b"{}")
    before = [found["Key"] for found in store.list_objects_v2(Bucket=BUCKET)["Contents"]]
    function.call(events.created(BUCKET, "songs/a.mp3.json", key))
    assert [found["Key"] for found in store.list_objects_v2(Bucket=BUCKET)["Contents"]] == before


def test_when_aws_is_in_the_way_the_call_fails_so_that_it_is_made_again(function: Function, store: "S3Client") -> None:
    store.put_object(Bucket=BUCKET, Key="songs/fine.mp3", Body=SONG)
    event = {
        "Records": [
            *events.created("nowhere", "songs/b.mp3")["Records"],
            *events.created(BUCKET, "songs/fine.mp3")["Records"],
        ]
    }
    with pytest.raises(FunctionError, match=r"s3://nowhere/songs/b\.mp3"):
        function.call(event)
    assert store.head_object(Bucket=BUCKET, Key="songs/fine.mp3.json")["ContentType"] == "application/json"
    # The function lives on.
    assert ask(function, "GET", "/readyz").ok


def test_without_a_bucket_there_are_no_uploads(image: Image, tmp_path: Path) -> None:
    with run(image, tmp_path / "log", HOME=str(tmp_path)) as function:
        for path, fields in (("/uploads", None), ("/classify", {"key": "uploads/" + "a" * 43})):
            response = ask(function, "POST", path, json=fields)
            assert response.status_code == 501
            assert "GENRE_UPLOADS_BUCKET is not set" in response.json()["error"]


def test_a_bucket_that_cannot_be_read_is_a_503_and_in_the_log(
    image: Image, aws: dict[str, str], tmp_path: Path
) -> None:
    settings = aws | {"HOME": str(tmp_path), "GENRE_UPLOADS_BUCKET": "nowhere"}
    with run(image, tmp_path / "log", **settings) as function:
        response = ask(function, "POST", "/classify", json={"key": "uploads/" + "a" * 43})
        assert (response.status_code, list(response.json())) == (503, ["error"])
        assert "nowhere" not in response.text
        assert "NoSuchBucket" in function.log.read_text()


def test_nothing_is_written_beside_the_code(image: Image, tmp_path: Path) -> None:
    """In Lambda it could not be: only /tmp takes files."""
    before = {path: path.stat().st_mtime_ns for path in image.folder.rglob("*")}
    with run(image, tmp_path / "log", HOME=str(tmp_path), PYTHONDONTWRITEBYTECODE="") as function:
        assert ask(function, "POST", "/classify", files={"audio": SONG}).ok
    assert {path: path.stat().st_mtime_ns for path in image.folder.rglob("*")} == before

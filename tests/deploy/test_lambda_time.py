"""The service in AWS Lambda: the work on a song stops before the call's time is over."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests

from benchmarks.function import Function, FunctionError, lay_out, run
from tests.deploy import events
from tests.deploy.conftest import BUCKET
from tests.sounds import single_samples, song

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CALL_SECONDS = 8.0
SONG = song(12, "mp3")
# As large as a call carries; takes half a minute.
HARD = single_samples(500_000)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def function(aws: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    image = replace(lay_out("service", tmp_path_factory.mktemp("task")), seconds=CALL_SECONDS)
    folder = tmp_path_factory.mktemp("function")
    with run(image, folder / "log", **aws, HOME=str(folder)) as function:
        # The start is not of a call's time.
        function.call(events.http_api(requests.Request("GET", "https://function/readyz")))
        yield function


def ask(function: Function, path: str, *audio: bytes) -> requests.Response:
    request = requests.Request("POST", f"https://function{path}", files=[("audio", one) for one in audio])
    began = time.monotonic()
    answer = events.answer_of(function.call(events.http_api(request)))
    # Later, AWS would have ended the call.
    assert time.monotonic() - began < CALL_SECONDS
    return answer


@pytest.mark.parametrize("path", ["/classify", "/explain"])
def test_a_song_that_takes_too_long_is_answered_within_the_call(path: str, function: Function) -> None:
    assert ask(function, path, HARD).status_code == 504
    assert ask(function, path, SONG).status_code == 200


def test_songs_of_a_batch_for_which_no_time_is_left_have_errors(function: Function) -> None:
    answers = ask(function, "/classify_batch", SONG, HARD, SONG).json()
    assert [answer["error"] is None for answer in answers] == [True, False, False]


def test_a_song_of_the_bucket_has_an_error_and_one_without_its_time_is_tried_again(
    function: Function, store: "S3Client"
) -> None:
    for name, body in {"songs/hard.mkv": HARD, "songs/fine.mp3": SONG}.items():
        store.put_object(Bucket=BUCKET, Key=name, Body=body)
    with pytest.raises(FunctionError, match=r"s3://genre-songs/songs/fine\.mp3"):
        function.call(events.created(BUCKET, "songs/hard.mkv", "songs/fine.mp3"))
    assert list(json.loads(store.get_object(Bucket=BUCKET, Key="songs/hard.mkv.json")["Body"].read())) == ["error"]
    keys = {found["Key"] for found in store.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert "songs/fine.mp3.json" not in keys
    assert function.call(events.created(BUCKET, "songs/fine.mp3")) is None
    answer = json.loads(store.get_object(Bucket=BUCKET, Key="songs/fine.mp3.json")["Body"].read())
    assert answer["model"]["name"]

"""The service over HTTP: a real server process, real files, and clients that mean harm."""

import http.client
import io
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import pytest
import requests
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.server import Server
from inference.bundle import MODELS, list_cards, load_bundle
from inference.classifier import GenreClassifier
from tests.serving.server import BENTOML, ROOT, classify, logged, serve
from tests.sounds import FFMPEG, LIBSNDFILE, encode, song

SONG = song(35, "mp3")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    with serve("service:GenreService", ROOT, log, GENRE_MAX_UPLOAD_MB="8") as server:
        yield server
        # After all that it had to stand: it still answers, and nothing was an error of its own.
        assert classify(server, SONG).status_code == 200
        logged = log.read_text()
        assert "(status=500" not in logged
        assert not [line for line in logged.splitlines() if line.startswith("Traceback")]


def error_of(response: requests.Response) -> str:
    """Return the message of an error answer, having checked its shape and that it gives nothing away."""
    answer = response.json()
    assert list(answer) == ["error"]
    for secret in ("Traceback", str(ROOT), "/tmp/", ".py", "site-packages"):
        assert secret not in response.text
    return str(answer["error"])


def test_a_song_gets_its_genre(server: Server) -> None:
    response = classify(server, SONG)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    answer = response.json()
    assert list(answer) == ["genre", "confidence", "probabilities", "tags", "segments", "audio", "model"]
    assert answer["model"]["name"] == next(iter(list_cards()))
    assert answer["audio"] == {
        "duration_seconds": 35.0,
        "heard_seconds": 35.0,
        "sample_rate_hz": 44100,
        "channels": 2,
        "complete": True,
    }
    likeliest = max(answer["probabilities"], key=answer["probabilities"].__getitem__)
    assert answer["confidence"] == answer["probabilities"][likeliest]
    assert answer["genre"] in (likeliest, None)


def check_tags(tags: dict[str, float]) -> None:
    """Check that tags are few, probable enough and in order."""
    probabilities = list(tags.values())
    assert len(probabilities) <= 5
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0.1 <= probability <= 1 for probability in probabilities)


@pytest.mark.parametrize("model", list_cards())
def test_a_song_has_the_same_few_tags_alone_and_in_a_batch(model: str, server: Server) -> None:
    tags = classify(server, SONG, model=model).json()["tags"]
    check_tags(tags)
    (in_batch,) = classify_batch(server, ("a.mp3", SONG), model=model).json()
    assert in_batch["prediction"]["tags"] == tags
    # top_k limits the probabilities, not the tags.
    assert classify(server, SONG, model=model, top_k="1").json()["tags"] == tags


def test_silence_gets_no_tags(server: Server) -> None:
    silence = encode(np.zeros((20 * 22_050, 1), np.float32), 22_050, "wav")
    assert classify(server, silence).json()["tags"] == {}


def test_tags_can_be_switched_off(tmp_path: Path) -> None:
    with serve("service:GenreService", ROOT, tmp_path / "log", GENRE_TAGS="0", GENRE_LOAD="default") as server:
        assert classify(server, SONG).json()["tags"] == {}
        (answer,) = classify_batch(server, ("a.mp3", SONG)).json()
        assert answer["prediction"]["tags"] == {}


def test_what_is_no_music_gets_no_genre(server: Server) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (20 * 22_050, 1)).astype(np.float32)
    for samples in (np.zeros_like(noise), noise):
        answer = classify(server, encode(samples, 22_050, "wav")).json()
        assert answer["genre"] is None
        assert {segment["genre"] for segment in answer["segments"]} == {None}
        assert answer["confidence"] == max(answer["probabilities"].values()) > 0


def test_real_music_gets_one(server: Server, research_data: Path) -> None:
    answer = classify(server, (research_data / "audio" / "gtzan" / "blues.00000.wav").read_bytes()).json()
    assert answer["genre"] == next(iter(answer["probabilities"]))


@cache
def classifier_of(model: str) -> GenreClassifier:
    return GenreClassifier(load_bundle(MODELS / model))


# Every model, and every format with the default one: how a file is decoded does not depend on who looks at it.
DEFAULT_MODEL, *OTHER_MODELS = list_cards()


@pytest.mark.parametrize(
    ("model", "suffix"),
    [(DEFAULT_MODEL, suffix) for suffix in (*LIBSNDFILE, *FFMPEG)] + [(model, "mp3") for model in OTHER_MODELS],
)
def test_the_answer_is_the_command_lines(suffix: str, model: str, server: Server) -> None:
    audio = song(12, suffix, 48_000, seed=1)
    answer = classify(server, audio, f"song.{suffix}", model=model).json()
    expected = asdict(classifier_of(model).classify(audio))
    for part in ("probabilities", "tags", "confidence"):
        assert answer.pop(part) == pytest.approx(expected.pop(part), abs=1e-6)
    for found, wanted in zip(answer.pop("segments"), expected.pop("segments"), strict=True):
        assert found.pop("confidence") == pytest.approx(wanted.pop("confidence"), abs=1e-6)
        assert found == wanted
    assert answer == expected


def test_top_k_limits_the_probabilities(server: Server) -> None:
    everything = classify(server, SONG).json()["probabilities"]
    assert list(classify(server, SONG, top_k="3").json()["probabilities"]) == list(everything)[:3]
    assert len(classify(server, SONG, top_k="99").json()["probabilities"]) == len(everything)


def test_bentomls_own_client_can_call_it(server: Server, tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(SONG)
    with bentoml.SyncHTTPClient(server.url) as client:
        answer = client.classify(audio=song, model="gtzan-svm", top_k=2)
    assert answer["model"]["name"] == "gtzan-svm"
    assert len(answer["probabilities"]) == 2


def test_models_lists_every_card(server: Server) -> None:
    answer = requests.get(f"{server.url}/models", timeout=10).json()
    cards = list_cards()
    assert answer == {
        "default": next(iter(cards)),
        "models": json.loads(json.dumps([asdict(c) for c in cards.values()])),
    }


def test_it_documents_itself(server: Server) -> None:
    document = requests.get(f"{server.url}/docs.json", timeout=10).json()
    classify_post = document["paths"]["/classify"]["post"]
    form = classify_post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["audio"]
    assert set(form["properties"]) == {"audio", "model", "excerpts", "top_k"}
    assert all(field["description"] for field in form["properties"].values())
    example = classify_post["responses"]["200"]["content"]["application/json"]["example"]
    assert list(example) == list(classify(server, SONG).json())
    check_tags(example["tags"])
    assert {"400", "413", "415"} <= set(classify_post["responses"])
    assert "get" in document["paths"]["/models"]
    assert "image/png" in document["paths"]["/explain"]["post"]["responses"]["200"]["content"]
    batch_post = document["paths"]["/classify_batch"]["post"]
    assert {"200", "400", "413", "415"} <= set(batch_post["responses"])
    batch_example = batch_post["responses"]["200"]["content"]["application/json"]["example"]
    assert list(batch_example[0]) == list(classify_batch(server, ("a.mp3", SONG)).json()[0])
    answer = classify_post["responses"]["200"]["content"]["application/json"]["schema"]
    for schema in (answer, document["components"]["schemas"]["Segment"]):
        assert [kind["type"] for kind in schema["properties"]["genre"]["anyOf"]] == ["string", "null"]
    references = set(_references(document))
    assert references <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key == "$ref")
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/metrics", "/"])
def test_health_metrics_and_the_page_of_the_api_are_there(path: str, server: Server) -> None:
    assert requests.get(server.url + path, timeout=10).status_code == 200


def half(suffix: str) -> bytes:
    whole = song(10, suffix, 48_000)
    return whole[: len(whole) // 2]


BAD_SONGS = {
    "empty": (b"", "empty"),
    "text": (b"These are only words. " * 500, "not audio"),
    "picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(500), "not audio"),
    "noise": (os.urandom(50_000), "not audio"),
    "half a WAV": (half("wav"), "cut short"),
    "half an MP3": (half("mp3"), "cut short"),
    "half a FLAC": (half("flac"), "cut short"),
    "half an Ogg": (half("ogg"), "cut short"),
    "half an M4A": (half("m4a"), "cut short"),
    "under a second": (song(0.9, "wav"), "0.90 seconds"),
    "a playlist": (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "not audio"),
}


@pytest.mark.parametrize(("content", "message"), BAD_SONGS.values(), ids=BAD_SONGS)
def test_what_cannot_be_classified_is_a_400_that_says_why(content: bytes, message: str, server: Server) -> None:
    response = classify(server, content)
    assert response.status_code == 400
    assert message in error_of(response)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "nope"}, "Choose one of: gtzan-"),
        ({"model": "../models/gtzan-svm"}, "Choose one of: gtzan-"),
        ({"model": "[1]"}, "GET /models"),
        ({"model": "[" * 1000}, "Choose one of: gtzan-"),
        ({"model": "[" * 5000}, "maximum size"),
        ({"top_k": "0"}, "whole number"),
        ({"top_k": "-1"}, "whole number"),
        ({"top_k": "2.5"}, "whole number"),
        ({"top_k": "true"}, "whole number"),
        ({"top_k": "many"}, "whole number"),
        ({"top_k": "1001"}, "whole number"),
        ({"top_k": str(2**63)}, "whole number"),
        ({"top_k": str(10**500)}, "whole number"),
        ({"excerpts": "0"}, "from 1 to 100"),
        ({"excerpts": "101"}, "from 1 to 100"),
        ({"excerpts": "2.5"}, "from 1 to 100"),
        ({"excerpts": "true"}, "from 1 to 100"),
        ({"excerpts": "all"}, "from 1 to 100"),
    ],
)
def test_a_field_that_makes_no_sense_is_a_400(fields: dict[str, str], message: str, server: Server) -> None:
    response = classify(server, SONG, **fields)
    assert response.status_code == 400
    assert message in error_of(response)


def test_a_form_without_a_song_is_a_400(server: Server) -> None:
    response = requests.post(f"{server.url}/classify", files={"song": SONG}, timeout=10)
    assert response.status_code == 400
    assert "curl -F audio=@song.mp3" in error_of(response)


@pytest.mark.parametrize("two", ["audio", "model"])
def test_a_second_file_is_a_400(two: str, server: Server) -> None:
    files = [("audio", ("a.mp3", SONG)), (two, ("b.mp3", SONG))]
    response = requests.post(f"{server.url}/classify", files=files, timeout=10)
    assert response.status_code == 400
    error_of(response)


@pytest.mark.parametrize("content_type", ["application/json", "audio/mpeg", "application/x-www-form-urlencoded", ""])
def test_anything_but_a_form_is_a_415(content_type: str, server: Server) -> None:
    headers = {"content-type": content_type}
    response = requests.post(f"{server.url}/classify", data=b'{"audio": "/etc/passwd"}', headers=headers, timeout=10)
    assert response.status_code == 415
    assert "multipart/form-data" in error_of(response)


def test_a_pickle_is_never_opened(server: Server) -> None:
    headers = {"content-type": "application/vnd.bentoml+pickle"}
    response = requests.post(f"{server.url}/classify", data=b"cos\nabort\n(tR.", headers=headers, timeout=10)
    assert response.status_code == 415
    assert "Pickles are not taken" in error_of(response)
    # Without a body to open, the header says nothing.
    assert requests.get(f"{server.url}/readyz", headers=headers, timeout=10).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/classify", 405)])
def test_an_address_that_is_not_there_is_an_error_of_the_same_shape(
    method: str, path: str, status: int, server: Server
) -> None:
    response = requests.request(method, server.url + path, timeout=10)
    assert response.status_code == status
    assert f"{method} {path}" in error_of(response)
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("content", [b"", b"--x\r\n", b"--x\r\nContent-Disposition: nonsense\r\n\r\nx\r\n--x--\r\n"])
def test_a_broken_form_is_a_400(content: bytes, server: Server) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = requests.post(f"{server.url}/classify", data=content, headers=headers, timeout=10)
    assert response.status_code == 400
    error_of(response)


def test_an_address_in_place_of_a_file_is_not_fetched(server: Server) -> None:
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Listener) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        for target in (f"http://127.0.0.1:{listener.server_port}/song.mp3", "/etc/passwd", "file:///etc/passwd"):
            response = requests.post(f"{server.url}/classify", files={"audio": (None, target)}, timeout=10)
            assert response.status_code == 400
            assert "no file" in error_of(response)
        listener.shutdown()
    assert not asked


class TestOverTheLimit:
    """The server of these tests takes 8 MB."""

    SIZE = 30_000_000

    def test_a_stated_length_is_refused_before_anything_is_sent(self, server: Server) -> None:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
        connection.putrequest("POST", "/classify")
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(self.SIZE))
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 413
        assert b"limit of 8 MB" in response.read()
        connection.close()

    def test_a_client_that_sends_all_the_same_gets_to_read_why(self, server: Server) -> None:
        response = classify(server, bytes(self.SIZE))
        assert response.status_code == 413
        assert "limit of 8 MB" in error_of(response)

    def test_a_client_that_states_no_length_is_stopped_at_the_limit(self, server: Server) -> None:
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="song.mp3"\r\n\r\n'
            while sent < 1_000_000_000:
                sent += 1_000_000
                yield bytes(1_000_000)

        headers = {"content-type": "multipart/form-data; boundary=x"}
        try:
            response = requests.post(f"{server.url}/classify", data=chunks(), headers=headers, timeout=60)
        except requests.ConnectionError:
            # The server hung up on a client that went on sending.
            pass
        else:
            assert response.status_code == 413
            assert "limit of 8 MB" in error_of(response)
        assert sent < 100_000_000

    def test_a_song_just_under_the_limit_is_taken(self, server: Server) -> None:
        large = song(45, "wav")
        assert 7_900_000 < len(large) < 8_000_000
        assert classify(server, large).status_code == 200


def classify_batch(server: Server, *files: tuple[str, bytes], **fields: str) -> requests.Response:
    return requests.post(
        f"{server.url}/classify_batch", files=[("audio", file) for file in files], data=fields, timeout=60
    )


def test_several_songs_are_answered_in_order_each_with_its_own_result_or_error(server: Server) -> None:
    other = song(12, "flac", 22_050)
    response = classify_batch(
        server,
        ("a.mp3", SONG),
        ("b.txt", b"no audio"),
        ("large.wav", bytes(8_000_001)),
        ("c.flac", other),
        model="gtzan-svm",
        top_k="2",
    )
    assert response.status_code == 200
    first, broken, large, last = response.json()
    for answer, name, audio in ((first, "a.mp3", SONG), (last, "c.flac", other)):
        alone = classify(server, audio, model="gtzan-svm", top_k="2").json()
        assert answer == {"name": name, "prediction": alone, "error": None}
    assert (broken["name"], broken["prediction"]) == ("b.txt", None)
    assert "not audio" in broken["error"]
    assert (large["name"], large["prediction"]) == ("large.wav", None)
    assert "over the limit of 8 MB" in large["error"]
    line = logged(server, response.headers["x-request-id"])
    assert (line["model"], line["songs"], line["failed"]) == ("gtzan-svm", 4, 2)


@pytest.mark.parametrize(
    ("files", "fields", "status", "message"),
    [
        ([("a.txt", b"x")] * 33, {}, 400, "Maximum number of files is 32"),
        ([], {"model": "gtzan-svm"}, 415, "ADDRESS/classify_batch"),
        ([("a.mp3", SONG)], {"model": "none"}, 400, "There is no model of that name"),
        ([("a.wav", bytes(7_000_000))] * 5, {}, 413, "over the limit of 32 MB"),
    ],
)
def test_a_batch_that_makes_no_sense_gets_one_error(
    files: list[tuple[str, bytes]], fields: dict[str, str], status: int, message: str, server: Server
) -> None:
    response = classify_batch(server, *files, **fields)
    assert response.status_code == status
    assert message in error_of(response)


def explain(server: Server, audio: bytes, **fields: str) -> requests.Response:
    return requests.post(f"{server.url}/explain", files={"audio": ("song", audio)}, data=fields, timeout=60)


@pytest.mark.parametrize("model", ["gtzan-best", "gtzan-cnn", "fma-small-knn"])
@pytest.mark.parametrize("seconds", [2, 35])
def test_a_song_is_explained_by_a_picture(seconds: int, model: str, server: Server) -> None:
    audio = song(seconds, "mp3")
    response = explain(server, audio, model=model)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
    picture = Image.open(io.BytesIO(response.content)).convert("RGB")
    assert picture.size == (1032, 384)
    spectrogram = np.asarray(picture.crop((56, 52, 1016, 308)), int)
    # Music, not one grey; and here and there a tint.
    assert spectrogram.std() > 20
    assert (spectrogram[..., 0] != spectrogram[..., 2]).any()
    assert explain(server, audio, model=model).content == response.content
    assert logged(server, response.headers["x-request-id"])["model"] == model


def test_what_cannot_be_explained_is_refused_as_everywhere(server: Server) -> None:
    for response, message in (
        (explain(server, b"no audio"), "not audio"),
        (explain(server, SONG, model="none"), "There is no model of that name"),
        (requests.post(f"{server.url}/explain", files={"model": b"x"}, timeout=60), "no file in the form's field"),
    ):
        assert response.status_code == 400
        assert message in error_of(response)


def metric(server: Server, name: str, **labels: str) -> float:
    """Return the value of a metric, 0 if it has not been counted yet."""
    families = text_string_to_metric_families(requests.get(f"{server.url}/metrics", timeout=60).text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_a_request_id_comes_back_and_stands_in_the_log(server: Server) -> None:
    response = requests.post(
        f"{server.url}/classify",
        files={"audio": SONG},
        data={"model": "gtzan-knn"},
        headers={"X-Request-ID": "site/42"},
        timeout=60,
    )
    assert response.headers["x-request-id"] == "site/42"
    line = logged(server, "site/42")
    assert line["level"] == "info"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/classify", 200)
    assert (line["model"], line["genre"], line["audio_seconds"]) == ("gtzan-knn", response.json()["genre"], 35.0)
    assert line["seconds"] > 0


@pytest.mark.parametrize("given", ["", "two words", 'quo"te', "x" * 129, "{}"])
def test_a_request_id_that_could_do_harm_is_replaced(given: str, server: Server) -> None:
    response = requests.get(f"{server.url}/models", headers={"X-Request-ID": given}, timeout=60)
    assert response.headers["x-request-id"] != given
    assert response.headers["x-request-id"].isalnum()


def test_a_refusal_is_logged_and_counted_with_its_reason(server: Server) -> None:
    before = metric(server, "genre_rejections_total", reason="unreadable audio")
    response = classify(server, b"no audio at all")
    assert response.status_code == 400
    line = logged(server, response.headers["x-request-id"])
    assert (line["status"], line["reason"]) == (400, "unreadable audio")
    assert metric(server, "genre_rejections_total", reason="unreadable audio") == before + 1


def test_an_answer_is_counted_by_genre_with_its_length_and_the_time_of_each_stage(server: Server) -> None:
    counted = {"model": "fma-small-knn", "genre": "not sure"}
    noise = np.random.default_rng(0).normal(0, 0.1, (20 * 22_050, 1)).astype(np.float32)
    sound = encode(noise, 22_050, "wav")
    before = {
        name: metric(server, name)
        for name in ("genre_audio_seconds_total", "genre_stage_seconds_count", "genre_stage_seconds_sum")
    }
    songs_before = metric(server, "genre_predictions_total", **counted)
    assert classify(server, sound, model="fma-small-knn").json()["genre"] is None
    assert metric(server, "genre_predictions_total", **counted) == songs_before + 1
    assert metric(server, "genre_audio_seconds_total") == pytest.approx(before["genre_audio_seconds_total"] + 20)
    assert metric(server, "genre_stage_seconds_count") == before["genre_stage_seconds_count"] + 3
    assert metric(server, "genre_stage_seconds_sum") > before["genre_stage_seconds_sum"]


def test_the_dashboard_draws_metrics_that_there_are(server: Server) -> None:
    for audio in (SONG, b"no audio at all"):
        classify(server, audio)
    served = requests.get(f"{server.url}/metrics", timeout=60).text
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    drawn = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:genre|bentoml_service)_\w+", target["expr"])
    }
    assert len(drawn) >= 8
    for name in drawn:
        assert re.search(rf"^{name}\b", served, re.MULTILINE), name


@pytest.mark.slow
def test_a_bento_serves_the_same_answers_from_another_folder(tmp_path: Path) -> None:
    home = {"BENTOML_HOME": str(tmp_path / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    build = subprocess.run(
        [BENTOML, "build", "--output", "tag"],
        cwd=ROOT,
        env=os.environ | home,
        check=True,
        capture_output=True,
        text=True,
    )
    tag = build.stdout.strip().removeprefix("__tag__:")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with serve(tag, elsewhere, tmp_path / "log", **home) as server:
        assert {card["name"] for card in requests.get(f"{server.url}/models", timeout=10).json()["models"]} == set(
            list_cards()
        )
        for name in list_cards():
            answer = classify(server, SONG, model=name).json()
            expected = classifier_of(name).classify(SONG)
            assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    # Where the features are computed is for who serves it to say, not for who built it.
    with serve(tag, elsewhere, tmp_path / "log", GENRE_MEL_FEATURES="process", **home) as server:
        assert classify(server, SONG, model=name).json() == answer


def test_other_models_can_be_served_by_naming_their_folder(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "gtzan-svm", tmp_path / "models" / "gtzan-svm")
    with serve("service:GenreService", ROOT, tmp_path / "log", GENRE_MODELS=str(tmp_path / "models")) as server:
        assert len(requests.get(f"{server.url}/models", timeout=10).json()["models"]) == 1
        assert classify(server, SONG).json()["model"]["name"] == "gtzan-svm"

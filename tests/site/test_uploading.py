"""A visitor sends a song."""

import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest
import requests
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings
from songs import charts
from songs.models import Analysis, Picture

from benchmarks.server import Server
from tests import sounds
from tests.site.relay import Relay


def upload(content: bytes, name: str = "My song.mp3") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_a_visitor_sees_the_genre_and_nothing_is_kept(site: Client, service: Server, song: bytes) -> None:
    answer = requests.post(f"{service.url}/classify", files={"audio": song}, timeout=60).json()
    page = site.post("/analyse/", {"audio": upload(song)})
    assert page.status_code == 200
    text = page.content.decode()
    for genre in answer["probabilities"]:
        assert f">{genre.capitalize()}<" in text
    assert (answer["genre"].capitalize() if answer["genre"] else "Not sure") in text
    assert not Analysis.objects.exists()


def test_a_users_result_is_kept_whole(member: Client, user: User, service: Server, song: bytes) -> None:
    answer = requests.post(f"{service.url}/classify", files={"audio": song}, timeout=60).json()
    member.post("/analyse/", {"audio": upload(song)})
    kept = Analysis.objects.get()
    assert (kept.user, kept.file_name, kept.file_bytes) == (user, "My song.mp3", len(song))
    assert kept.answer == answer
    assert (kept.model_name, kept.model_version) == (answer["model"]["name"], answer["model"]["version"])


TAGS = {"electronic": 0.8, "80s": 0.4, "female vocalists": 0.2}


def test_a_result_says_what_else_the_song_sounds_like_with_a_script_and_without(
    site: Client, relay: Relay, song: bytes
) -> None:
    relay.tags = TAGS
    for address in ("/analyse/", "/"):
        assert (
            b"Also sounds like: electronic, 80s, female vocalists<"
            in site.post(address, {"audio": upload(song)}).content
        )
    assert not Analysis.objects.exists()


def test_tags_are_kept_with_a_users_result(member: Client, relay: Relay, song: bytes) -> None:
    relay.tags = TAGS
    member.post("/analyse/", {"audio": upload(song)})
    kept = Analysis.objects.get()
    assert kept.tags == kept.answer["tags"] == TAGS
    assert b"Also sounds like: electronic, 80s, female vocalists<" in member.get(kept.get_absolute_url()).content


def test_a_service_without_tags_is_shown_without_them(member: Client, relay: Relay, song: bytes) -> None:
    for relay.tags in (None, {}):
        page = member.post("/analyse/", {"audio": upload(song)})
        assert page.status_code == 200
        assert b"sounds like" not in page.content
    assert [row.tags for row in Analysis.objects.all()] == [{}, {}]


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        ({"<img src=x onerror=alert(1)>": 0.9, "'\"&": 0.8}, {"<img src=x onerror=alert(1)>": 0.9, "'\"&": 0.8}),
        ({"x" * 1000: 0.9}, {"x" * 64: 0.9}),
        (
            {f"tag {number}": number / 10 for number in range(9)},
            {f"tag {number}": number / 10 for number in range(4, 9)},
        ),
        ({"": 0.9, " ": 0.8, "high": 1.1, "low": -1, "text": "0.5", "none": None, "list": [1]}, {}),
        (["jazz", "blues"], {}),
        ("jazz", {}),
    ],
    ids=["mark-up", "long", "many", "no probabilities", "list", "text"],
)
def test_tags_of_any_service_are_checked_escaped_and_cut(
    tags: Any, kept: dict[str, float], member: Client, relay: Relay, song: bytes
) -> None:
    relay.tags = tags
    page = member.post("/analyse/", {"audio": upload(song)})
    assert page.status_code == 200
    assert b"<img src=x" not in page.content
    assert Analysis.objects.get().tags == kept
    assert (b"Also sounds like: " in page.content) == bool(kept)


def test_a_site_may_have_songs_heard_in_excerpts(member: Client, settings: Settings) -> None:
    settings.EXCERPTS = 2
    page = member.post("/analyse/", {"audio": upload(sounds.song(100, "mp3", 22_050, 1))}).content.decode()
    answer = Analysis.objects.get().answer
    assert (answer["audio"]["duration_seconds"], answer["audio"]["heard_seconds"]) == (100, 60)
    assert "1:40 of sound, 1:00 of it heard" in page
    # The second excerpt lies from 60 to 90 seconds.
    spans = charts.timeline(answer)
    assert any(span.x == pytest.approx(600, abs=5) for span in spans)
    assert all(span.x + span.width < 410 or span.x > 590 for span in spans)


def test_silence_is_said_to_be_no_music(site: Client) -> None:
    silence = sounds.encode(np.zeros((30 * 8000, 1), np.float32), 8000, "wav")
    page = site.post("/analyse/", {"audio": upload(silence, "silence.wav")}).content
    assert b"No music</strong>" in page


def test_the_model_can_be_chosen(member: Client, song: bytes) -> None:
    member.post("/analyse/", {"audio": upload(song), "model": "fma-small-cnn"})
    assert Analysis.objects.get().model_name == "fma-small-cnn"


def test_without_a_script_the_form_shows_every_result_with_its_picture(site: Client, song: bytes) -> None:
    page = site.post("/", {"audio": [upload(song, "one.mp3"), upload(b"no sound at all", "two.mp3")]})
    text = page.content.decode()
    assert page.status_code == 200
    assert "one.mp3" in text
    assert "data:image/png;base64," in text
    assert "two.mp3" in text
    assert text.count('role="alert"') == 1
    assert not Analysis.objects.exists()


def test_without_a_script_a_user_comes_to_the_kept_result(member: Client, song: bytes) -> None:
    page = member.post("/", {"audio": upload(song)}, follow=True)
    kept = Analysis.objects.get()
    assert page.redirect_chain == [(kept.get_absolute_url(), 302)]
    assert f"/history/{kept.pk}/picture/" in page.content.decode()
    assert member.get(f"/history/{kept.pk}/picture/").content.startswith(b"\x89PNG")


@pytest.mark.parametrize("address", ["/", "/analyse/", "/draw/"])
def test_a_form_without_a_song_is_answered_with_what_to_do(site: Client, address: str) -> None:
    page = site.post(address, {})
    assert page.status_code == 400
    assert b"Choose a" in page.content


def test_what_is_no_music_is_said_so_and_not_kept(member: Client) -> None:
    page = member.post("/analyse/", {"audio": upload(b"%PDF-1.7 not a song", "song.mp3")})
    assert page.status_code == 400
    assert b"not audio" in page.content
    assert not Analysis.objects.exists()


def test_a_service_that_is_away_is_said_so_and_nothing_is_kept(member: Client, settings: Settings, song: bytes) -> None:
    settings.GENRE_SERVICE_URL = "http://127.0.0.1:9"
    page = member.post("/analyse/", {"audio": upload(song)})
    assert page.status_code == 503
    assert b"Try again in a minute" in page.content
    assert not Analysis.objects.exists()
    assert member.get("/").status_code == 200
    assert b"not available" in member.get("/about/").content


def test_file_names_are_escaped_and_cut(member: Client, song: bytes) -> None:
    name = "<img src=x onerror=alert(1)>" + 300 * "x" + ".mp3"
    page = member.post("/analyse/", {"audio": upload(song, name)})
    assert b"<img src=x" not in page.content
    kept = Analysis.objects.get()
    assert len(kept.file_name) <= 255
    assert kept.file_name.endswith(".mp3")
    assert b"<img src=x" not in member.get("/history/").content


def test_a_picture_is_kept_with_its_song_and_only_from_that_file(member: Client, song: bytes) -> None:
    member.post("/analyse/", {"audio": upload(song)})
    number = Analysis.objects.get().pk
    other = member.post("/draw/", {"audio": upload(song + b"more"), "analysis": number})
    assert other.status_code == 400
    assert b"another file" in other.content
    assert not Picture.objects.exists()
    drawn = member.post("/draw/", {"audio": upload(song), "analysis": number})
    assert drawn["Content-Type"] == "image/png"
    assert member.get(f"/history/{number}/picture/").content == drawn.content


def test_a_visitors_picture_is_not_kept(site: Client, song: bytes) -> None:
    drawn = site.post("/draw/", {"audio": upload(song), "model": "gtzan-cnn", "analysis": ""})
    assert drawn.content.startswith(b"\x89PNG")
    assert not Picture.objects.exists()


def test_songs_an_hour_are_limited_for_visitors_and_for_users(site: Client, user: User, settings: Settings) -> None:
    settings.VISITOR_SONGS_AN_HOUR, settings.USER_SONGS_AN_HOUR = 2, 3

    def send() -> int:
        return site.post("/analyse/", {"audio": upload(b"none")}).status_code

    assert [send() for _ in range(3)] == [400, 400, 429]
    site.force_login(user)
    assert [send() for _ in range(4)] == [400, 400, 400, 429]


def test_too_large_a_body_is_refused_before_it_is_kept(site: Client, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 200_000
    page = site.post("/analyse/", {"audio": upload(bytes(400_000))}, headers={"X-Requested-With": "XMLHttpRequest"})
    assert page.status_code == 413
    assert page.content.decode().startswith("What you send at once may have 0.2 MB")


@pytest.mark.slow
def test_fifty_visitors_at_once_all_get_their_answer(running_site: Server, song: bytes) -> None:
    seen: Counter[int] = Counter()

    def visit(number: int) -> None:
        with requests.Session() as browser:
            form = browser.get(running_site.url, timeout=60).text
            token = form.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
            answer = browser.post(
                f"{running_site.url}/analyse/",
                files={"audio": (f"{number}.mp3", song)},
                data={"csrfmiddlewaretoken": token},
                timeout=120,
            )
            seen[answer.status_code] += 1

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(50)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(timeout=100)
    assert seen == {200: 50}

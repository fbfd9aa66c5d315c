"""What a user says of a result, and whom it is shown to."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from songs import charts, genre_client
from songs.models import Analysis, Feedback, Picture

from serving.picture import GENRE_COLOURS
from tests.serving.server import ROOT
from tests.site.test_history import ANSWER, keep, names

PNG = b"\x89PNG\r\n\x1a\n"


def correct(member: Client, row: Analysis, **fields: str) -> None:
    member.post(f"/history/{row.pk}/feedback/", fields)


@pytest.mark.parametrize("kind", ["none", "no-music"])
def test_none_of_the_genres_and_no_music_are_answers_too(member: Client, user: User, kind: str, tmp_path: Path) -> None:
    (row,) = keep(user)
    correct(member, row, kind=kind)
    given = Feedback.objects.get()
    assert (given.kind, given.genre) == (kind, "")
    assert given.said.encode() in member.get("/history/").content
    call_command("export_feedback", str(tmp_path / "table.csv"))
    (line,) = csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text()))
    assert (line["genre"], line["feedback"]) == ("", given.said)
    correct(member, row, genre="jazz")
    assert Feedback.objects.get().said == "jazz"


def test_a_correction_is_taken_back(member: Client, user: User) -> None:
    (row,) = keep(user)
    correct(member, row, genre="jazz")
    assert b'value="withdraw"' in member.get(row.get_absolute_url()).content
    correct(member, row, kind="withdraw")
    assert not Feedback.objects.exists()
    assert b'value="withdraw"' not in member.get(row.get_absolute_url()).content


@pytest.mark.parametrize("genre", ["blues", None])
def test_nothing_is_chosen_for_the_user(member: Client, user: User, genre: str | None) -> None:
    (row,) = keep(user, genre=genre)
    assert member.get(row.get_absolute_url()).context["form"]["genre"].value() == ""
    for fields in ({"genre": ""}, {"kind": "other"}, {}):
        correct(member, row, **fields)
    assert not Feedback.objects.exists()


def test_statistics_count_what_was_checked(member: Client, user: User) -> None:
    rows = keep(user, 4)
    correct(member, rows[0], genre="blues")
    correct(member, rows[1], genre="jazz")
    correct(member, rows[2], kind="none")
    page = member.get("/history/statistics/")
    assert (page.context["total"], page.context["checked"], page.context["confirmed"]) == (4, 3, 1)


@pytest.mark.parametrize(("highest", "counts"), [(1, [1]), (5, [1, 2, 3, 4, 5]), (7, [2, 4, 6]), (1234, [500, 1000])])
def test_a_scale_has_round_counts(highest: int, counts: list[int]) -> None:
    assert [count for count, _ in charts.ticks(highest)] == counts


def test_a_link_shows_one_result_to_anybody_until_it_is_withdrawn(member: Client, user: User) -> None:
    row, other = keep(user, 2)
    Picture.objects.create(analysis=row, png=PNG)
    member.post(f"/history/{row.pk}/share/")
    row.refresh_from_db()
    address = f"/shared/{row.share_key}/"
    assert f"http://testserver{address}" in member.get(row.get_absolute_url()).content.decode()
    stranger = Client()
    page = stranger.get(address)
    assert b"Blues" in page.content
    assert page["X-Robots-Tag"] == "noindex"
    for private in (b"ada", b"/history/", other.file_name.encode(), f'data-analysis="{row.pk}"'.encode()):
        assert private not in page.content
    assert stranger.get(f"{address}picture/").content == PNG
    member.post(f"/history/{row.pk}/share/", {"withdraw": "1"})
    for gone in (address, f"{address}picture/", "/shared/None/", "/shared/x/"):
        assert stranger.get(gone).status_code == 404
    member.post(f"/history/{row.pk}/share/")
    assert stranger.get(address).status_code == 404


def test_a_deleted_result_is_not_shared(member: Client, user: User) -> None:
    (row,) = keep(user)
    member.post(f"/history/{row.pk}/share/")
    row.refresh_from_db()
    member.post(f"/history/{row.pk}/delete/")
    assert Client().get(f"/shared/{row.share_key}/").status_code == 404


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("ÜBER ALLES.mp3", "über"),
        ("Катюша.mp3", "КАТЮША"),
        ("Ελλάδα.mp3", "ΕΛΛΆΔΑ"),
        ("Große Straße.mp3", "GROSSE STRASSE"),
        ("Cafe\u0301.mp3", "CAFÉ"),
        ("100% _.mp3", "0% _"),
    ],
)
def test_a_search_ignores_case_in_any_script(member: Client, user: User, name: str, asked: str) -> None:
    keep(user, 2)
    Analysis.of(user, name, 1, ANSWER).save()
    assert names(member.get("/history/", {"q": asked})) == [name]


def test_times_and_days_are_the_visitors(member: Client, user: User) -> None:
    (row,) = keep(user)
    Analysis.objects.filter(pk=row.pk).update(analysed_at=datetime(2026, 1, 1, 23, 30, tzinfo=UTC))
    page = member.get("/history/").content
    assert b"1 Jan 2026, 23:30" in page
    assert b"(UTC)" in page
    member.cookies["timezone"] = "Asia/Ho_Chi_Minh"
    page = member.get("/history/").content
    assert b"2 Jan 2026, 06:30" in page
    assert b"(Ho Chi Minh)" in page
    assert names(member.get("/history/?since=2026-01-02&until=2026-01-02")) == [row.file_name]
    assert not names(member.get("/history/?until=2026-01-01"))
    member.cookies["timezone"] = "../../etc/passwd"
    assert b"(UTC)" in member.get("/history/").content


def card(name: str, kind: str, *genres: str) -> dict[str, Any]:
    return {"name": name, "genres": list(genres), "training": {"model": kind}, "scores": {}, "encoder": None}


def test_models_are_offered_by_what_they_are_for(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [
        *(card("a-best", "best", "rock", "jazz"), card("b-fast", "fast", "folk")),
        *(card("a-cnn", "cnn", "rock", "jazz"), card("a-fast", "fast", "jazz", "rock")),
    ]
    monkeypatch.setattr(genre_client, "models", lambda: cards)
    offered = site.get("/").context["choices"]
    assert [(one.name, one.label) for one in offered.first] == [("a-best", "Best for most music"), ("a-fast", "Fast")]
    assert [one.name for one in offered.others] == ["b-fast", "a-cnn"]
    # A model of somebody's own is not said to be the best.
    cards[:] = [card("own", "imported", "rock")]
    assert [one.label for one in site.get("/").context["choices"].first] == ["own"]


def test_a_deletion_comes_back_to_the_same_part_of_the_history(member: Client, user: User) -> None:
    (row, _) = keep(user, 2)
    query = "q=song&sort=genre&page=1"
    assert f'name="query" value="{query.replace("&", "&amp;")}"' in member.get(f"/history/?{query}").content.decode()
    answer = member.post(f"/history/{row.pk}/delete/", {"query": query})
    assert answer["Location"] == f"/history/?{query}"
    answer = member.post(f"/history/{row.pk}/restore/", {"query": "\r\nX: //evil.example"})
    assert answer["Location"].startswith("/history/?")


def silent(**changes: Any) -> dict[str, Any]:
    whole = {"start_seconds": 0.0, "end_seconds": 60.0, "genre": None, "confidence": 0.1}
    return ANSWER | {"genre": None, "confidence": 0.1, "tags": {}, "segments": [whole]} | changes


def test_silence_is_called_no_music(member: Client, user: User) -> None:
    for answer, is_silent in ((silent(), True), (silent(tags={"ambient": 0.4}), False), (silent(genre="jazz"), False)):
        (row,) = keep(user, **answer)
        assert (b"No music</strong>" in member.get(row.get_absolute_url()).content) == is_silent


def test_parts_that_were_not_heard_are_named() -> None:
    parts = [(20.0, 30.0), (30.0, 40.0), (80.0, 90.0)]
    segments = [{"start_seconds": start, "end_seconds": end} for start, end in parts]
    answer = {"segments": segments, "audio": {"duration_seconds": 95.0}}
    assert charts.unheard(answer) == [(0.0, 20.0), (40.0, 80.0)]


def test_a_genre_has_one_colour_on_the_page_and_in_the_picture() -> None:
    style = (ROOT / "django_site/songs/static/songs/site.css").read_text()
    on_page = dict(re.findall(r"--g(\d+): (#\w{6});", style))
    assert [on_page[str(number)] for number in range(charts.COLOURS)] == list(GENRE_COLOURS)

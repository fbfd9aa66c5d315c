"""What a user has kept: to find, to correct, to take along, to delete, and for nobody else."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from pytest_django import DjangoAssertNumQueries
from songs.models import Analysis, Feedback, Hits, Picture
from songs.urls import urlpatterns

ANSWER: dict[str, Any] = {
    "genre": "blues",
    "confidence": 0.6,
    "probabilities": {"blues": 0.6, "jazz": 0.3, "rock": 0.1},
    "segments": [
        {"start_seconds": 0.0, "end_seconds": 9.9, "genre": "blues", "confidence": 0.7},
        {"start_seconds": 10.0, "end_seconds": 19.9, "genre": None, "confidence": 0.3},
    ],
    "audio": {"duration_seconds": 20.0, "sample_rate_hz": 44100, "channels": 2},
    "model": {"name": "gtzan-best", "version": "1.0.0"},
}
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def keep(user: User, number: int = 1, **changes: Any) -> list[Analysis]:
    """Save analyses, a day apart."""
    rows = []
    for index in range(number):
        row = Analysis.of(user, f"song {index:04}.mp3", 1000, ANSWER | changes)
        row.analysed_at = START + timedelta(days=index % 400)
        rows.append(row)
    return Analysis.objects.bulk_create(rows)


def names(page: Any) -> list[str]:
    return [row.file_name for row in page.context["page"]]


def test_the_newest_stand_first_and_pages_follow(member: Client, user: User) -> None:
    keep(user, 30)
    first, second = member.get("/history/"), member.get("/history/?page=2")
    assert names(first) == [f"song {index:04}.mp3" for index in range(29, 4, -1)]
    assert names(second) == [f"song {index:04}.mp3" for index in range(4, -1, -1)]


def test_history_is_searched_filtered_and_sorted(member: Client, user: User) -> None:
    keep(user, 12)
    keep(user, 1, genre=None, confidence=0.2)
    assert names(member.get("/history/?q=0011")) == ["song 0011.mp3"]
    assert len(names(member.get("/history/?genre=%3F"))) == 1
    assert len(names(member.get("/history/?genre=blues"))) == 12
    assert names(member.get("/history/?since=2026-01-03&until=2026-01-04&sort=analysed_at")) == [
        "song 0002.mp3",
        "song 0003.mp3",
    ]
    assert member.get("/history/?sort=confidence").context["page"][0].confidence == 0.2
    assert len(names(member.get("/history/?genre=polka&since=never&sort=user__password&page=x"))) == 13


def test_a_long_history_takes_no_more_queries(
    member: Client, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    keep(user, 2000)
    with django_assert_max_num_queries(5):
        page = member.get("/history/")
    assert page.context["page"].paginator.count == 2000


def test_export_is_the_chosen_history(member: Client, user: User) -> None:
    rows = keep(user, 3)
    Feedback.objects.create(analysis=rows[1], genre="jazz")
    table = b"".join(member.get("/history/export.csv?q=0001").streaming_content).decode()  # type: ignore[attr-defined]
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["file_name"], row["genre"], row["correct_genre"]) == ("song 0001.mp3", "blues", "jazz")
    everything = b"".join(member.get("/history/export.json").streaming_content)  # type: ignore[attr-defined]
    assert [row["answer"] for row in json.loads(everything)] == [ANSWER] * 3
    nothing = b"".join(member.get("/history/export.json?q=none").streaming_content)  # type: ignore[attr-defined]
    assert json.loads(nothing) == []


def test_a_spreadsheet_runs_nothing_of_an_export(member: Client, user: User) -> None:
    (row,) = keep(user)
    row.file_name = "=HYPERLINK(1).mp3"
    row.save()
    table = b"".join(member.get("/history/export.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "'=HYPERLINK" in table


# Shortest first, as PostgreSQL gives them back, not by probability.
TAGS = {"80s": 0.2, "rock": 0.3, "Blues": 0.9, "electronic": 0.5}


def test_the_page_of_a_song_says_what_else_it_sounds_like_but_not_its_genre_again(member: Client, user: User) -> None:
    (row,) = keep(user, tags=TAGS)
    assert b"Also sounds like: electronic, rock, 80s<" in member.get(row.get_absolute_url()).content
    (row,) = keep(user, tags=TAGS, genre=None, confidence=0.2)
    assert b"Also sounds like: Blues, electronic, rock, 80s<" in member.get(row.get_absolute_url()).content
    (row,) = keep(user, tags={"Hip-Hop": 0.9}, genre="hiphop")
    assert b"sounds like" not in member.get(row.get_absolute_url()).content


def test_an_export_has_the_tags_with_their_probabilities_the_most_probable_first(member: Client, user: User) -> None:
    keep(user, tags=TAGS)
    keep(user)
    tags = [[("Blues", 0.9), ("electronic", 0.5), ("rock", 0.3), ("80s", 0.2)], []]
    table = b"".join(member.get("/history/export.csv?sort=analysed_at").streaming_content).decode()  # type: ignore[attr-defined]
    assert [list(json.loads(row["tags"]).items()) for row in csv.DictReader(io.StringIO(table))] == tags
    rows = json.loads(b"".join(member.get("/history/export.json?sort=analysed_at").streaming_content))  # type: ignore[attr-defined]
    assert [list(row["tags"].items()) for row in rows] == tags


@pytest.mark.django_db(transaction=True)
def test_rows_from_before_there_were_tags_have_none(site: Client, user: User) -> None:
    before = MigrationExecutor(connection).loader.project_state(("songs", "0001_initial")).apps
    old_analyses: Any = before.get_model("songs", "Analysis")
    row = Analysis.of(user, "a.mp3", 1, ANSWER)
    fields = {field.attname: getattr(row, field.attname) for field in old_analyses._meta.fields}
    call_command("migrate", "songs", "0001", verbosity=0)
    try:
        old_analyses.objects.create(**fields)
    finally:
        call_command("migrate", "songs", verbosity=0)
    # A site of the version before may still run.
    old_analyses.objects.create(**fields)
    site.force_login(user)
    for row in Analysis.objects.all():
        assert row.tags == {}
        assert b"sounds like" not in site.get(row.get_absolute_url()).content
    assert Analysis.objects.count() == 2


def test_a_correction_is_kept_once_and_is_a_genre_of_the_model(member: Client, user: User, tmp_path: Path) -> None:
    (row,) = keep(user)
    for genre in ("jazz", "rock", "polka"):
        member.post(f"/history/{row.pk}/feedback/", {"genre": genre})
    assert Feedback.objects.get().genre == "rock"
    assert "You said: <strong>Rock" in member.get(f"/history/{row.pk}/").content.decode()
    call_command("export_feedback", str(tmp_path / "table.csv"))
    (line,) = csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text()))
    assert (line["file_name"], line["genre"], line["predicted_genre"]) == ("song 0000.mp3", "rock", "blues")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_one_or_all_are_deleted(member: Client, user: User) -> None:
    rows = keep(user, 3)
    Picture.objects.create(analysis=rows[0], png=b"png")
    member.post(f"/history/{rows[0].pk}/delete/")
    assert names(member.get("/history/")) == ["song 0002.mp3", "song 0001.mp3"]
    assert b"2 results" in member.get("/history/delete/").content
    member.post("/history/delete/")
    assert not Analysis.objects.exists()


@pytest.mark.parametrize(("songs", "unit"), [(3, b"each day"), (100, b"each week"), (390, b"each month")])
def test_statistics_draw_genres_over_time(member: Client, user: User, songs: int, unit: bytes) -> None:
    keep(user, songs)
    page = member.get("/history/statistics/")
    assert unit in page.content
    drawn = sum(block.count for column in page.context["columns"] for block in column.blocks)
    assert drawn == songs


def test_days_without_a_song_are_drawn_and_genres_have_the_colours_of_their_results(member: Client, user: User) -> None:
    first, _, last = keep(user, 3)
    Analysis.objects.filter(analysed_at__gt=first.analysed_at, analysed_at__lt=last.analysed_at).update(genre="rock")
    Analysis.objects.filter(pk=last.pk).update(analysed_at=START + timedelta(days=9))
    page = member.get("/history/statistics/")
    assert [column.count for column in page.context["columns"]] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    bars = {bar.genre: bar.colour for bar in member.get(f"/history/{first.pk}/").context["bars"]}
    assert {genre: colour for genre, _, colour in page.context["totals"]} == {
        "blues": bars["blues"],
        "rock": bars["rock"],
    }


def test_purge_deletes_what_is_older(user: User) -> None:
    keep(user, 3)
    (new,) = keep(user)
    Analysis.objects.filter(pk=new.pk).update(analysed_at=datetime.now(UTC))
    Hits.objects.create(key="old", ends_at=START)
    call_command("purge")
    assert Analysis.objects.count() == 4
    assert not Hits.objects.exists()
    call_command("purge", "--days", "1")
    assert Analysis.objects.get() == new


def routes() -> list[str]:
    """Return the names of all addresses that take the number of a row."""
    return [pattern.name or "" for pattern in urlpatterns if isinstance(pattern, URLPattern) and "pk" in str(pattern)]


@pytest.mark.parametrize("route", routes())
@pytest.mark.parametrize("method", ["get", "post"])
def test_nobody_reaches_the_rows_of_another(member: Client, user: User, route: str, method: str) -> None:
    other = User.objects.create_user("eve", password="correct horse battery")  # noqa: S106
    (row,) = keep(other)
    Picture.objects.create(analysis=row, png=b"png")
    keep(user)
    assert getattr(member, method)(reverse(route, args=[row.pk]), follow=True).status_code in (404, 405)
    assert Analysis.objects.filter(user=other).count() == 1
    assert not Feedback.objects.exists()
    member.logout()
    answer = getattr(member, method)(reverse(route, args=[row.pk]))
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("login"))


def test_lists_exports_and_drawings_hold_only_ones_own(member: Client, song: bytes) -> None:
    other = User.objects.create_user("eve", password="correct horse battery")  # noqa: S106
    (row,) = keep(other)
    for address in ("/history/", "/history/statistics/", "/history/delete/", "/history/export.csv"):
        page = member.get(address)
        content = b"".join(page.streaming_content) if page.streaming else page.content  # type: ignore[attr-defined]
        assert b"song 0000" not in content
        assert b"1 song" not in content
    drawn = member.post("/draw/", {"audio": io.BytesIO(song), "analysis": row.pk})
    assert drawn.status_code == 404
    member.post("/history/delete/")
    assert Analysis.objects.get() == row


def test_every_page_of_the_history_asks_for_a_log_in(site: Client) -> None:
    private = [name for name in get_resolver("songs.urls").reverse_dict if isinstance(name, str)]
    public = {"home", "analyse", "draw", "about", "cancel", "token", "shared", "shared_picture"}
    for name in set(private) - public:
        arguments = ["csv"] if name == "export" else []
        pattern = next(pattern for pattern in urlpatterns if pattern.name == name)
        arguments = [1] if "pk" in str(pattern) else arguments  # type: ignore[list-item]
        assert site.get(reverse(name, args=arguments)).status_code in (302, 405), name

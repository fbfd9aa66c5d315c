"""What becomes of an upload in the history: once, for whom, and not where it was cancelled."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from songs import genre_client, keeping
from songs.models import Analysis, CancelledUpload

from tests.site.test_history import ANSWER, keep, names
from tests.site.test_uploading import upload

PAGE = "0123456789abcdef" * 2
OTHER_PAGE = "f" * 32


@pytest.fixture
def quick_service(site: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: ARG001 - it is the site's
    """Return the names of the songs that the service was asked about; it answers the same for each."""
    asked: list[str] = []

    def classify(song: genre_client.Song, model: str) -> dict[str, object]:  # noqa: ARG001
        asked.append(song.name)
        return ANSWER

    monkeypatch.setattr(genre_client, "classify", classify)
    monkeypatch.setattr(genre_client, "explain", lambda *_: b"")
    return asked


def send(member: Client, page: str = PAGE, content: bytes = b"song", **fields: str) -> str:
    return member.post("/analyse/", {"audio": upload(content), "upload": page} | fields).content.decode()


def test_an_upload_that_is_sent_again_has_one_row_and_the_same_answer(member: Client, quick_service: list[str]) -> None:
    first, second = send(member), send(member)
    assert first == second
    assert Analysis.objects.count() == len(quick_service) == 1
    send(member, OTHER_PAGE)
    assert Analysis.objects.count() == 2


def test_another_file_under_an_old_id_gets_its_own_answer(member: Client, quick_service: list[str]) -> None:
    for content in (b"song", b"another song"):
        send(member, content=content)
    send(member, model="gtzan-fast")
    assert Analysis.objects.count() == len(quick_service) == 3


def test_two_tries_at_once_have_one_row(member: Client, user: User, quick_service: list[str]) -> None:
    send(member)
    (first,) = Analysis.objects.all()
    late = Analysis.of(user, "My song.mp3", 4, ANSWER)
    late.upload = first.upload
    assert keeping.keep(late) == first
    assert Analysis.objects.count() == 1
    assert quick_service


def test_a_reload_without_a_script_adds_nothing(member: Client, quick_service: list[str]) -> None:
    for _ in range(2):
        member.post("/", {"audio": [upload(b"one", "1.mp3"), upload(b"two", "2.mp3")], "upload": PAGE})
    assert Analysis.objects.count() == len(quick_service) == 2


def test_the_form_has_a_new_id_each_time(site: Client) -> None:
    ids = [re.findall(r'name="upload" value="(\w{32})"', site.get("/").content.decode()) for _ in range(2)]
    assert ids[0] != ids[1]


def test_an_upload_that_was_cancelled_is_not_kept_before_or_after(member: Client, quick_service: list[str]) -> None:
    send(member)
    assert member.post("/cancel/", {"upload": PAGE}).status_code == 204
    assert not Analysis.objects.exists()
    assert member.post("/cancel/", {"upload": OTHER_PAGE}).status_code == 204
    assert "cancelled" in send(member, OTHER_PAGE)
    assert not Analysis.objects.exists()
    assert len(quick_service) == 2


@pytest.mark.parametrize("page", ["", "x", "%", PAGE + "-0"])
def test_an_id_that_no_page_made_cancels_nothing(member: Client, quick_service: list[str], page: str) -> None:
    send(member)
    member.post("/cancel/", {"upload": page})
    assert Analysis.objects.count() == len(quick_service) == 1
    assert not CancelledUpload.objects.exists()


def test_nobody_cancels_or_gets_the_upload_of_another(member: Client, user: User, quick_service: list[str]) -> None:
    send(member)
    member.force_login(User.objects.create_user("eve"))
    send(member)
    member.post("/cancel/", {"upload": PAGE})
    assert Analysis.objects.get().user == user
    assert len(quick_service) == 2


def test_an_account_that_is_deleted_meanwhile_is_said_so(user: User) -> None:
    late = Analysis.of(user, "a.mp3", 1, ANSWER)
    User.objects.all().delete()
    with pytest.raises(genre_client.ServiceError) as refused:
        keeping.keep(late)
    assert refused.value.status == 410


def test_the_answer_says_for_whom_it_was_kept(member: Client, user: User, quick_service: list[str]) -> None:
    assert "history of ada" in send(member, user=str(user.pk))
    member.logout()
    after = send(member, OTHER_PAGE, user=str(user.pk))
    assert 'class="alert alert-warning lost"' in after
    visitor = send(member, OTHER_PAGE, user="")
    assert "lost" not in visitor
    assert "Not kept" in visitor
    assert Analysis.objects.count() == 1
    assert len(quick_service) == 3


def test_an_upload_that_a_lost_session_left_is_kept_after_the_next_log_in(
    member: Client, user: User, quick_service: list[str]
) -> None:
    member.logout()
    send(member, user=str(user.pk))
    member.force_login(user)
    assert "history of ada" in send(member, user=str(user.pk))
    assert Analysis.objects.get().user == user
    assert quick_service


def test_sending_again_does_not_count_towards_the_limit(
    member: Client, quick_service: list[str], settings: Settings
) -> None:
    settings.USER_SONGS_AN_HOUR = 1
    for _ in range(3):
        assert "Blues" in send(member)
    assert "limit" in send(member, OTHER_PAGE)
    assert len(quick_service) == 1


def test_a_deletion_is_undone_and_ends_with_the_next_one(member: Client, user: User) -> None:
    first, second, third = keep(user, 3)
    member.post(f"/history/{first.pk}/delete/")
    page = member.get("/history/")
    assert f"/history/{first.pk}/restore/" in page.content.decode()
    assert first.file_name not in names(page)
    for address in (f"/history/{first.pk}/", f"/history/{first.pk}/picture/"):
        assert member.get(address).status_code == 404
    member.post(f"/history/{first.pk}/restore/")
    assert first.file_name in names(member.get("/history/"))
    for row in (second, third):
        member.post(f"/history/{row.pk}/delete/")
    assert set(Analysis.objects.values_list("pk", flat=True)) == {first.pk, third.pk}
    assert member.post(f"/history/{second.pk}/restore/").status_code == 404


def test_a_deleted_result_is_not_analysed_again_by_a_reload(member: Client, quick_service: list[str]) -> None:
    send(member)
    member.post(f"/history/{Analysis.objects.get().pk}/delete/")
    assert "deleted" in send(member)
    assert len(quick_service) == 1

"""Accounts: register, log in, guess, reset, delete."""

import re

import pytest
from accounts.models import AccountSession
from accounts.views import ResetPassword
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client, RequestFactory
from pytest_django import Settings
from songs.limits import hit
from songs.models import Analysis

from tests.site.conftest import missing
from tests.site.test_history import keep

PASSWORD, NEW_PASSWORD = "correct horse battery", "another horse battery"


def test_a_visitor_registers_and_is_logged_in(site: Client) -> None:
    fields = {"username": "ada", "email": "", "password1": PASSWORD, "password2": PASSWORD}
    page = site.post("/accounts/register/", fields, follow=True)
    assert b"Welcome" in page.content
    assert site.get("/history/").status_code == 200


def test_a_weak_password_is_refused(site: Client) -> None:
    fields = {"username": "ada", "password1": "12345678", "password2": "12345678"}
    assert b"too common" in site.post("/accounts/register/", fields).content
    assert not User.objects.exists()


def test_whoever_guesses_passwords_is_stopped(site: Client, user: User) -> None:
    guess = {"username": user.username, "password": "wrong"}
    right = guess | {"password": PASSWORD}
    for _ in range(5):
        assert b"Too many" not in site.post("/accounts/login/", guess).content
    assert b"Too many tries" in site.post("/accounts/login/", right).content
    # The user, elsewhere, is not locked out.
    assert site.post("/accounts/login/", right, REMOTE_ADDR="192.0.2.1").status_code == 302


def test_an_address_that_guesses_many_names_is_stopped(site: Client) -> None:
    for number in range(50):
        site.post("/accounts/login/", {"username": f"user{number}", "password": "wrong"})
    assert b"Too many tries" in site.post("/accounts/login/", {"username": "ada", "password": "wrong"}).content


@pytest.mark.parametrize(
    ("address", "fields", "wrong"),
    [
        ("/admin/login/", {"username": "ada", "password": PASSWORD}, {"password": "wrong"}),
        (
            "/accounts/password/",
            {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
            {"old_password": "wrong"},
        ),
        ("/accounts/delete/", {"password": PASSWORD}, {"password": "wrong"}),
    ],
)
def test_every_form_with_a_password_stops_who_guesses(
    site: Client, user: User, address: str, fields: dict[str, str], wrong: dict[str, str]
) -> None:
    user.is_staff = user.is_superuser = True
    user.save()
    if "admin" not in address:
        site.force_login(user)
    for _ in range(5):
        site.post(address, fields | wrong)
    page = site.post(address, fields)
    assert page.status_code == 200
    assert b"Too many tries" in page.content
    assert User.objects.get().check_password(PASSWORD)


def test_the_admin_has_no_other_form_for_passwords(site: Client, user: User) -> None:
    user.is_staff = True
    user.save()
    site.force_login(user)
    assert site.post("/admin/password_change/", {"old_password": "wrong"})["Location"] == "/accounts/password/"


def test_a_class_behind_one_router_registers_and_logs_in(site: Client, settings: Settings) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = []
    for number in range(55):
        fields = {"username": f"pupil{number}", "password1": PASSWORD, "password2": PASSWORD}
        assert site.post("/accounts/register/", fields).status_code == 302
        site.logout()
    for number in range(55):
        known = {"username": f"pupil{number}", "password": PASSWORD}
        assert site.post("/accounts/login/", known).status_code == 302
        site.logout()


def test_addresses_of_one_ipv6_network_count_as_one(site: Client, user: User) -> None:
    guess = {"username": user.username, "password": "wrong"}
    for number in range(6):
        page = site.post("/accounts/login/", guess, REMOTE_ADDR=f"2001:db8:1:2:{number}::1")
    assert b"Too many tries" in page.content
    right = {"username": user.username, "password": PASSWORD}
    assert site.post("/accounts/login/", right, REMOTE_ADDR="2001:db8:1:3::1").status_code == 302


def test_a_header_of_the_clients_own_does_not_change_its_address(site: Client, user: User, settings: Settings) -> None:
    settings.PROXIES = 1
    guess = {"username": user.username, "password": "wrong"}
    for number in range(6):
        page = site.post("/accounts/login/", guess, headers={"X-Forwarded-For": f"10.0.0.{number}, 192.0.2.7"})
    assert b"Too many tries" in page.content


def test_a_password_is_reset_by_e_mail(site: Client, user: User) -> None:
    site.post("/accounts/reset/", {"email": user.email})
    found = re.search(r"/accounts/reset/\S+", str(mail.outbox[0].body))
    assert found
    form = site.get(found[0], follow=True).redirect_chain[-1][0]
    page = site.post(form, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}, follow=True)
    assert b"Your password is changed" in page.content
    assert site.login(username="ada", password=NEW_PASSWORD)


def test_a_reset_lets_a_user_in_who_tried_too_often(site: Client, user: User) -> None:
    for _ in range(6):
        site.post("/accounts/login/", {"username": user.username, "password": "wrong"})
    site.post("/accounts/reset/", {"email": user.email})
    link = re.search(r"/accounts/reset/\S+", str(mail.outbox[0].body))
    assert link
    form = site.get(link[0], follow=True).redirect_chain[-1][0]
    site.post(form, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})
    assert site.post("/accounts/login/", {"username": user.username, "password": NEW_PASSWORD}).status_code == 302


def test_the_e_mail_of_a_reset_is_sent_after_the_response(user: User, rf: RequestFactory) -> None:
    request = rf.post("/accounts/reset/", {"email": user.email})
    vars(request)["_dont_enforce_csrf_checks"] = True
    response = ResetPassword.as_view()(request)
    assert response.status_code == 302
    assert not mail.outbox
    response.close()
    assert [message.to for message in mail.outbox] == [[user.email]]


def test_an_unknown_address_is_answered_alike(site: Client) -> None:
    page = site.post("/accounts/reset/", {"email": "nobody@example.org"}, follow=True)
    assert b"Check your e-mail" in page.content
    assert not mail.outbox


def test_an_account_is_deleted_with_everything_in_it(member: Client, user: User) -> None:
    keep(user, 2)
    assert b"not your password" in member.post("/accounts/delete/", {"password": "wrong"}).content
    assert User.objects.exists()
    elsewhere = Client()
    elsewhere.force_login(user)
    assert AccountSession.objects.filter(user=user).count() == 2
    member.post("/accounts/delete/", {"password": PASSWORD})
    assert not User.objects.exists()
    assert not Analysis.objects.exists()
    assert [row.user_id for row in AccountSession.objects.all()] in ([], [None])
    assert elsewhere.get("/history/").status_code == 302
    assert member.get("/history/").status_code == 302


def test_redis_counts_as_the_database_does(settings: Settings) -> None:
    redis = pytest.importorskip("redis")
    url = "redis://127.0.0.1:6379/9"
    try:
        redis.Redis.from_url(url).ping()
    except redis.ConnectionError:
        missing(f"needs a Redis at {url}")
    settings.REDIS_URL = url
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}
    redis.Redis.from_url(url).flushdb()
    assert [hit("test", "ada", 60) for _ in range(3)] == [1, 2, 3]
    assert hit("test", "eve", 60) == 1

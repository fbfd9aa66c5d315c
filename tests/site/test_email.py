"""The e-mail address of an account: to add, to change, to log in with."""

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

PASSWORD = "correct horse battery"  # noqa: S105
NEW = "ada@new.example"


def ask(member: Client, email: str = NEW, password: str = PASSWORD) -> str:
    """Ask for another address, and return the address of the page that the e-mail links to, "" without an e-mail."""
    mail.outbox.clear()
    member.post("/accounts/", {"email": email, "password": password})
    return re.findall(r"http://testserver(\S+)", str(mail.outbox[0].body))[0] if mail.outbox else ""


@pytest.mark.parametrize("former", ["", "ada@example.org"])
def test_an_address_is_added_or_changed_once_it_is_confirmed(member: Client, former: str) -> None:
    User.objects.update(email=former)
    link = ask(member)
    assert mail.outbox[0].to == [NEW]
    # A mail program that opens the link confirms nothing.
    assert NEW.encode() in Client().get(link).content
    assert User.objects.get().email == former
    member.post(link)
    assert User.objects.get().email == NEW
    assert NEW.encode() in member.get("/accounts/").content


def test_a_link_is_good_for_one_change(member: Client) -> None:
    first, second = ask(member, "one@example.org"), ask(member, "two@example.org")
    member.post(second)
    assert member.post(first).status_code == 404
    assert member.get("/accounts/email/forged:link:x/").status_code == 404
    assert User.objects.get().email == "two@example.org"


def test_a_change_needs_the_password(member: Client) -> None:
    assert not ask(member, password="wrong")  # noqa: S106
    assert not ask(member, email="none")


def test_a_user_logs_in_with_the_address(site: Client, user: User) -> None:
    for name, status in ((user.email.upper(), 302), ("nobody@example.org", 200)):
        assert site.post("/accounts/login/", {"username": name, "password": PASSWORD}).status_code == status
        site.logout()
    assert site.post("/accounts/login/", {"username": user.email, "password": "wrong"}).status_code == 200


def test_another_account_with_the_same_address_locks_nobody_out(site: Client, user: User) -> None:
    User.objects.create_user("eve", user.email, "the password of eve")
    assert site.post("/accounts/login/", {"username": user.email, "password": PASSWORD}).status_code == 302
    assert site.get("/").context["user"] == user


def test_who_guesses_by_address_is_stopped_and_a_disabled_account_stays_out(site: Client, user: User) -> None:
    user.is_active = False
    user.save()
    assert site.post("/accounts/login/", {"username": user.email, "password": PASSWORD}).status_code == 200
    for _ in range(5):
        page = site.post("/accounts/login/", {"username": user.email, "password": "wrong"})
    assert b"Too many tries" in page.content

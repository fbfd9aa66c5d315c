"""The whole thing in a real browser, on a desk and on a phone, with and without JavaScript."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from benchmarks.server import Server
from tests.serving.server import ROOT, serve
from tests.site.example_song import PATH as EXAMPLE
from tests.site.process import run_site
from tests.site.relay import Relay
from tests.site.visitor import MILLISECONDS, SCREENS, Visitor, launch

QUICK = {("script", "phone", "light"), ("no script", "desk", "dark")}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def relayed_site(shared_relay: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the site in its own process, before a relay to the service."""
    with run_site(tmp_path_factory.mktemp("relayed"), GENRE_SERVICE_URL=shared_relay.url) as server:
        yield server


# All eight; each value of each is in one of the two that are not slow.
BROWSERS = [
    pytest.param(*each, marks=() if each in QUICK else pytest.mark.slow)
    for each in product(("script", "no script"), SCREENS, ("light", "dark"))
]


@pytest.mark.parametrize(("script", "screen", "colours"), BROWSERS)
def test_from_registering_to_logging_out(
    browser: Browser, running_site: Server, song_file: Path, screen: str, colours: str, script: str
) -> None:
    visitor = Visitor(
        browser,
        running_site.url,
        viewport=SCREENS[screen],
        color_scheme=colours,
        java_script_enabled=script == "script",
        accept_downloads=True,
    )
    page = visitor.page
    visitor.register(f"ada-{screen}-{colours}-{script[:2]}")
    visitor.look()

    page.locator("#audio").set_input_files(song_file)
    if script == "script":
        expect(page.locator(".verdict")).to_be_visible(timeout=MILLISECONDS)
        visitor.look()
        page.get_by_role("button", name="Show why").click()
        expect(page.locator(".why img")).to_be_visible(timeout=MILLISECONDS)
        page.get_by_role("button", name="Play from 0:00").click()
        # The mark on the timeline follows the player.
        expect(page.locator(".timeline .now")).not_to_have_attribute("x", "-9", timeout=MILLISECONDS)
        page.locator(".picture .seek").click()
        expect(page.locator(".picture .now")).not_to_have_attribute("x", "-9", timeout=MILLISECONDS)
        visitor.look()
        page.get_by_role("link", name=re.compile("history of ada")).click()
        page.locator("#own-copy").set_input_files(EXAMPLE)
        expect(page.locator("#other-file")).to_be_visible()
        page.locator("#own-copy").set_input_files(song_file)
        expect(page.locator("#other-file")).to_be_hidden()
        expect(page.locator("audio")).to_be_visible()
    else:
        page.get_by_role("button", name="Analyse").click()
    expect(page.locator(".why img")).to_be_visible(timeout=MILLISECONDS)
    visitor.look()

    page.get_by_label("The right genre").select_option("reggae")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("You said: Reggae.")).to_be_visible()
    visitor.look()

    for place in (
        "/history/",
        "/history/statistics/",
        "/about/",
        "/history/delete/",
        "/accounts/",
        "/accounts/password/",
    ):
        page.goto(place)
        visitor.look()
    page.goto("/history/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert "reggae" in download.value.path().read_text()
    page.get_by_role("button", name=f"Delete {song_file.name}").click()
    expect(page.get_by_text(f"Deleted {song_file.name}")).to_be_visible()
    visitor.look()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name=song_file.name)).to_be_visible()

    visitor.log_out()
    expect(page.locator("nav a", has_text="Log in")).to_have_count(1)
    page.goto("/history/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    visitor.look()
    page.context.close()


def test_several_files_each_say_what_became_of_them(
    browser: Browser, running_site: Server, song_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no song")
    (tmp_path / "empty.mp3").touch()
    visitor = Visitor(browser, running_site.url)
    page = visitor.page
    page.goto("/")
    page.locator("#audio").set_input_files([song_file, tmp_path / "notes.txt", tmp_path / "empty.mp3"])
    expect(page.locator(".verdict")).to_have_count(1, timeout=MILLISECONDS)
    expect(page.locator(".card", has_text="notes.txt").locator(".state")).to_contain_text("not audio")
    expect(page.locator(".card", has_text="empty.mp3").locator(".state")).to_contain_text("empty")
    page.get_by_role("button", name="Remove notes.txt").click()
    expect(page.locator(".card", has_text="notes.txt")).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize(
    ("script", "screen"),
    [
        pytest.param(*each, marks=() if each == ("script", "phone") else pytest.mark.slow)
        for each in product(("script", "no script"), SCREENS)
    ],
)
def test_what_else_a_song_sounds_like_stands_under_its_genre_where_the_service_says_so(
    browser: Browser, shared_relay: Relay, relayed_site: Server, song_file: Path, screen: str, script: str
) -> None:
    visitor = Visitor(
        browser, relayed_site.url, viewport=SCREENS[screen], java_script_enabled=script == "script", color_scheme="dark"
    )
    page = visitor.page
    visitor.register(f"ada-{screen}-{script[:2]}")
    sentence = page.get_by_text("Also sounds like: electronic, <i>80s, " + "x" * 64)
    for tags in ({"electronic": 0.8, "<i>80s": 0.4, "x" * 64: 0.2}, None):
        shared_relay.tags = tags
        page.goto("/")
        if page.get_by_role("button", name="Clear results").is_visible():
            page.get_by_role("button", name="Clear results").click()
        page.locator("#audio").set_input_files(song_file)
        if script == "script":
            expect(page.locator(".verdict")).to_be_visible(timeout=MILLISECONDS)
            expect(sentence).to_have_count(1 if tags else 0)
            visitor.look()
            page.get_by_role("link", name=re.compile("history of ada")).click()
        else:
            page.get_by_role("button", name="Analyse").click()
        expect(page.get_by_text("Was this right?")).to_be_visible(timeout=MILLISECONDS)
        expect(sentence).to_have_count(1 if tags else 0)
        if not tags:
            expect(page.get_by_text("sounds like")).to_have_count(0)
        visitor.look()
    page.context.close()


def test_a_song_is_dropped(browser: Browser, running_site: Server, song: bytes) -> None:
    visitor = Visitor(browser, running_site.url)
    page = visitor.page
    page.goto("/")
    dropped = page.evaluate_handle(
        """(content) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(content)], "dropped.mp3"));
            return transfer;
        }""",
        list(song),
    )
    # Beside the box, as people do.
    page.dispatch_event("footer", "drop", {"dataTransfer": dropped})
    expect(page.locator(".verdict")).to_be_visible(timeout=MILLISECONDS)
    visitor.look()
    page.context.close()


@pytest.mark.slow
def test_a_service_that_dies_and_comes_back_needs_no_second_choice_of_the_file(
    browser: Browser, song_file: Path, tmp_path: Path
) -> None:
    with ExitStack() as until_end, ExitStack() as until_death:
        service = until_death.enter_context(serve("service:GenreService", ROOT, tmp_path / "first"))
        site = until_end.enter_context(run_site(tmp_path, GENRE_SERVICE_URL=service.url))
        visitor = Visitor(browser, site.url)
        page = visitor.page
        page.goto("/")
        until_death.close()
        page.locator("#audio").set_input_files(song_file)
        expect(page.get_by_text("not available at the moment. Try again")).to_be_visible(timeout=MILLISECONDS)
        port = str(urlsplit(service.url).port)
        until_end.enter_context(serve("service:GenreService", ROOT, tmp_path / "second", PORT=port))
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(".verdict")).to_be_visible(timeout=MILLISECONDS)
        page.context.close()

"""The whole thing in a real browser, on a desk and on a phone, with and without JavaScript."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from benchmarks.server import Server
from tests.serving.server import ROOT, serve
from tests.site.conftest import missing
from tests.site.process import run_site
from tests.site.relay import Relay

PASSWORD = "correct horse battery"  # noqa: S105
SCREENS = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 375, "height": 667}}
MILLISECONDS = 20_000
QUICK = {("script", "phone", "light"), ("no script", "desk", "dark")}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium, Debian's or the one that is there."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        missing("needs Chromium: apt install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program,
            # Root, as in CI, may run it only so; and it must not look for hosts of its maker.
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def relayed_site(shared_relay: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the site in its own process, before a relay to the service."""
    with run_site(tmp_path_factory.mktemp("relayed"), GENRE_SERVICE_URL=shared_relay.url) as server:
        yield server


class Visitor:
    """A browser's page, what it complained about, and a look at each page for those who cannot see it."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.page: Page = browser.new_context(base_url=url, **context).new_page()
        self.page.set_default_timeout(MILLISECONDS)
        self.complaints: list[str] = []
        self.scripted = context.get("java_script_enabled", True)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(said.text)

    def look(self) -> None:
        """Fail where the page has a fault: of access, of width, of the browser's console, or from another host."""
        if self.scripted:
            found = Axe().run(self.page).response["violations"]
            assert not found, json.dumps([(fault["id"], fault["nodes"][0]["html"]) for fault in found], indent=1)
            wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{self.page.url} is {wide} px too wide"
        assert not self.complaints, self.complaints

    def register(self, name: str) -> None:
        self.page.goto("/accounts/register/")
        self.look()
        self.page.get_by_label("Username").fill(name)
        self.page.locator("#id_password1").fill(PASSWORD)
        self.page.locator("#id_password2").fill(PASSWORD)
        self.page.get_by_role("button", name="Register").click()
        expect(self.page.get_by_text("Welcome.")).to_be_visible()


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
        expect(page.locator(".now")).not_to_have_attribute("x", "-9", timeout=MILLISECONDS)
        visitor.look()
        page.get_by_role("link", name=song_file.name).click()
    else:
        page.get_by_role("button", name="Analyse").click()
    expect(page.locator(".why img")).to_be_visible(timeout=MILLISECONDS)
    visitor.look()

    page.get_by_label("The right genre").select_option("reggae")
    page.get_by_role("button", name="Keep this").click()
    expect(page.get_by_text("You said: Reggae.")).to_be_visible()
    visitor.look()

    for place in ("/history/", "/history/statistics/", "/about/", "/history/delete/", "/accounts/password/"):
        page.goto(place)
        visitor.look()
    page.goto("/history/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    assert "reggae" in download.value.path().read_text()
    page.get_by_role("button", name=f"Delete {song_file.name}").click()
    expect(page.get_by_text(f"Deleted {song_file.name}")).to_be_visible()
    visitor.look()

    page.locator("summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
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
    page.get_by_role("button", name="Cancel notes.txt").click()
    expect(page.locator(".card", has_text="notes.txt")).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("script", ["script", "no script"])
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
        page.locator("#audio").set_input_files(song_file)
        if script == "script":
            expect(page.locator(".verdict")).to_be_visible(timeout=MILLISECONDS)
            expect(sentence).to_have_count(1 if tags else 0)
            visitor.look()
            page.get_by_role("link", name=song_file.name).click()
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
    page.dispatch_event(".drop", "drop", {"dataTransfer": dropped})
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

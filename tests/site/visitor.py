"""A browser's page, as a test visits it."""

import json
import shutil
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect

from tests.site.conftest import missing

PASSWORD = "correct horse battery"  # noqa: S105
SCREENS = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
MILLISECONDS = 20_000


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

    def open_menu(self) -> None:
        """Show the links at the top, which a phone hides."""
        # Until then, the scripts of the page have not run.
        self.page.wait_for_load_state("load")
        if self.page.get_by_role("button", name="Menu").is_visible():
            self.page.get_by_role("button", name="Menu").click()
            # It has that class once it no longer moves.
            expect(self.page.locator("#menu.show")).to_be_visible()

    def log_out(self) -> None:
        if self.scripted:
            self.open_menu()
            self.page.locator(".dropdown-toggle").click()
        else:
            self.page.goto("/accounts/")
        self.page.get_by_role("button", name="Log out").first.click()


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Return a headless Chromium, Debian's or the one that is there."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        missing("needs Chromium: apt install chromium")
    return playwright.chromium.launch(
        executable_path=program,
        # Root, as in CI, may run it only so; and it must not look for hosts of its maker.
        args=["--no-sandbox", "--disable-background-networking", "--disable-component-update", *arguments],
    )

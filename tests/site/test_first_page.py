"""The first page in a real browser: what becomes of songs there, and of their results."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route, expect, sync_playwright

from benchmarks.server import Server
from tests.site.example_song import PATH as EXAMPLE
from tests.site.visitor import MILLISECONDS, SCREENS, Visitor, launch

MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a Chromium that has a microphone, which hears beeps."""
    with sync_playwright() as playwright:
        chromium = launch(playwright, *MICROPHONE)
        yield chromium
        chromium.close()


@pytest.fixture
def visitor(browser: Browser, running_site: Server) -> Iterator[Visitor]:
    visitor = Visitor(browser, running_site.url, viewport=SCREENS["phone"], accept_downloads=True)
    visitor.page.goto("/")
    yield visitor
    visitor.page.context.close()


def answered(page: Page, count: int = 1) -> None:
    expect(page.locator("#results .result")).to_have_count(count, timeout=MILLISECONDS)


def top(page: Page, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    assert box
    return box["y"]


def test_the_example_song_is_answered_where_the_visitor_looks(visitor: Visitor) -> None:
    page = visitor.page
    visitor.look()
    page.get_by_role("button", name="Try an example song").click()
    answered(page)
    page.wait_for_timeout(1000)
    assert 0 <= top(page, ".verdict strong") < SCREENS["phone"]["height"] / 2
    expect(page.locator(".verdict strong")).to_have_text("Disco")
    visitor.look()


def test_a_recording_is_answered_as_an_upload_is(visitor: Visitor) -> None:
    page = visitor.page
    page.get_by_role("button", name="Record 15 seconds").click()
    # The fake microphone beeps once a second.
    expect(page.locator(".level")).not_to_have_js_property("value", 0, timeout=MILLISECONDS)
    visitor.look()
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Stop and analyse").click()
    answered(page)
    expect(page.locator("summary .file")).to_contain_text("Recording")
    visitor.look()


def test_many_songs_are_rows_and_a_table_that_can_be_taken_along(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    paths = [tmp_path / name for name in ("=1.mp3", "two.mp3", "three.mp3")]
    for path in paths:
        path.write_bytes(EXAMPLE.read_bytes())
    page.locator("#audio").set_input_files(paths)
    expect(page.locator("#overall .count")).to_contain_text("of 3 done")
    answered(page, 3)
    expect(page.locator("#overall .count")).to_have_text("3 songs")
    expect(page.locator(".verdict:visible")).to_have_count(0)
    page.locator("summary", has_text="three.mp3").click()
    expect(page.locator(".verdict:visible")).to_have_count(1)
    page.get_by_text("All results as a table").click()
    visitor.look()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert {row["file_name"] for row in rows} == {"'=1.mp3", "two.mp3", "three.mp3"}
    assert {row["genre"] for row in rows} == {"disco"}


def test_results_stay_until_the_tab_is_closed_or_they_are_cleared(visitor: Visitor, song_file: Path) -> None:
    page = visitor.page
    page.locator("#audio").set_input_files(song_file)
    answered(page)
    page.reload()
    answered(page)
    page.goto("/about/")
    page.go_back()
    answered(page)
    visitor.look()
    page.get_by_role("button", name="Clear results").click()
    page.reload()
    answered(page, 0)


def test_who_registers_sees_the_results_still_and_who_comes_after_a_user_does_not(
    visitor: Visitor, song_file: Path
) -> None:
    page = visitor.page
    page.locator("#audio").set_input_files(song_file)
    answered(page)
    visitor.register("grace")
    answered(page)
    page.locator("#audio").set_input_files(song_file)
    answered(page, 2)
    visitor.log_out()
    expect(page).to_have_url(re.compile("/$"))
    answered(page, 0)


def test_the_same_song_is_heard_by_the_other_model_with_one_click(visitor: Visitor, song_file: Path) -> None:
    page = visitor.page
    page.locator("#audio").set_input_files(song_file)
    answered(page)
    page.get_by_role("button", name="Compare with “Fast”").click()
    answered(page, 2)
    for number in range(2):
        page.get_by_role("button", name="Play from 0:00").nth(number).click()
        expect(page.locator("audio").nth(number)).to_have_js_property("paused", value=False)
    # One song plays at a time.
    expect(page.locator("audio").first).to_have_js_property("paused", value=True)
    models = [page.locator(".result").nth(index).get_attribute("data-model") for index in range(2)]
    assert models == ["gtzan-best", "gtzan-fast"]


def test_a_lost_session_is_said_and_the_result_can_be_kept_after_the_next_log_in(
    visitor: Visitor, song_file: Path
) -> None:
    page = visitor.page
    visitor.register("mary")
    other = page.context.new_page()
    other.goto("/accounts/")
    other.locator("main").get_by_role("button", name="Log out").click()
    expect(other.get_by_role("heading", name="What genre")).to_be_visible()
    page.locator("#audio").set_input_files(song_file)
    answered(page)
    expect(page.locator(".lost")).to_be_visible()
    visitor.complaints.clear()
    visitor.look()
    with page.context.expect_page() as opened:
        page.locator(".lost").get_by_role("link").click()
    opened.value.get_by_label("Username").fill("mary")
    opened.value.get_by_label("Password").fill("correct horse battery")
    opened.value.get_by_role("button", name="Log in").click()
    expect(opened.value.get_by_role("heading", name="What genre")).to_be_visible()
    page.get_by_role("button", name="Keep it in my history").click()
    expect(page.get_by_role("link", name="history of mary")).to_be_visible(timeout=MILLISECONDS)
    page.goto("/history/")
    expect(page.get_by_role("link", name=song_file.name)).to_have_count(1)


def test_a_cancelled_upload_adds_no_row_and_a_lost_connection_one(visitor: Visitor, song_file: Path) -> None:
    page = visitor.page
    visitor.register("emmy")
    held: list[Route] = []
    page.route("**/analyse/", lambda route: held.append(route))
    page.locator("#audio").set_input_files(song_file)
    expect(page.locator(".state")).to_contain_text("…")
    with page.expect_response("**/cancel/") as cancelled:
        page.get_by_role("button", name=f"Cancel {song_file.name}").click()
    assert cancelled.value.status == 204
    page.unroute("**/analyse/")
    page.route("**/analyse/", lambda route: route.abort())
    page.locator("#audio").set_input_files(song_file)
    page.get_by_role("button", name="Try again").wait_for()
    page.unroute("**/analyse/")
    page.get_by_role("button", name="Try again").click()
    answered(page)
    page.goto("/history/")
    expect(page.get_by_role("link", name=song_file.name)).to_have_count(1)


def test_try_again_stands_only_where_it_can_help(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    (tmp_path / "notes.txt").write_text("no song")
    page.locator("#audio").set_input_files(tmp_path / "notes.txt")
    expect(page.locator(".state")).to_contain_text("not audio", timeout=MILLISECONDS)
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    page.route("**/analyse/", lambda route: route.abort())
    page.locator("#audio").set_input_files(EXAMPLE)
    expect(page.get_by_role("button", name="Try again")).to_have_count(1)


def test_leaving_during_an_upload_asks(visitor: Visitor, song_file: Path) -> None:
    page = visitor.page
    asked: list[str] = []
    page.route("**/analyse/", lambda _: None)
    page.locator("#audio").set_input_files(song_file)
    page.locator(".working").wait_for()

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.get_by_role("link", name="How it works").click()
    expect(page).to_have_url(re.compile("/about/"))
    assert asked == ["beforeunload"]


def test_nothing_moves_while_the_first_page_loads(visitor: Visitor) -> None:
    moved = visitor.page.evaluate(
        """() => new Promise((resolve) => {
            let total = 0;
            new PerformanceObserver((list) => list.getEntries().forEach((one) => { total += one.value; }))
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => resolve(total), 300);
        })"""
    )
    assert moved < 0.01

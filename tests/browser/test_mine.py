"""Your data, on the page."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from storage.privacy import TracesLeft
from tests.browser.conftest import answered, ask, picture, ready, wait_for
from tests.server import Server
from tests.storage.test_privacy import holding

pytestmark = pytest.mark.browser
CANARY = "potoroo-3c77"


def open_mine(page: Page) -> None:
    page.locator("#mine summary").click()
    expect(page.locator("#mine")).to_contain_text("Stored of you")


@pytest.fixture
def told(page: Page) -> list[str]:
    """What the browser asks and says; all of it is agreed to."""
    said: list[str] = []

    def agree(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.accept()

    page.on("dialog", agree)
    return said


@pytest.fixture
def broken_backup(server: Server) -> Iterator[Path]:
    """A copy that nobody can be erased from."""
    server.home.backups.mkdir(exist_ok=True)
    file = server.home.backups / "0.db"
    file.write_bytes(b"no database at all" * 300)
    yield file
    file.unlink()


def test_a_person_sees_downloads_and_erases_their_data(page: Page, server: Server) -> None:
    ask(page, CANARY)
    answered(page)
    open_mine(page)
    expect(page.locator("#mine")).to_contain_text("conversations 1, messages 2,")
    picture(page, "your-data")
    with page.expect_download() as taken:
        page.get_by_text("Download my data").click()
    data = json.loads(Path(taken.value.path()).read_text())
    assert data["messages"][0]["text"] == CANARY
    page.once("dialog", lambda dialog: dialog.accept())
    with page.expect_navigation():
        page.get_by_text("Erase me").click()
    ready(page)
    expect(page.locator(".bot-row")).to_have_count(0)
    assert holding(server.home, CANARY) == []
    page.locator("#mine summary").click()
    expect(page.locator("#mine")).to_contain_text("Nothing is stored of you yet")


@pytest.mark.parametrize("width", [320, 360, 484])
def test_the_panel_is_wholly_on_a_narrow_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    ask(page, "Hi")
    answered(page)
    open_mine(page)
    box = page.locator("#mine > div").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_what_a_person_agrees_to_stays_switched_so(page: Page) -> None:
    ask(page, "Hi")
    answered(page)
    open_mine(page)
    publish = page.locator("#mine input[name=publish]")
    expect(publish).not_to_be_checked()
    publish.check()
    expect(page.locator("#mine")).to_contain_text("Saved.")
    page.locator("#mine input[name=train]").uncheck()
    expect(publish).not_to_be_checked()
    expect(publish).to_be_disabled()
    page.reload()
    ready(page)
    answered(page)
    open_mine(page)
    expect(page.locator("#mine input[name=train]")).not_to_be_checked()


def test_a_switch_keeps_the_focus_and_what_it_did_is_read_out(page: Page) -> None:
    ask(page, "Hi")
    answered(page)
    open_mine(page)
    said = page.locator("#mine [role=status]").element_handle()
    publish = page.locator("#mine input[name=publish]")
    publish.focus()
    page.keyboard.press("Space")
    expect(page.locator("#mine")).to_contain_text("Saved.")
    expect(publish).to_be_focused()
    assert said.inner_text() == "Saved."  # a live region that comes with its text is often not read


def test_a_switch_that_can_not_be_stored_says_so_and_goes_back(page: Page) -> None:
    ask(page, "Hi")
    answered(page)
    open_mine(page)
    page.route("**/gradio_api/run/agree", lambda route: route.abort())
    publish = page.locator("#mine input[name=publish]")
    publish.click()
    expect(page.locator("#mine")).to_contain_text("The server does not answer.")
    expect(publish).not_to_be_checked()


def test_who_is_not_to_be_stored_is_answered_and_told(page: Page, server: Server) -> None:
    ask(page, "Hi")
    answered(page)
    open_mine(page)
    page.once("dialog", lambda dialog: dialog.accept())
    with page.expect_navigation():
        page.locator("#mine input[name=store]").uncheck()
    ready(page)
    ask(page, CANARY)
    expect(page.locator(".bot-row .message")).to_contain_text(CANARY)
    expect(page.locator(".bot-row .print")).to_contain_text("not stored")
    expect(page.locator(".bot-row .tools")).to_be_hidden()
    assert holding(server.home, CANARY) == []


@pytest.mark.usefixtures("broken_backup")
def test_who_is_erased_but_for_a_copy_is_told_so_and_begins_anew(
    page: Page, told: list[str]
) -> None:
    ask(page, CANARY)
    answered(page)
    open_mine(page)
    with page.expect_navigation():
        page.get_by_text("Erase me").click()
    ready(page)
    assert told[1] == TracesLeft.PLAIN
    expect(page.locator(".bot-row")).to_have_count(0)
    page.locator("#mine summary").click()
    expect(page.locator("#mine")).to_contain_text("Nothing is stored of you yet")


@pytest.mark.usefixtures("broken_backup")
def test_who_takes_storing_back_but_for_a_copy_is_told_so_and_stays_unstored(
    page: Page, told: list[str]
) -> None:
    ask(page, CANARY)
    answered(page)
    open_mine(page)
    with page.expect_navigation():
        page.locator("#mine input[name=store]").uncheck()
    ready(page)
    assert told[1] == TracesLeft.PLAIN
    expect(page.locator(".bot-row")).to_have_count(0)
    open_mine(page)
    expect(page.locator("#mine input[name=store]")).not_to_be_checked()


def test_who_looks_before_the_page_knows_them_is_told_all_the_same(page: Page) -> None:
    ask(page, CANARY)
    answered(page)
    held: list[Route] = []
    page.route("**/queue/join*", lambda route: held.append(route))
    page.reload()
    wait_for(page, lambda: bool(held))
    page.locator("#mine summary").click()
    expect(page.locator("#mine")).to_contain_text("Nothing is stored of you yet.")
    for route in held:
        route.continue_()
    expect(page.locator("#mine")).to_contain_text("Stored of you")


@pytest.mark.usefixtures("told")
def test_an_erasure_that_takes_long_is_waited_for(page: Page) -> None:
    ask(page, CANARY)
    answered(page)
    open_mine(page)
    held: list[Route] = []
    page.route("**/gradio_api/run/erase", lambda route: held.append(route))
    page.get_by_text("Erase me").click()
    wait_for(page, lambda: bool(held))
    page.wait_for_timeout(16_000)
    with page.expect_navigation():
        held[0].continue_()
    ready(page)
    expect(page.locator(".bot-row")).to_have_count(0)

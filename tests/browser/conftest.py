"""One browser and one server for all browser tests; a fresh profile for each test."""

import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import select

from storage.models import Message
from tests.server import Server

SETTLE = """() => document.getAnimations()
  .filter(one => one instanceof CSSTransition).forEach(one => one.finish())"""
"""Colours fade over; what is looked at is where they end."""
SCREENSHOTS = Path(__file__).parent.parent.parent / "screenshots"
SAID = 10_000
"""Characters of a server's log, the newest ones, that are shown."""
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, else the one that Playwright brought."""
    found = os.environ.get("HITL_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real app with the scripted engine, one word each 0.04 s."""
    folder = tmp_path_factory.mktemp("browser") / "data"
    server = Server(folder, SCRIPTED_DELAY="0.04").start()
    yield server
    assert server.end() == 0


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile: nothing stored, nobody known."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def open_page(context: BrowserContext, server: Server) -> Iterator[Callable[[], Page]]:
    """Opens the chat in a tab; a script error in any of them fails the test."""
    errors: list[str] = []

    def opening() -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.url)
        ready(page)
        return page

    yield opening
    assert not errors


@pytest.fixture
def page(open_page: Callable[[], Page]) -> Page:
    """The chat in a tab."""
    return open_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what its server said, as nobody can look there afterwards."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and isinstance(server, Server):
        report.sections.append(("Server", server.log[-SAID:]))
    return report


def ready(page: Page) -> None:
    """Wait until the page takes input and knows who is there."""
    expect(page.locator("#box textarea")).to_be_visible()
    expect(page.locator("#learning summary span")).not_to_have_text("…")


def ask(page: Page, text: str) -> None:
    """Type a question and press Enter."""
    page.locator("#box textarea").fill(text)
    page.locator("#box textarea").press("Enter")


def answered(page: Page, count: int = 1) -> None:
    """Wait until `count` answers are on the page, the last one whole."""
    expect(page.locator(".bot-row")).to_have_count(count)
    expect(page.locator(".bot-row .bar .up").last).to_be_visible()
    expect(page.locator("#box .submit-button")).to_be_visible()


def picture(page: Page, name: str) -> None:
    """Keep a screenshot for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


def pictures(page: Page, name: str) -> None:
    """Keep one of each scheme."""
    for scheme in schemes(page):
        picture(page, f"{name}-{scheme}")


def schemes(page: Page) -> Iterator[str]:
    """Show the page light, then dark, as it is when the machine's setting changes."""
    yield "light"
    _change(page, "dark")
    yield "dark"
    _change(page, "light")


def _change(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(
        f"document.body.classList.contains('dark') === {json.dumps(scheme == 'dark')}"
    )
    page.evaluate(SETTLE)


def stored(server: Server, kind: type[Any], message: str) -> list[Any]:
    """Read the rows about a message."""
    database = server.database()
    try:
        with database.read() as session:
            key = Message.id if kind is Message else kind.message_id
            return list(session.scalars(select(kind).where(key == message)))
    finally:
        database.close()


def ident(page: Page, answer: int = -1) -> str:
    """The id of an answer on the page."""
    ids = page.locator(".bot-row").evaluate_all("rows => rows.map(r => r.dataset.message)")
    return str(ids[answer])


def wait_for(page: Page, met: Callable[[], bool]) -> None:
    """Wait until something is so that the page can't show."""
    for _ in range(600):
        if met():
            return
        page.wait_for_timeout(50)
    raise AssertionError("It did not happen.")

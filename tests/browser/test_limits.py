from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import answered, ask, ready
from tests.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", HITL_PERSON_LIMIT="1", SCRIPTED_DELAY="0").start()
    yield server
    assert server.end() == 0


def test_who_asks_too_much_is_told_to_wait_and_keeps_what_they_typed(
    context: BrowserContext, strict: Server
) -> None:
    page = context.new_page()
    page.goto(strict.url)
    ready(page)
    ask(page, "The first")
    answered(page)
    ask(page, "The second, a long one")
    expect(page.get_by_text("That was a lot in a short time. Wait ")).to_be_visible()
    expect(page.locator("#box textarea")).to_have_value("The second, a long one")
    answered(page)
    page.locator(".bot-row .bar .again").click()
    expect(page.get_by_text("That was a lot in a short time. Wait ")).to_have_count(2)
    answered(page)

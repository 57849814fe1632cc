from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import answered, ask, picture, ready
from tests.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", HITL_PERSON_LIMIT="1", SCRIPTED_DELAY="0").start()
    yield server
    assert server.end() == 0


def asked_twice(context: BrowserContext, strict: Server, first: str, second: str) -> Page:
    """A page on which the second question came too early."""
    page = context.new_page()
    page.goto(strict.url)
    ready(page)
    ask(page, first)
    answered(page)
    ask(page, second)
    return page


def test_who_asks_too_much_is_told_to_wait_and_keeps_what_they_typed(
    context: BrowserContext, strict: Server
) -> None:
    page = asked_twice(context, strict, "The first", "The second, a long one")
    expect(page.get_by_text("That was a lot in a short time. Wait ")).to_be_visible()
    expect(page.locator("#box textarea")).to_have_value("The second, a long one")
    answered(page)
    page.locator(".bot-row .bar .again").click()
    expect(page.get_by_text("That was a lot in a short time. Wait ")).to_have_count(2)
    answered(page)


def test_a_chinese_browser_is_told_in_chinese(browser: Browser, strict: Server) -> None:
    context = browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 740})
    page = asked_twice(context, strict, "你好", "再来一个")
    expect(page.get_by_text("短时间内次数太多。请等 ")).to_be_visible()
    answered(page)
    for _ in range(4):
        page.get_by_role("button", name="不好的回答").click()
        expect(page.get_by_role("button", name="不好的回答")).to_be_enabled()
    page.get_by_role("button", name="不好的回答").click()
    expect(page.get_by_text("没有保存。短时间内次数太多。请等 ")).to_be_visible()
    picture(page, "chat-chinese-told")
    context.close()

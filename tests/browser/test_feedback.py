from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from storage import cycles, feedback
from storage.database import Database
from storage.models import Feedback
from tests.browser.axe import grave
from tests.browser.conftest import (
    answered,
    ask,
    ident,
    picture,
    ready,
    schemes,
    stored,
    wait_for,
)
from tests.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    database = server.database()
    yield database
    database.close()


def more(page: Page, name: str) -> None:
    """Open what lies behind the three dots."""
    page.get_by_role("button", name="More").last.click()
    page.get_by_role("button", name=name).last.click()


def test_an_answer_is_scored_by_the_criteria_of_its_task(page: Page, server: Server) -> None:
    ask(page, "sum this up")
    answered(page)
    more(page, "Score it")
    page.get_by_label("Task").select_option("summarisation")
    expect(page.get_by_text("Says nothing that the text doesn't.")).to_be_visible()
    page.get_by_role("group", name="fluent").get_by_label("4").check()
    page.get_by_role("group", name="complete").get_by_label("2").check()
    page.get_by_role("button", name="Save scores").click()
    expect(page.get_by_text("Thanks, noted.")).to_be_visible()
    (row,) = stored(server, Feedback, ident(page))
    assert (row.guideline, row.scores) == ("summarisation-1", {"fluent": 4, "complete": 2})
    page.get_by_role("button", name="Score it").click()
    expect(page.get_by_role("group", name="fluent").get_by_label("4")).to_be_checked()
    page.get_by_role("button", name="Take scores back").click()
    wait_for(page, lambda: [f.scores for f in stored(server, Feedback, ident(page))][1:] == [None])
    page.get_by_role("button", name="Score it").click()
    expect(page.get_by_role("group", name="fluent").get_by_label("4")).not_to_be_checked()
    expect(page.get_by_role("button", name="Take scores back")).to_have_count(0)


def test_an_edit_shows_what_it_changes_and_can_be_taken_back(page: Page, server: Server) -> None:
    ask(page, "two or three words")
    answered(page)
    page.get_by_role("button", name="Edit this answer").click()
    area = page.get_by_label("The answer you wanted")
    area.fill("Echo: two or four words")
    changes = page.get_by_role("group", name="Your changes")
    expect(changes.locator("del")).to_have_text("three")
    expect(changes.locator("ins")).to_have_text("four")
    area.press("Control+Enter")
    expect(page.locator(".bot-row .print")).to_have_text("base · edited by you")
    page.reload()
    answered(page)
    page.get_by_role("button", name="Edit this answer").click()
    expect(changes.locator("ins")).to_have_text("four")
    page.get_by_role("button", name="Take my version back").click()
    expect(page.locator(".bot-row .print")).to_have_text("base")
    expect(page.locator(".bot-row .message")).to_have_text("Echo: two or three words")


def test_on_a_phone_two_long_drafts_and_the_choices_are_in_view(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    ask(page, "at length, " * 60)
    answered(page)
    page.get_by_role("button", name="Compare with another draft").click()
    for draft in ("A", "B"):
        expect(page.get_by_role("region", name=draft, exact=True)).to_be_in_viewport()
    for choice in ("A is better", "B is better", "Tie", "Both bad"):
        expect(page.get_by_role("button", name=choice)).to_be_in_viewport(ratio=1)
    picture(page, "compare-360")


@pytest.mark.parametrize("verdict", ["Tie", "Both bad", "A is better"])
def test_two_drafts_are_compared_without_their_versions(
    page: Page, server: Server, verdict: str
) -> None:
    ask(page, "compare me")
    answered(page)
    first = ident(page)
    page.get_by_role("button", name="Compare with another draft").click()
    columns = page.locator(".pair section")
    expect(columns).to_have_text(["AEcho: compare me", "BEcho: compare me"])
    expect(page.locator(".bot-row .message")).to_be_hidden()
    page.get_by_role("button", name=verdict).click()
    expect(page.get_by_text("Thanks. A is from base, B from base.")).to_be_visible()
    expect(page.locator(".bot-row .pager")).to_contain_text("/2")
    database = server.database()
    try:
        with database.read() as session:
            rows = [f for f in session.query(Feedback) if first in (f.message_id, f.other_id)]
    finally:
        database.close()
    assert [row.verdict for row in rows] == [
        {"T": "tie", "B": "both_bad", "A": "better"}[verdict[0]]
    ]


def test_drafts_look_as_they_do_in_the_chat_and_nothing_in_them_runs(page: Page) -> None:
    ask(page, "a **strong** one and <b>not</b> [a link](http://127.0.0.1:9)")
    answered(page)
    page.get_by_role("button", name="Compare with another draft").click()
    drafts = page.locator(".pair section")
    expect(drafts.locator("strong")).to_have_text(["strong", "strong"])
    expect(drafts.first).to_contain_text("Echo: a strong one and <b>not</b> a link")
    expect(drafts.locator(":is(b, a, img)")).to_have_count(0)


def test_a_draft_that_wins_tells_who_wrote_which_and_has_the_focus(page: Page) -> None:
    ask(page, "compare me")
    answered(page)
    first = ident(page)
    page.evaluate("Math.random = () => 0")  # A is the answer on the page
    page.get_by_role("button", name="Compare with another draft").click()
    page.get_by_role("button", name="B is better").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f".bot-row:not([data-message='{first}'])")).to_be_visible()
    expect(page.get_by_text("Thanks. A is from base, B from base.")).to_be_visible()
    expect(page.get_by_role("button", name="Compare with another draft")).to_be_focused()


def test_a_rating_is_followed_to_its_cycle(page: Page, server: Server, database: Database) -> None:
    ask(page, "follow me")
    answered(page)
    page.get_by_role("button", name="Good answer").click()
    wait_for(page, lambda: bool(stored(server, Feedback, ident(page))))
    page.get_by_role("button", name="What did my rating do?").click()
    told = page.get_by_role("group", name="What did my rating do?")
    expect(told).to_contain_text("it waits for the next one")
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)).id)
    verdict = {"promote": False, "reasons": ["it got longer"]}
    database.write(lambda s: cycles.close(s, cycle, "refused", verdict=verdict))
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="What did my rating do?").click()
    expect(told).to_contain_text("an example: this question and answer, target 1")
    expect(told).to_contain_text(f"cycle {cycle}")
    expect(told).to_contain_text("refused; it got longer")
    expect(told).to_contain_text("no newer version serves")
    picture(page, "trace")


def test_what_scrolls_by_itself_is_reached_by_keyboard(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 260}, bypass_csp=True)
    page = context.new_page()
    page.goto(server.url)
    ready(page)
    ask(page, "a few words that make some lines in a narrow column")
    answered(page)
    page.get_by_role("button", name="Edit this answer").click()
    page.get_by_label("The answer you wanted").fill("Something else" + 9 * "\n" + "below")
    expect(page.locator(".diff ins").first).to_be_visible()
    assert grave(page) == []
    page.get_by_role("button", name="Compare with another draft").click()
    expect(page.locator(".pair section")).to_have_count(2)
    assert grave(page) == []
    page.get_by_role("region", name="A", exact=True).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("region", name="B", exact=True)).to_be_focused()
    context.close()


def test_saving_by_keyboard_gives_the_focus_back_to_what_opened_the_form(page: Page) -> None:
    ask(page, "by keyboard")
    answered(page)
    page.get_by_role("button", name="Bad answer").click()
    why = page.get_by_role("button", name="Say what was wrong")
    why.click()
    page.get_by_role("button", name="Save", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Thanks, noted.")).to_be_visible()
    expect(why).to_be_focused()


def test_a_form_is_sent_once_however_often_its_button_is_pressed(
    page: Page, server: Server
) -> None:
    ask(page, "press twice")
    answered(page)
    more(page, "Score it")
    page.get_by_role("group", name="natural").get_by_label("4").check()
    page.get_by_role("button", name="Save scores").dblclick()
    expect(page.get_by_text("Thanks, noted.")).to_be_visible()
    assert len(stored(server, Feedback, ident(page))) == 1


def barriers(page: Page, name: str) -> list[str]:
    """What axe finds grave in either scheme; each is pictured."""
    found = []
    for scheme in schemes(page):
        found += grave(page)
        picture(page, f"open-{name}-{scheme}")
    return found


def test_nothing_on_the_page_is_a_grave_barrier(browser: Browser, server: Server) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, bypass_csp=True)
    page.goto(server.url)
    ready(page)
    assert barriers(page, "nothing") == []
    ask(page, "are there barriers?")
    answered(page)
    page.get_by_role("button", name="Bad answer").click()
    for name in ("Say what was wrong", "Score it", "What did my rating do?"):
        page.get_by_role("button", name=name).click()
        page.wait_for_timeout(300)
        assert barriers(page, name.split(" ")[1].lower()) == [], name
    page.get_by_role("button", name="Edit this answer").click()
    page.get_by_label("The answer you wanted").fill("Echo: are there any barriers?")
    expect(page.locator(".diff ins").first).to_be_visible()
    assert barriers(page, "editor") == []
    page.get_by_role("button", name="Compare with another draft").click()
    expect(page.locator(".pair section")).to_have_count(2)
    assert barriers(page, "compare") == []
    page.close()


def test_a_chinese_browser_gets_a_chinese_page(
    browser: Browser, server: Server, database: Database
) -> None:
    context = browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(server.url)
    ready(page)
    expect(page.locator("#mine summary")).to_have_text("你的数据")
    expect(page.get_by_role("textbox", name="消息")).to_be_visible()
    ask(page, "你好")
    answered(page)
    page.get_by_role("button", name="不好的回答").click()
    page.get_by_role("button", name="说说哪里不好").click()
    page.get_by_role("button", name="太长").click()
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("谢谢,已记下。")).to_be_visible()
    wait_for(
        page,
        lambda: [f.reasons for f in stored(server, Feedback, ident(page))][1:] == [["Too long"]],
    )
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)).id)
    verdict = {"promote": False, "reasons": ["Answers are 2.00x as long; 0.80 to 1.25."]}
    database.write(lambda s: cycles.close(s, cycle, "refused", verdict=verdict))
    page.get_by_role("button", name="我的评价起了什么作用?").click()
    expect(page.locator(".beside dl")).to_contain_text("被拒绝; 回答长度为 2.00x")
    page.locator("#learning summary").click()
    expect(page.locator("#learning dl")).to_contain_text(f"第 {cycle} 轮被拒绝; 回答长度为 2.00x")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="新对话")).to_be_visible()
    page.get_by_role("button", name="新对话").click()
    expect(page.locator("#chat .placeholder")).to_contain_text("问点什么吧")
    picture(page, "chat-chinese")
    context.close()

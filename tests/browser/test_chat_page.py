from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from storage.models import Feedback, Message, Signal
from tests.browser.conftest import answered, ask, ident, ready, stored, wait_for
from tests.server import Server

pytestmark = pytest.mark.browser
LONG = " ".join(f"word{n}" for n in range(60))


def test_an_answer_streams_and_carries_its_version(page: Page, server: Server) -> None:
    answer = page.locator(".bot-row .message")
    with server.held(5):
        ask(page, LONG)
        expect(answer).to_have_text("Echo: word0 word1 word2 word3")
        expect(page.locator("#box .stop-button")).to_be_visible()
        expect(page.locator("#box textarea")).to_have_value("")
    answered(page)
    expect(answer).to_contain_text("word59")
    expect(page.locator(".bot-row .print")).to_have_text("base")


def test_who_waits_sees_the_question_and_how_many_come_first(
    context: BrowserContext, tmp_path: Path
) -> None:
    busy = Server(tmp_path / "data", SCRIPTED_DELAY="0", SCRIPTED_AHEAD="2").start()
    page = context.new_page()
    page.goto(busy.url)
    ready(page)
    busy.hold(0)
    ask(page, "Hello")
    waiting = page.locator(".bot-row .bar").get_by_role("status").first
    for steps, told in enumerate(("2 before you", "1 before you", "")):
        busy.hold(steps)
        expect(waiting).to_have_text(told)
        expect(page.locator(".user-row .message")).to_have_text("Hello")
    busy.hold(9)
    answered(page)
    assert busy.end() == 0


def test_a_question_asked_before_the_page_is_loaded_is_answered_and_can_be_rated(
    context: BrowserContext, server: Server
) -> None:
    page = context.new_page()
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/queue/join*", hold_the_first)
    page.goto(server.url)
    ready(page)
    with server.held(5):
        ask(page, LONG)
        expect(page.locator(".bot-row .message")).to_contain_text("word3")
        held[0].continue_()
    answered(page)
    page.locator(".bot-row .bar .up").click()
    wait_for(page, lambda: bool(stored(server, Feedback, ident(page))))


def test_stop_keeps_what_there_is(page: Page, server: Server) -> None:
    with server.held(5):
        ask(page, LONG)
        expect(page.locator(".bot-row .message")).to_contain_text("word3")
        page.locator("#box .stop-button").click()
        answered(page)
    expect(page.locator(".bot-row .print")).to_have_text("base · stopped")
    (row,) = stored(server, Message, ident(page))
    assert row.stop_reason == "stop"
    assert row.text == "Echo: word0 word1 word2 word3"
    assert [signal.kind for signal in stored(server, Signal, row.id)] == ["stop"]


def test_regenerating_keeps_the_old_draft_to_look_at(page: Page, server: Server) -> None:
    ask(page, "again please")
    answered(page)
    first = ident(page)
    page.get_by_role("button", name="Regenerate").click()
    expect(page.locator(".bot-row .pager span")).to_have_text("2/2")
    answered(page)
    second = ident(page)
    assert first != second
    assert [signal.kind for signal in stored(server, Signal, first)] == ["regenerate"]
    page.get_by_role("button", name="Draft before").click()
    expect(page.locator(".bot-row .pager span")).to_have_text("1/2")
    assert ident(page) == first
    page.reload()
    expect(page.locator(".bot-row .pager span")).to_have_text("1/2")
    page.get_by_role("button", name="Draft after").click()
    expect(page.locator(".bot-row .pager span")).to_have_text("2/2")
    assert ident(page) == second


def test_the_focus_is_on_regenerate_again_when_the_new_draft_is_there(page: Page) -> None:
    ask(page, "again please")
    answered(page)
    again = page.get_by_role("button", name="Regenerate")
    again.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".bot-row .pager span")).to_have_text("2/2")
    expect(again).to_be_focused()


def test_who_types_while_a_draft_is_written_keeps_the_focus(page: Page, server: Server) -> None:
    ask(page, LONG)
    answered(page)
    with server.held(5):
        page.get_by_role("button", name="Regenerate").click()
        expect(page.locator("#box .stop-button")).to_be_visible()
        page.locator("#box textarea").focus()
    expect(page.locator(".bot-row .pager span")).to_have_text("2/2")
    expect(page.locator("#box textarea")).to_be_focused()


def test_an_answer_is_edited_into_the_one_that_was_wanted(page: Page, server: Server) -> None:
    ask(page, "write")
    answered(page)
    page.get_by_role("button", name="Edit this answer").click()
    area = page.get_by_label("The answer you wanted")
    expect(area).to_have_value("Echo: write")
    area.fill("")
    page.get_by_role("button", name="Save my version").click()
    expect(page.get_by_role("alert").filter(has_text="empty")).to_be_visible()
    area.fill("My **own** words")
    area.press("Control+Enter")
    expect(page.locator(".bot-row .message strong")).to_have_text("own")
    expect(page.locator(".bot-row .print")).to_have_text("base · edited by you")
    (edit,) = stored(server, Feedback, ident(page))
    assert (edit.kind, edit.text) == ("edit", "My **own** words")


def test_a_closed_editor_keeps_what_was_typed(page: Page) -> None:
    ask(page, "write")
    answered(page)
    page.get_by_role("button", name="Edit this answer").click()
    page.get_by_label("The answer you wanted").fill("half a thought")
    page.keyboard.press("Escape")
    expect(page.locator(".bot-row .message")).to_be_visible()
    page.get_by_role("button", name="Edit this answer").click()
    expect(page.get_by_label("The answer you wanted")).to_have_value("half a thought")


def test_undo_gives_the_question_back(page: Page) -> None:
    ask(page, "the first")
    answered(page)
    ask(page, "the second")
    answered(page, 2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".bot-row")).to_have_count(1)
    expect(page.locator("#box textarea")).to_have_value("the second")


def test_undo_puts_the_focus_where_the_question_comes_back(page: Page) -> None:
    ask(page, "take me back")
    answered(page)
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#box textarea")).to_have_value("take me back")
    expect(page.locator("#box textarea")).to_be_focused()


def test_undo_leaves_alone_what_is_being_typed(page: Page) -> None:
    ask(page, "the first")
    answered(page)
    page.locator("#box textarea").fill("something new")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".bot-row")).to_have_count(0)
    expect(page.locator("#box textarea")).to_have_value("something new")


def test_a_new_conversation_starts_empty_even_while_an_answer_streams(
    page: Page, server: Server
) -> None:
    with server.held(5):
        ask(page, LONG)
        expect(page.locator(".bot-row .message")).to_contain_text("word3")
        page.get_by_role("button", name="New conversation").click()
        expect(page.locator(".message-row")).to_have_count(0)
    ask(page, "fresh start")
    answered(page)
    expect(page.locator(".bot-row .message")).to_have_text("Echo: fresh start")


def test_a_question_sent_while_an_answer_streams_stays_in_the_box(
    page: Page, server: Server
) -> None:
    with server.held(5):
        ask(page, LONG)
        expect(page.locator(".bot-row .message")).to_contain_text("word3")
        ask(page, "too soon")
        expect(page.get_by_text("still being written")).to_be_visible()
        expect(page.locator("#box textarea")).to_have_value("too soon")
        expect(page.locator("#box .stop-button")).to_be_visible()
    answered(page)
    expect(page.locator(".bot-row .message")).to_contain_text("word59")
    expect(page.locator("#box textarea")).to_have_value("too soon")


def test_a_message_that_is_too_long_is_refused_and_stays_in_the_box(page: Page) -> None:
    ask(page, "x" * 9_000)
    expect(page.get_by_text("the limit is 8,000")).to_be_visible()
    expect(page.locator("#box textarea")).to_have_value("x" * 9_000)
    expect(page.locator(".message-row")).to_have_count(0)
    ask(page, "shorter")
    answered(page)


def test_an_empty_message_sends_nothing(page: Page) -> None:
    ask(page, "   ")
    page.wait_for_timeout(500)
    expect(page.locator(".message-row")).to_have_count(0)


def test_two_tabs_stream_at_once(open_page: Callable[[], Page], server: Server) -> None:
    one, two = open_page(), open_page()
    for tab in (one, two):
        tab.locator("#box textarea").fill(LONG)
    with server.held(5):
        for tab in (one, two):
            tab.locator("#box textarea").press("Enter")
        for tab in (one, two):
            expect(tab.locator(".bot-row .message")).to_contain_text("word3")
            expect(tab.locator("#box .stop-button")).to_be_visible()
    for tab in (one, two):
        answered(tab)


def test_tabs_that_were_open_before_the_first_question_are_one_person(
    open_page: Callable[[], Page],
) -> None:
    one, two, three = open_page(), open_page(), open_page()
    three.locator("#box textarea").fill("being typed")
    ask(one, "first")
    expect(two.locator(".user-row .message")).to_have_text("first")
    answered(one)
    ask(two, "second")
    answered(two, 2)
    one.reload()
    answered(one, 2)
    expect(three.locator("#box textarea")).to_have_value("being typed")


def test_a_conversation_survives_reload_and_a_killed_server(
    open_page: Callable[[], Page], server: Server
) -> None:
    page = open_page()
    ask(page, "remember me")
    answered(page)
    page.reload()
    ready(page)
    expect(page.locator(".bot-row .message")).to_have_text("Echo: remember me")
    with server.held(5):
        ask(page, LONG)
        expect(page.locator(".bot-row .message").last).to_contain_text("word3")
        server.kill()
    server.start()
    page = open_page()  # the old tab reloads itself, at a moment of its own
    answered(page, 2)
    expect(page.locator(".bot-row .message").first).to_have_text("Echo: remember me")
    expect(page.locator(".user-row .message").last).to_contain_text("word59")
    expect(page.locator(".bot-row .print").last).to_have_text("base · interrupted")
    page.get_by_role("button", name="Regenerate").click()
    expect(page.locator(".bot-row .message").last).to_contain_text("word59")


def test_markup_of_a_model_runs_nothing_and_fetches_nothing(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(page, "![x](http://evil.example/a.png) <img src=x onerror='window.pwned=1'> <b>q</b>")
    answered(page)
    page.wait_for_timeout(300)
    assert page.evaluate("window.pwned") is None
    policy = page.evaluate("fetch('http://evil.example/').then(() => 'fetched', () => 'refused')")
    assert policy == "refused"
    assert page.locator("img[src*=evil]").evaluate_all(
        "images => images.every(i => i.naturalWidth === 0)"
    )


def test_markup_named_like_the_page_takes_nothing_off_it(page: Page) -> None:
    ask(
        page,
        '<div class="message-row">a</div> <div id="learning">b</div>'
        ' <div id="box"><b class="submit-button">c</b></div>',
    )
    expect(page.locator(".bot-row .bar .up")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    line = page.locator("#status summary span")
    line.evaluate("line => { line.textContent = '…' }")
    expect(line).not_to_have_text("…")


@pytest.mark.parametrize(
    "problem",
    [
        "Version v2 was refused, v1 keeps serving",
        "No snapshot could be stored; a restart would lose data",
        "Somebody was erased, and not every copy of what they said is cleared",
    ],
)
def test_the_line_under_the_input_says_what_is_wrong(page: Page, problem: str) -> None:
    def go_wrong(route: Route) -> None:
        answer = route.fetch()
        (status,) = answer.json()["data"]
        route.fulfill(json={"data": [{**status, "problem": problem}]})

    page.route("**/gradio_api/run/status", go_wrong)
    expect(page.locator("#learning summary span")).to_have_text(problem)

"""A person who does known things in a real browser, and what is stored of them.

Pages end for real here. Playwright's never hide, so hiding is told to the page as the browser does.
"""

import time
from collections import Counter
from contextlib import nullcontext

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from storage.models import Feedback, Message, Signal
from tests.browser.conftest import answered, ask, ident, ready, stored, wait_for
from tests.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.alone]
LONG = " ".join(f"word{n}" for n in range(60))
TALL = "\n\n".join(f"paragraph {n}" for n in range(40))
MANY_SCREENS = "\n\n".join(f"paragraph{n}" for n in range(300))
ENDS = 36
HIDE = """state => {
  Object.defineProperty(document, 'visibilityState', { get: () => state, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""
CAUGHT_UP = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

SCROLL_UP = """async (log, row) => {
  for (let inView = 50; inView < 2 * log.clientHeight; inView += 200) {
    log.scrollTop = row.offsetTop + row.offsetHeight - inView;
    await new Promise(requestAnimationFrame);
  }
}"""


class Reader:
    """Looks at one answer, and keeps the time with a clock of its own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.looked_ms = 0.0
        self._since: float | None = None

    def look(self, seconds: float) -> None:
        """Go on looking for a while, from when the answer is there."""
        if self._since is None:
            expect(
                self.page.locator(".bot-row[data-message]:not([data-message=''])").first
            ).to_be_visible()
            self._since = time.monotonic()
        self.page.wait_for_timeout(seconds * 1000)

    def turn_away(self) -> None:
        if self._since is not None:
            self.looked_ms += (time.monotonic() - self._since) * 1000
        self._since = None

    def hide(self, seconds: float) -> None:
        self.page.evaluate(HIDE, "hidden")
        self.turn_away()
        self.page.wait_for_timeout(seconds * 1000)
        self.page.evaluate(HIDE, "visible")

    def blur(self, seconds: float) -> None:
        self.page.evaluate("window.dispatchEvent(new Event('blur'))")
        self.turn_away()
        self.page.wait_for_timeout(seconds * 1000)
        self.page.mouse.move(300, 300)


def open_tab(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    page.goto(server.url)
    ready(page)
    return page


def kinds(server: Server, message: str) -> Counter[str]:
    return Counter(s.kind for s in stored(server, Signal, message) if s.kind != "dwell_ms")


def close(page: Page) -> None:
    """Close a tab that has caught up; a browser doesn't wait long for what others have to say."""
    page.evaluate(CAUGHT_UP)
    page.close(run_before_unload=True)


def left(server: Server, message: str, times: int = 1) -> None:
    """Wait until it is stored that someone left, and a moment longer for what must not come."""
    deadline = time.monotonic() + 30
    while kinds(server, message)["leave"] < times and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)


def dwell(server: Server, message: str) -> float:
    return sum(float(s.amount) for s in stored(server, Signal, message) if s.kind == "dwell_ms")


def test_dwell_is_the_time_that_was_looked_over_every_way_to_leave(
    context: BrowserContext, server: Server
) -> None:
    reader = Reader(open_tab(context, server))
    ask(reader.page, "look at me")
    reader.look(2.5)
    message = ident(reader.page)
    reader.hide(1.5)
    reader.look(1.5)
    reader.blur(1.5)
    reader.look(1.5)
    reader.page.reload()
    reader.turn_away()
    reader.look(1.5)
    reader.page.goto("about:blank")
    reader.turn_away()
    reader.page.goto(server.url)
    reader.look(1.5)
    close(reader.page)
    reader.turn_away()
    left(server, message, 3)
    found = dwell(server, message)
    assert found == pytest.approx(reader.looked_ms, rel=0.05)


def test_every_way_to_leave_tells_that_someone_left(
    context: BrowserContext, server: Server
) -> None:
    page = open_tab(context, server)
    ask(page, "leave me")
    answered(page)
    message = ident(page)
    for end in range(ENDS):
        if end % 3 == 0:
            page.reload()
        elif end % 3 == 1:
            page.goto("about:blank")
            page.goto(server.url)
        else:
            close(page)
            page = context.new_page()
            page.goto(server.url)
        expect(page.locator(f".bot-row[data-message='{message}']")).to_be_visible()
        ready(page)
    wait_for(page, lambda: kinds(server, message)["leave"] >= ENDS)
    assert kinds(server, message)["leave"] == ENDS


def test_what_a_person_does_with_an_answer_is_noted_once(
    context: BrowserContext, server: Server
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_tab(context, server)
    ask(page, "why is the sky blue")
    answered(page)
    first = ident(page)
    page.get_by_role("button", name="Copy").click()
    page.locator(".bot-row .message p").click(click_count=3)
    page.keyboard.press("Control+C")
    page.get_by_role("button", name="Regenerate").click()
    expect(page.locator(".bot-row .pager span")).to_have_text("2/2")
    answered(page)
    second = ident(page)
    page.get_by_role("button", name="Good answer").click()
    page.get_by_role("button", name="Edit this answer").click()
    page.get_by_label("The answer you wanted").fill("because of the air")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".bot-row .print")).to_contain_text("edited by you")
    close(page)
    left(server, second)
    assert kinds(server, first) == Counter(copy=2, regenerate=1, reach=1)
    assert kinds(server, second) == Counter(leave=1, reach=1)
    assert [f.kind for f in stored(server, Feedback, second)] == ["rating", "edit"]
    copied = [s.amount for s in stored(server, Signal, first) if s.kind == "copy"]
    assert copied == [len("Echo: why is the sky blue")] * 2


def test_what_a_person_writes_next_is_noted_once_and_on_the_answer_above(
    context: BrowserContext, server: Server
) -> None:
    page = open_tab(context, server)
    noted: dict[str, Counter[str]] = {}

    def send(text: str, **expected: int) -> None:
        count = page.locator(".bot-row").count() + 1
        with server.held(5) if text == LONG else nullcontext():
            ask(page, text)
            if text == LONG:
                expect(page.locator(".bot-row .message").last).to_contain_text("word3")
                page.locator("#box .stop-button").click()
            answered(page, count)
        noted[ident(page)] = Counter({**expected, "reach": 1})

    send("why is the sky blue", follow_up=1, rephrase=1)
    send("why is the sky so blue", follow_up=1, thank=1)
    send("thanks a lot", follow_up=1)
    send(LONG, stop=1, follow_up=1, complain=1)
    stopped = ident(page)
    send("no, that's wrong", undo=1, resend=1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#box textarea")).to_have_value("no, that's wrong")
    send("no, that's so wrong", leave=1)
    close(page)
    left(server, list(noted)[-1])
    assert {message: kinds(server, message) for message in noted} == noted
    (cut,) = [s for s in stored(server, Signal, stopped) if s.kind == "stop"]
    (row,) = stored(server, Message, stopped)
    assert 0 < cut.amount <= len(row.text) < len(f"Echo: {LONG}")


def test_reach_tells_how_much_of_an_answer_came_into_view(
    context: BrowserContext, server: Server
) -> None:
    page = open_tab(context, server)
    page.evaluate(HIDE, "hidden")  # it is written while nobody looks
    ask(page, TALL)
    answered(page)
    message = ident(page)
    page.evaluate(HIDE, "visible")
    page.wait_for_timeout(500)
    page.evaluate(HIDE, "hidden")
    wait_for(page, lambda: kinds(server, message)["reach"] == 1)
    page.evaluate(HIDE, "visible")
    log = page.locator("#chat .bubble-wrap")
    for place in range(8):
        log.evaluate(f"l => l.scrollTo(0, {place} * 500)")
        page.wait_for_timeout(100)
    close(page)
    left(server, message)
    end, everything = [s.amount for s in stored(server, Signal, message) if s.kind == "reach"]
    assert 0.1 < end < 0.6
    assert everything == 1.0


def test_an_answer_of_many_screens_is_looked_at_again_after_it_left_the_view(
    context: BrowserContext, server: Server
) -> None:
    page = open_tab(context, server)
    page.evaluate(HIDE, "hidden")
    ask(page, MANY_SCREENS)
    answered(page)
    ask(page, TALL)
    answered(page, 2)
    message = ident(page, 0)
    page.evaluate(HIDE, "visible")
    page.wait_for_timeout(500)
    assert dwell(server, message) == 0.0
    reader = Reader(page)
    log = page.locator("#chat .bubble-wrap")
    log.evaluate(SCROLL_UP, page.locator(".bot-row").first.element_handle())
    reader.look(5)
    log.evaluate("l => l.scrollTo(0, l.scrollHeight)")
    reader.turn_away()
    page.wait_for_timeout(500)
    last = ident(page)
    close(page)
    left(server, last)
    assert dwell(server, message) == pytest.approx(reader.looked_ms, rel=0.05)
    assert kinds(server, message)["reach"] == 1


def test_copying_from_one_answer_into_the_next_is_noted_for_both(
    context: BrowserContext, server: Server
) -> None:
    page = open_tab(context, server)
    for place, text in enumerate(("first words", "second words")):
        ask(page, text)
        answered(page, place + 1)
    one, two = ident(page, 0), ident(page, 1)
    page.evaluate("""() => {
      const [a, b] = document.querySelectorAll('.bot-row .message p');
      getSelection().setBaseAndExtent(a.firstChild, 6, b.firstChild, 12);
    }""")
    page.keyboard.press("Control+C")
    close(page)
    time.sleep(0.5)
    copied = {
        m: [s.amount for s in stored(server, Signal, m) if s.kind == "copy"] for m in (one, two)
    }
    assert copied == {one: [len("first words")], two: [len("Echo: second")]}

"""What the page makes of an answer's updates where the network changes when they come."""

import json

import pytest
from playwright.sync_api import APIResponse, Page, Request, Route, expect
from sqlalchemy import select

from storage.models import Message
from tests.browser.conftest import answered, ask, ident, wait_for
from tests.server import Server

pytestmark = pytest.mark.browser
LONG = "one two three four five six seven"


def test_an_answer_that_comes_before_word_that_it_will_is_shown(page: Page, server: Server) -> None:
    """Then Gradio's page takes all updates of the answer at once, see `Handlers.send`."""
    join = "**/queue/join*"
    held: list[tuple[Route, APIResponse]] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    with page.expect_request(join) as asked:
        ask(page, "one")
    answered(page)
    with server.held(5):
        _keep_updates_coming(page, asked.value)
        page.get_by_role("button", name="New conversation").click()
        expect(page.locator(".bot-row")).to_have_count(0)
        page.route(join, hold_the_first)
        ask(page, "two")
        wait_for(page, lambda: bool(_answers(server, "Echo: two")))
        page.wait_for_timeout(500)  # for updates that the page doesn't know yet what to do with
        route, response = held[0]
        route.fulfill(response=response)
        answered(page)
    assert ident(page) == _answers(server, "Echo: two")[0]
    expect(page.locator("#box textarea")).to_have_value("")


def _keep_updates_coming(page: Page, asked: Request) -> None:
    """Send something in a page's name that isn't over yet, so that it goes on listening."""
    api = asked.url.partition("/queue/")[0]
    chat = page.evaluate("gradio_config.dependencies.find(one => one.api_name === 'chat').id")
    started = page.request.post(f"{api}/run/start", data={"data": []}).json()["data"][0]
    sent = {
        "fn_index": chat,
        "session_hash": json.loads(asked.post_data or "")["session_hash"],
        "data": [started["token"], started["conversation"], LONG],
    }
    assert page.request.post(f"{api}/queue/join", data=sent).ok


def _answers(server: Server, text: str) -> list[str]:
    database = server.database()
    try:
        with database.read() as session:
            return list(session.scalars(select(Message.id).where(Message.text == text)))
    finally:
        database.close()

"""The journey of who chats and rates, on PostgreSQL."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from storage.models import Feedback, Signal
from tests.browser.conftest import answered, ask, ident, ready, stored, wait_for
from tests.conftest import either
from tests.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=["postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("postgresql") / "data"
    server = Server(folder, HITL_DATABASE_URL=either(request), SCRIPTED_DELAY="0").start()
    yield server
    assert server.end() == 0


def test_all_that_was_said_and_done_is_stored_and_there_again_after_a_reload(
    page: Page, server: Server
) -> None:
    ask(page, "one two three")
    answered(page)
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="Edit this answer").click()
    page.get_by_label("The answer you wanted").fill("four")
    page.get_by_label("The answer you wanted").press("Control+Enter")
    expect(page.locator(".bot-row .print")).to_have_text("base · edited by you")
    first = ident(page)
    wait_for(page, lambda: [f.kind for f in stored(server, Feedback, first)] == ["rating", "edit"])
    page.get_by_role("button", name="Regenerate").click()
    expect(page.locator(".bot-row .print")).to_have_text("base")
    answered(page)
    wait_for(page, lambda: "regenerate" in [s.kind for s in stored(server, Signal, first)])
    second = ident(page)
    assert second != first
    page.reload()
    ready(page)
    answered(page)
    assert ident(page) == second

"""What the reward head makes of an answer, for its person and for the owner: asked of a real head."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser import axe
from tests.browser.conftest import answered, ask, picture, ready, schemes
from tests.browser.test_owner_page import PASSWORD, open_tab, owner_page
from tests.server import Server
from tests.storage.people import Person
from tests.tiny import keep_head

pytestmark = pytest.mark.browser
HOSTILE = "is <b>this</b> all right?"
ANSWER = f"Echo: {HOSTILE}"
PATIENCE = 240_000
"""Milliseconds: the process imports torch at the lowest priority."""
ALL_OF_IT = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    """A server whose trainer has fitted a head already."""
    folder = tmp_path_factory.mktemp("learned") / "data"
    server = Server(folder, HITL_ADMIN_PASSWORD=PASSWORD, HITL_MODEL=str(tiny_model)).start()
    keep_head(tiny_model, server.home)
    yield server
    assert server.end() == 0


def is_the_map(heat: Locator) -> None:
    """The answer's text stands there as text, coloured, and nothing is said by colour alone."""
    tokens = heat.locator(".map span")
    expect(heat).to_contain_text("expects", timeout=PATIENCE)
    assert "".join(tokens.all_inner_texts()[:-1]) == ANSWER
    expect(heat.locator("b")).to_have_count(0)
    taking = heat.locator("[class^=less]").first
    assert "dashed" in taking.evaluate("e => getComputedStyle(e).textDecoration")
    assert (taking.get_attribute("title") or "").startswith("−")
    expect(heat).to_contain_text("Adds most")
    expect(heat).to_contain_text("Takes most")


def test_a_person_sees_which_words_their_answer_is_liked_for(
    browser: Browser, learned: Server
) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, bypass_csp=True)
    page.goto(learned.url)
    ready(page)
    ask(page, HOSTILE)
    answered(page)
    page.get_by_role("button", name="Good answer").click()
    page.get_by_role("button", name="What did my rating do?").click()
    page.get_by_role("button", name="What the reward head makes of it").click()
    expect(page.get_by_text("Asking about each word…")).to_be_visible()
    is_the_map(page.locator(".bar .heat"))
    assert page.evaluate(ALL_OF_IT)
    for scheme in schemes(page):
        assert axe.grave(page) == []
        picture(page, f"heat-{scheme}")
    page.close()


def test_the_owner_sees_it_beside_what_was_said(browser: Browser, learned: Server) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 900})
    with closing(learned.database()) as database:
        person = Person(database)
        person.rate(person.ask("Hi", ANSWER)[0], 1)
    page = owner_page(context, learned)
    open_tab(page, "Review")
    page.locator("#queue label").first.click()
    page.get_by_role("button", name="What the reward head makes of it").click()
    is_the_map(page.locator("#heat .heat"))
    assert page.evaluate(ALL_OF_IT)
    for scheme in schemes(page):
        assert axe.grave(page) == []
        picture(page, f"heat-owner-{scheme}")
    context.close()


def test_a_person_is_asked_to_compare_where_the_head_is_unsure(
    browser: Browser, learned: Server
) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, bypass_csp=True)
    page.goto(learned.url)
    ready(page)
    ask(page, HOSTILE)
    answered(page)
    asked = page.get_by_role("button", name="compare with another draft?")
    expect(asked).to_be_visible()
    assert axe.grave(page) == []
    picture(page, "asked")
    asked.click()
    page.get_by_role("button", name="A is better").click()
    expect(page.get_by_text("Thanks. A is from base")).to_be_visible()
    expect(asked).to_be_hidden()
    page.close()

"""Thumbs and their reasons: one tap, and shown as stored."""

import pytest
from playwright.sync_api import Page, Route, expect

from storage.models import Feedback
from tests.browser.conftest import answered, ask, ident, stored, wait_for
from tests.server import Server

pytestmark = pytest.mark.browser


def hold_ratings(page: Page) -> list[Route]:
    """Let no rating through; returns the list of those that wait."""
    held: list[Route] = []
    page.route("**/gradio_api/run/rate", lambda route: held.append(route))
    return held


def test_one_tap_rates_and_the_same_tap_takes_it_back(page: Page, server: Server) -> None:
    ask(page, "rate me")
    answered(page)
    good = page.get_by_role("button", name="Good answer")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("status").filter(has_text="Thanks.")).to_be_visible()
    wait_for(page, lambda: len(stored(server, Feedback, ident(page))) == 1)
    page.reload()
    answered(page)
    expect(good).to_have_attribute("aria-pressed", "true")
    good.click()
    wait_for(page, lambda: [f.value for f in stored(server, Feedback, ident(page))] == [1, 0])
    expect(good).to_have_attribute("aria-pressed", "false")


def test_a_rating_gets_its_reasons_by_keyboard_alone(page: Page, server: Server) -> None:
    ask(page, "give reasons")
    answered(page)
    page.get_by_role("button", name="Bad answer").focus()
    page.keyboard.press("Enter")
    why = page.get_by_role("button", name="Say what was wrong")
    why.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Wrong facts")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_label("Your own words").focus()
    page.keyboard.type("it rambles")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Thanks, noted.")).to_be_visible()
    last = stored(server, Feedback, ident(page))[-1]
    assert (last.value, last.reasons, last.comment) == (-1, ["Too long"], "it rambles")


def test_who_opens_the_reasons_again_finds_them_and_adds_to_them(
    page: Page, server: Server
) -> None:
    ask(page, "once more")
    answered(page)
    page.get_by_role("button", name="Bad answer").click()
    why, words = (
        page.get_by_role("button", name="Say what was wrong"),
        page.get_by_label("Your own words"),
    )
    why.click()
    page.get_by_role("button", name="Too long").click()
    words.fill("it rambles")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Thanks, noted.")).to_be_visible()
    why.click()
    expect(page.get_by_role("button", name="Too long")).to_have_attribute("aria-pressed", "true")
    expect(words).to_have_value("it rambles")
    page.reload()
    answered(page)
    page.get_by_role("button", name="More").click()
    why.click()
    expect(words).to_have_value("it rambles")
    page.get_by_role("button", name="Wrong facts").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Thanks, noted.")).to_be_visible()
    last = stored(server, Feedback, ident(page))[-1]
    assert (sorted(last.reasons), last.comment) == (["Too long", "Wrong facts"], "it rambles")
    page.get_by_role("button", name="Good answer").click()
    page.get_by_role("button", name="Say what was good").click()
    expect(words).to_have_value("")


def test_a_rating_that_can_not_be_stored_says_so_and_is_not_shown(page: Page) -> None:
    ask(page, "rate me offline")
    answered(page)
    page.route("**/gradio_api/run/rate", lambda route: route.abort())
    good = page.get_by_role("button", name="Good answer")
    good.click()
    expect(page.get_by_text("Not saved. The server does not answer.")).to_be_visible()
    expect(good).to_have_attribute("aria-pressed", "false")


def test_reasons_are_stored_with_the_rating_they_explain(page: Page, server: Server) -> None:
    ask(page, "fail once")
    answered(page)
    held = hold_ratings(page)
    bad = page.get_by_role("button", name="Bad answer")
    bad.click()
    page.get_by_role("button", name="Say what was wrong").click()
    wait_for(page, lambda: bool(held))
    held.pop().abort()
    expect(bad).to_have_attribute("aria-pressed", "false")
    page.unroute("**/gradio_api/run/rate")
    page.get_by_label("Your own words").fill("it rambles")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Thanks, noted.")).to_be_visible()
    expect(bad).to_have_attribute("aria-pressed", "true")
    (row,) = stored(server, Feedback, ident(page))
    assert (row.value, row.comment) == (-1, "it rambles")


def test_reasons_wait_until_the_rating_before_them_is_stored(page: Page, server: Server) -> None:
    ask(page, "be slow")
    answered(page)
    held = hold_ratings(page)
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="Say what was wrong").click()
    page.get_by_label("Your own words").fill("it rambles")
    page.get_by_role("button", name="Save").click()
    page.wait_for_timeout(300)
    assert len(held) == 1
    held.pop().continue_()
    wait_for(page, lambda: bool(held))
    held.pop().continue_()
    expect(page.get_by_text("Thanks, noted.")).to_be_visible()
    assert [row.comment for row in stored(server, Feedback, ident(page))] == ["", "it rambles"]


def test_after_ratings_that_fail_the_page_shows_what_is_stored(page: Page) -> None:
    ask(page, "rate me twice offline")
    answered(page)
    held = hold_ratings(page)
    good, bad = (page.get_by_role("button", name=f"{kind} answer") for kind in ("Good", "Bad"))
    good.click()
    bad.click()
    for _ in range(2):
        wait_for(page, lambda: bool(held))
        held.pop().abort()
    expect(page.get_by_text("Not saved. The server does not answer.")).to_be_visible()
    expect(good).to_have_attribute("aria-pressed", "false")
    expect(bad).to_have_attribute("aria-pressed", "false")

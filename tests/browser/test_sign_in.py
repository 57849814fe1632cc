"""Signing in on a Space, against a stand-in of Hugging Face's OAuth."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import provider
from tests.browser.axe import grave
from tests.browser.conftest import answered, ask, picture, ready
from tests.provider import Provider
from tests.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def hugging_face() -> Iterator[Provider]:
    with provider.serving() as running:
        yield running


@pytest.fixture(scope="module")
def space(hugging_face: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("space") / "data"
    server = Server(folder, SCRIPTED_DELAY="0", **hugging_face.env).start()
    yield server
    assert server.end() == 0


@pytest.fixture(autouse=True)
def nobody_yet(hugging_face: Provider, request: pytest.FixtureRequest) -> None:
    name = str(request.node.name)
    hugging_face.person = {"sub": name, "preferred_username": "ada", "name": "Ada"}


def opened(context: BrowserContext, space: Server) -> Page:
    page = context.new_page()
    page.goto(space.url)
    ready(page)
    return page


def sign_in(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out (ada)")).to_be_visible()
    ready(page)


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    ready(page)


def number(page: Page) -> str:
    page.locator("#mine summary").click()
    said = page.locator("#mine > div > div > small")
    expect(said).to_be_visible()
    text = str(said.text_content())
    page.keyboard.press("Escape")
    return text


def test_a_signed_in_person_is_the_same_on_every_browser(
    browser: Browser, context: BrowserContext, space: Server
) -> None:
    page = opened(context, space)
    sign_in(page)
    ask(page, "Remember me")
    answered(page)
    elsewhere = browser.new_context()
    other = opened(elsewhere, space)
    sign_in(other)
    expect(other.locator(".user-row .message")).to_have_text("Remember me")
    assert number(other) == number(page)
    elsewhere.close()


def test_what_was_chatted_before_comes_back_with_signing_out(
    context: BrowserContext, space: Server
) -> None:
    page = opened(context, space)
    ask(page, "Before")
    answered(page)
    anonymous = number(page)
    sign_in(page)
    expect(page.locator(".user-row")).to_have_count(0)
    ask(page, "Signed in")
    answered(page)
    assert number(page) != anonymous
    page.reload()
    expect(page.locator(".user-row .message")).to_have_text("Signed in")
    sign_out(page)
    expect(page.locator(".user-row .message")).to_have_text("Before")
    assert number(page) == anonymous
    sign_in(page)
    expect(page.locator(".user-row .message")).to_have_text("Signed in")


def test_two_accounts_on_one_browser_are_two_people(
    context: BrowserContext, space: Server, hugging_face: Provider
) -> None:
    page = opened(context, space)
    sign_in(page)
    ask(page, "Mine")
    answered(page)
    mine = number(page)
    sign_out(page)
    hugging_face.person["sub"] += " another"
    sign_in(page)
    expect(page.locator(".user-row")).to_have_count(0)
    assert number(page) != mine


def test_who_is_erased_may_come_back_as_another(context: BrowserContext, space: Server) -> None:
    page = opened(context, space)
    ask(page, "Before")
    answered(page)
    sign_in(page)
    ask(page, "Forget this")
    answered(page)
    was = number(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#mine summary").click()
    expect(page.locator("#mine")).to_contain_text("You are signed in: ")
    with page.expect_navigation():
        page.get_by_role("button", name="Erase me").click()
    ready(page)
    expect(page.get_by_role("button", name="Sign out (ada)")).to_be_visible()
    expect(page.locator(".user-row")).to_have_count(0)
    assert number(page) != was
    sign_out(page)
    expect(page.locator(".user-row .message")).to_have_text("Before")


def test_the_button_speaks_chinese(browser: Browser, space: Server) -> None:
    chinese = browser.new_context(locale="zh-CN")
    page = opened(chinese, space)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("button", name="退出(ada)")).to_be_visible()
    chinese.close()


def test_on_a_phone_the_top_still_fits_and_all_is_accessible(
    browser: Browser, space: Server
) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 800})
    page = opened(phone, space)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sign_in(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#mine summary").click()
    expect(page.get_by_role("button", name="Erase me")).to_be_visible()
    box = page.locator("#mine > div").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    picture(page, "signed-in-phone")
    assert grave(page) == []
    phone.close()


def test_elsewhere_there_is_no_such_button(page: Page) -> None:
    expect(page.locator("#sign-in")).to_have_count(0)

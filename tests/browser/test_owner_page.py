import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy.orm import Session

from storage import adapters, cycles
from tests.browser.conftest import SCREENSHOTS, answered, ask
from tests.server import Server

pytestmark = pytest.mark.browser
PASSWORD = "let me in"
IMPLICIT = {
    "auc": 0.71, "low": 0.58, "high": 0.82, "likes": 23, "dislikes": 20, "trusted": False,
    "bins": [{"ratings": 43, "foretold": 0.5, "liked": 0.53}],
}  # fmt: skip
REWARD = {"accuracy": 0.875, "precision": 0.9, "recall": 0.8, "f1": 0.847, "auc": 0.93}
REASONS = ["wins 31% of comparisons <b>only</b>", "distinct-2 fell to 0.61"]


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a password and two trainings behind it."""
    server = Server(tmp_path_factory.mktemp("owner") / "data", HITL_ADMIN_PASSWORD=PASSWORD).start()
    (server.home.adapters / "v-0001").mkdir()
    database = server.database()
    database.write(history)
    database.close()
    yield server
    assert server.end() == 0


def history(s: Session) -> None:
    first = cycles.open_cycle(s, 0)
    adapters.add(s, "v-0001", "base", "scripted-base", first.id)
    figures = {"approx_kl": 0.02, "clipfrac": 0.11}
    cycles.close(s, first.id, "promoted", version="v-0001", reward=REWARD, ppo=figures)
    adapters.serve(s, "v-0001", "promoted by cycle 1")
    second = cycles.open_cycle(s, 0)
    cycles.close(
        s,
        second.id,
        "refused",
        verdict={"reasons": REASONS},
        reward=REWARD,
        counts={"implicit": IMPLICIT},
    )
    third = cycles.open_cycle(s, 0)
    cycles.advance(s, third.id, "fit", 0.5, "fitting on 40 answers")


def owner_page(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{server.url}/admin")
    page.get_by_label("username").fill("owner")
    page.get_by_label("password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    expect(page.locator("#cycles table").first).to_be_visible()
    return page


def test_the_owner_sees_versions_cycles_and_reasons_and_rolls_back(
    browser: Browser, owned: Server
) -> None:
    page = owner_page(browser.new_context(viewport={"width": 1440, "height": 1000}), owned)
    expect(page.locator("#versions")).to_contain_text("v-0001")
    expect(page.locator("#cycles")).to_contain_text(REASONS[0])  # as text, not as markup
    expect(page.locator("#cycles")).to_contain_text("0.875")
    expect(page.locator("#implicit")).to_contain_text("0.71 (0.58 to 0.82) against 43 ratings")
    expect(page.locator("#running")).to_contain_text("Cycle 3: fit, 50%. fitting on 40 answers")
    page.screenshot(path=_shots("owner-1440-light"), full_page=True)
    page.locator("#roll-back").click()
    expect(page.locator("#versions tr", has_text="serves now")).to_contain_text("base")
    expect(page.locator("#versions")).to_contain_text("rolled back by hand from v-0001")
    page.get_by_label("Version", exact=True).click()
    page.get_by_role("option", name="v-0001").click()
    page.locator("#serve").click()
    expect(page.locator("#versions tr", has_text="serves now")).to_contain_text("v-0001")
    page.context.close()


def test_the_owner_downloads_a_data_set(browser: Browser, owned: Server) -> None:
    chat = browser.new_page()
    chat.goto(owned.url)
    ask(chat, "export this")
    answered(chat)
    chat.get_by_role("button", name="Good answer").click()
    expect(chat.get_by_text("Thanks.")).to_be_visible()
    page = owner_page(browser.new_context(accept_downloads=True), owned)
    page.get_by_label("Data set").click()
    page.get_by_role("option", name="trl-unpaired").click()
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename == "trl-unpaired.jsonl"
    rows = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert [row["label"] for row in rows] == [True]
    page.context.close()
    chat.close()


def test_the_owners_page_fits_a_phone_in_the_dark(browser: Browser, owned: Server) -> None:
    phone = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page = owner_page(phone, owned)
    expect(page.locator("#versions")).to_contain_text("v-0001")
    page.screenshot(path=_shots("owner-360-dark"), full_page=True)
    root = "document.documentElement"
    assert not page.evaluate(f"{root}.scrollWidth > {root}.clientWidth")
    page.context.close()


def test_without_the_password_nothing_of_it_is_reached(browser: Browser, owned: Server) -> None:
    page = browser.new_page()
    answer = page.request.get(f"{owned.url}/admin/config")
    assert answer.status == 401
    page.close()


def _shots(name: str) -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS / f"{name}.png"

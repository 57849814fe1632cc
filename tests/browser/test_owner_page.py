import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy.orm import Session

from benchmarks.history import fill
from storage import adapters, cycles, reviews
from storage.reviews import Decided
from tests.browser import axe
from tests.browser.conftest import SCREENSHOTS, schemes
from tests.server import Server
from tests.storage.people import Person

pytestmark = pytest.mark.browser
PASSWORD = "let me in"
TABS = {
    "Feedback": "#liking svg",
    "Training": "#curves svg",
    "Versions": "#versions table",
    "Review": "#queue label",
    "Raters and bias": "#bias svg",
    "Export": "#export",
}
"""With what is seen once a tab is there."""
NAMES = "base|[0-9a-f]{8}|Latin|how|what|why|write|AUC"
IN_CHINESE = dict(
    zip(("反馈", "训练", "版本", "审阅", "评价者与偏差", "导出"), TABS.values(), strict=True)
)
WHOLE_ROWS = """() => [...document.querySelectorAll('.sheet .grid')]
  .every(table => table.scrollWidth <= table.clientWidth)"""
REASONS = [
    "Canary questions lost: <b>Which animal barks?</b>.",
    "Distinct bigrams are 0.61x; at least 0.9.",
]


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a password and a history behind it."""
    server = Server(tmp_path_factory.mktemp("owner") / "data", HITL_ADMIN_PASSWORD=PASSWORD).start()
    with closing(server.database()) as database:
        database.write(lambda s: fill(s, 1_000, 400))
        person = Person(database)
        person.rate(person.ask("Where is Lyon?", "Nothing yet.")[0], -1, comment="Look at a map")
        database.write(refused_and_running)
        with database.read() as session:
            for adapter in adapters.versions(session):
                (server.home.adapters / adapter.version).mkdir()
    yield server
    assert server.end() == 0


def refused_and_running(s: Session) -> None:
    refused = cycles.open_cycle(s, 0)
    cycles.close(s, refused.id, "refused", verdict={"reasons": REASONS})
    running = cycles.open_cycle(s, 0)
    cycles.advance(s, running.id, "fit", 0.5, "fitting the reward head on 40 labels")


def owner_page(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{server.url}/admin")
    page.get_by_label("username").fill("owner")
    page.get_by_label("password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    expect(page.locator("#liking svg").first).to_be_visible()
    return page


def open_tab(page: Page, name: str) -> None:
    """Open a tab with its button; on a phone the last ones are in a menu."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.is_visible():
        page.locator(".overflow-menu > button").click()
        tab = page.locator(".overflow-dropdown button", has_text=name)
    tab.click()
    expect(page.locator(TABS[name]).first).to_be_visible()


@pytest.fixture
def page(browser: Browser, owned: Server) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    yield owner_page(context, owned)
    context.close()


def test_the_owner_sees_versions_cycles_and_reasons_and_rolls_back(page: Page) -> None:
    expect(page.locator("#liking")).to_contain_text("Feedback by day")
    expect(page.locator("#running")).to_contain_text(
        "fit, 50%. fitting the reward head on 40 labels"
    )
    expect(page.locator("#announced")).to_contain_text("training is in phase fit")
    expect(page.locator("#announced")).to_have_attribute("aria-live", "polite")
    open_tab(page, "Training")
    expect(page.locator("#cycles")).to_contain_text(REASONS[0])  # as text, not as markup
    expect(page.locator("#cycles")).to_contain_text("Implicit signals: AUC")
    open_tab(page, "Versions")
    before, newest = (page.locator("#versions tr").nth(place) for place in (2, 1))
    expect(newest).to_contain_text("serves now")
    page.locator("#roll-back").click()
    expect(before).to_contain_text("serves now")
    expect(page.locator("#versions")).to_contain_text("rolled back by hand from")
    page.get_by_label("Version", exact=True).click()
    page.get_by_role("option").first.click()
    page.locator("#serve").click()
    expect(newest).to_contain_text("serves now")


def test_the_curves_of_an_earlier_cycle_can_be_looked_at(page: Page) -> None:
    open_tab(page, "Training")
    page.get_by_label("Update of cycle").click()
    page.get_by_role("option", name="3", exact=True).click()
    expect(page.locator("#curves")).to_contain_text("Cycle 3 ended its update with")
    page.locator("#curves summary").first.click()
    expect(page.locator("#curves table").first).to_be_visible()


def test_an_answer_is_found_read_excluded_and_restored_by_keyboard(
    page: Page, owned: Server
) -> None:
    open_tab(page, "Review")
    page.get_by_label("Search words").fill("a MAP")
    page.keyboard.press("Enter")
    expect(page.locator("#queue label")).to_have_count(1)
    page.locator("#queue input").focus()
    page.keyboard.press("Space")
    expect(page.locator("#context")).to_contain_text("disliked it: Look at a map")
    page.get_by_role("button", name="Exclude", exact=True).click()
    expect(page.get_by_text("Give a reason")).to_be_visible()
    page.get_by_label("Reason to exclude it").fill("a joke <b>")
    page.get_by_role("button", name="Exclude", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#context")).to_contain_text("Excluded: a joke <b>")
    with closing(owned.database()) as database, database.read() as session:
        [out] = session.scalars(reviews.excluded())
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator("#context")).not_to_contain_text("Excluded")
    expect(page.locator("#context")).to_contain_text("Where is Lyon?")
    page.get_by_label("Reason to exclude it").fill("a flooder")
    page.get_by_role("button", name="Exclude all of this rater's").click()
    expect(page.get_by_text("more answers of this rater are excluded")).to_be_visible()
    expect(page.locator("#context")).to_contain_text("Excluded: a flooder")
    page.get_by_role("button", name="Restore all of this rater's").click()
    expect(page.locator("#context")).not_to_contain_text("Excluded")
    page.get_by_label("Bad", exact=True).check()
    expect(page.locator("#context")).to_contain_text("You rated it bad")
    with closing(owned.database()) as database, database.read() as session:
        assert reviews.decided(session, out) == Decided(None, -1)


def test_the_next_page_of_the_queue_has_older_answers(page: Page) -> None:
    open_tab(page, "Review")
    first = page.locator("#queue label").first
    newest = first.inner_text()
    page.get_by_role("button", name="Older").click()
    expect(first).not_to_have_text(newest)
    page.get_by_role("button", name="Newest").click()
    expect(first).to_have_text(newest)


def test_how_a_rater_differs_is_asked_for_by_a_button(page: Page) -> None:
    open_tab(page, "Raters and bias")
    expect(page.get_by_label("Rater", exact=True)).to_have_value(re.compile("^[0-9a-f]{8}$"))
    page.get_by_role("button", name="How this rater differs").click()
    expect(page.locator("#differing")).to_contain_text("No reward head yet")


def test_the_owner_downloads_a_data_set(page: Page) -> None:
    open_tab(page, "Export")
    page.get_by_label("Data set").click()
    page.get_by_role("option", name="trl-unpaired").click()
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename == "trl-unpaired.jsonl"
    rows = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert len(rows) == 401


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_every_tab_fits_and_axe_finds_nothing_grave(
    browser: Browser, owned: Server, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = owner_page(context, owned)
    for name in TABS:
        open_tab(page, name)
        if name == "Review":
            page.locator("#queue label").first.click()
            expect(page.locator("#context")).to_contain_text("What was said")
        root = "document.documentElement"
        assert not page.evaluate(f"{root}.scrollWidth > {root}.clientWidth")
        assert width > 360 or page.evaluate(WHOLE_ROWS)
        assert too_small(page) == []
        SCREENSHOTS.mkdir(exist_ok=True)
        for scheme in schemes(page):
            shot = f"owner-{name.split()[0].lower()}-{width}-{scheme}.png"
            page.screenshot(path=SCREENSHOTS / shot, full_page=True, animations="disabled")
            assert axe.grave(page) == []
    context.close()


def test_no_panel_dims_while_it_is_read_and_none_is_an_endpoint(page: Page) -> None:
    events = page.evaluate("window.gradio_config.dependencies")
    asking = [event for event in events if event["backend_fn"]]
    assert {(e["show_progress"], e["api_visibility"]) for e in asking} == {("hidden", "private")}


def test_a_chinese_browser_gets_a_chinese_page(browser: Browser, owned: Server) -> None:
    context = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.goto(f"{owned.url}/admin")
    page.locator("input").first.fill("owner")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("button", has_text="登录").click()
    expect(page.locator("#liking svg").first).to_be_visible()
    expect(page.locator("#owner-top h1")).to_have_text("主办者页面")
    for name, there in IN_CHINESE.items():
        page.get_by_role("tab", name=name, exact=True).click()
        expect(page.locator(there).first).to_be_visible()
        if name == "训练":  # two reasons on one line
            told = "丢失的常识题:<b>Which animal barks?</b>。不同的二元词组为 0.61x;至少 0.9。"
            expect(page.locator("#cycles")).to_contain_text(told)
        if name == "审阅":
            page.locator("#queue label").first.click()
            expect(page.locator("#context")).to_contain_text("评价记录")
            expect(page.locator("#context .judged p")).to_have_text(
                "Nothing yet."
            )  # as it was said
            page.get_by_label("排除的理由").fill("x" * 3_000)
            page.get_by_role("button", name="排除", exact=True).click()
            expect(page.get_by_text("理由有 3,000 个字符")).to_be_visible()
        assert english(page) == []
    expect(page.get_by_label("数据集")).to_have_value(re.compile("^trl-preference:.*奖励训练器$"))
    page.get_by_label("数据集").click()
    page.get_by_role("option", name="parquet:同上,Parquet 格式").click()
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename.endswith(".parquet")
    context.close()


def english(page: Page) -> list[str]:
    """Texts that can be seen and begin with an English word, which is no name and no one's first word."""
    texts = page.evaluate(
        """() => {
            const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const found = [];
            while (walk.nextNode()) {
                const { data, parentElement: at } = walk.currentNode;
                if (at.checkVisibility() && !at.closest('script, style, .turn p')) found.push(data);
            }
            return found;
        }"""
    )
    return [
        text for text in texts if re.match("[A-Za-z]{2}", text) and not re.fullmatch(NAMES, text)
    ]


def too_small(page: Page) -> list[str]:
    """What can be pressed and is less than 24 px wide or high; a radio button's label is its target."""
    kinds = ("button:not(.visually-hidden *)", "summary", "a", "label:has(input)")
    targets = page.locator(", ".join(f"{kind}:visible" for kind in kinds))
    boxes = [(one.bounding_box(), one) for one in targets.all()]
    return [
        one.evaluate("e => e.outerHTML")
        for box, one in boxes
        if box and min(box["width"], box["height"]) < 24
    ]


def test_without_the_password_nothing_of_it_is_reached(browser: Browser, owned: Server) -> None:
    page = browser.new_page()
    answer = page.request.get(f"{owned.url}/admin/config")
    assert answer.status == 401
    page.close()

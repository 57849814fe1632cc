from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from storage import cycles
from storage.database import Database
from tests.browser.conftest import answered, ask, picture, pictures, ready
from tests.server import Server

pytestmark = pytest.mark.browser
RICH = """Show me **markdown**, please:

```python
print("a line of code that is much too long for the screen of any phone, surely")
```

1. one
2. two"""


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    database = server.database()
    yield database
    database.close()


def in_view(page: Page, selector: str) -> bool:
    box = page.locator(selector).bounding_box()
    width, height = page.evaluate("[innerWidth, innerHeight]")
    down = box and box["y"] >= 0 and box["y"] + box["height"] <= height
    return bool(box and down and box["x"] >= 0 and box["x"] + box["width"] <= width)


def scrolls_sideways(page: Page) -> bool:
    root = "document.documentElement"
    return bool(page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))


@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024), (1440, 900)])
def test_the_chat_fits_and_the_input_stays_in_view(
    browser: Browser, server: Server, width: int, height: int
) -> None:
    name = f"chat-{width}"
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=width == 360
    )
    page = context.new_page()
    page.goto(server.url)
    ready(page)
    pictures(page, f"{name}-empty")
    assert in_view(page, "#new")
    ask(page, RICH)
    answered(page)
    ask(page, "And something short.")
    answered(page, 2)
    page.get_by_role("button", name="Regenerate").click()
    expect(page.locator(".bot-row .pager span").last).to_have_text("2/2")
    answered(page, 2)
    pictures(page, name)
    bad = page.get_by_role("button", name="Bad answer").last
    if width == 360:
        bad.tap()
    else:
        bad.click()
    page.get_by_role("button", name="Say what was wrong").click()
    page.get_by_role("button", name="Too long").click()
    pictures(page, f"{name}-reasons")
    assert in_view(page, "#box textarea")
    assert in_view(page, "#learning summary")
    assert in_view(page, ".details button[type=submit]")
    assert not scrolls_sideways(page)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Edit this answer").last.click()
    pictures(page, f"{name}-editor")
    assert in_view(page, ".editor button[type=submit]")
    context.close()


def test_every_button_is_big_enough_to_tap_and_has_a_name(page: Page) -> None:
    ask(page, "buttons")
    answered(page)
    page.get_by_role("button", name="Bad answer").click()
    page.get_by_role("button", name="Say what was wrong").click()
    buttons = page.locator("button:visible")
    for place in range(buttons.count()):
        button = buttons.nth(place)
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24, button.evaluate("b => b.outerHTML")
        named = "b => (b.getAttribute('aria-label') || b.innerText).trim()"
        assert button.evaluate(named), button.evaluate("b => b.outerHTML")


def test_the_line_below_tells_what_waits_and_follows_a_running_training(
    page: Page, database: Database
) -> None:
    line = page.locator("#learning summary span")
    expect(line).to_contain_text("training is switched off")
    cycle = database.write(lambda s: cycles.open_cycle(s, 0).id)
    database.write(lambda s: cycles.advance(s, cycle, "update", 0.42, "update 4 of 10"))
    expect(line).to_have_text("Learning now: practising, 42%")
    page.locator("#learning summary").click()
    expect(page.locator("#learning dl")).to_contain_text("update 4 of 10")
    picture(page, "status-running")
    database.write(
        lambda s: cycles.close(s, cycle, "refused", verdict={"reasons": ["length fell by half"]})
    )
    expect(line).to_contain_text("feedback waiting")
    expect(page.locator("#learning dl")).to_contain_text(f"cycle {cycle} refused")
    expect(page.locator("#learning dl")).to_contain_text("length fell by half")
    page.keyboard.press("Escape")
    expect(page.locator("#learning dl")).to_be_hidden()

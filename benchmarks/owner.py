"""How fast the owner's page is with a long history, on the server and in a browser.

python -m benchmarks.owner --messages 100000 --ratings 20000

Times what each panel reads and draws, then starts the app, opens the page in Chromium (needs
requirements-dev.txt) and goes through its tabs. Knows what these are called, and nothing inside.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from tempfile import TemporaryDirectory

from sqlalchemy.orm import Session

from benchmarks.figures import Figure, table
from benchmarks.history import fill
from benchmarks.running import ServerFailed, serving
from hitl_chat import panels
from storage import queue
from storage.database import Database
from storage.home import Home

ROUNDS = 3
TABS = {
    "Training": "#curves svg",
    "Versions": "#versions table",
    "Review": "#queue label",
    "Raters and bias": "#bias svg",
    "Feedback": "#liking svg",
}
"""What is seen once a tab is there."""
READ: Mapping[str, Callable[[Session], object]] = {
    "feedback": panels.liking,
    "training": panels.training,
    "curves": lambda s: panels.curves(s, None),
    "versions": panels.versions,
    "raters": panels.raters,
    "bias": panels.bias,
    "queue": lambda s: queue.page(s, "everything", "", None, 15),
    "queue, disliked": lambda s: queue.page(s, "disliked", "", None, 15),
    "queue, words that are nowhere": lambda s: queue.page(s, "everything", "zyx", None, 15),
}
PAINT, PANEL = 1.0, 2.0
"""Seconds at most."""


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run as a command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.owner", description="How fast is the owner's page?"
    )
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--ratings", type=int, default=20_000)
    wanted = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        theirs = {**env, "HITL_DATA_DIR": folder, "HITL_TRAINER": "off"}
        with closing(Database.open(Home.from_env(theirs))) as database:
            database.write(lambda s: fill(s, wanted.messages, wanted.ratings))
            figures = list(_read(database))
        try:
            with serving(theirs) as app:
                figures += _seen(app.address)
        except ServerFailed as error:
            sys.stderr.write(f"{error}\n")
            return 2
    sys.stdout.write(table(figures))
    return 0


def _read(database: Database) -> Iterator[Figure]:
    """Read and draw each panel; the slowest round counts."""
    for name, look in READ.items():
        seconds = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            with database.read() as session:
                look(session)
            seconds.append(time.perf_counter() - begun)
        yield Figure(f"read and drawn: {name}", max(seconds), PANEL, at_most=True, unit=" s")


def _seen(address: str) -> Iterator[Figure]:
    """Open the page, then each tab, and wait until it shows something."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this benchmark needs it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("HITL_CHROMIUM") or shutil.which("chromium")
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{address}/admin/")  # once before, as whoever looks every day has it
        page.locator(TABS["Feedback"]).first.wait_for()
        page.goto(f"{address}/admin/")
        page.locator(TABS["Feedback"]).first.wait_for()
        paints = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
        yield Figure("first paint", page.evaluate(paints), PAINT, at_most=True, unit=" s")
        shown = page.evaluate("performance.now() / 1000")
        yield Figure("first panel there", shown, PANEL, at_most=True, unit=" s")
        for name, sign in TABS.items():
            begun = time.perf_counter()
            page.get_by_role("tab", name=name, exact=True).click()
            page.locator(sign).first.wait_for()
            seconds = time.perf_counter() - begun
            yield Figure(f"opened: {name}", seconds, PANEL, at_most=True, unit=" s")
        browser.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hitl_chat.explainer import MOST_WAITING, Explainer, Look
from storage.home import Home
from tests.conftest import on_sqlite

TOLD = {
    "cycle": 1, "mean": 0.5, "spread": 0.1, "start": 0.5, "form": 0.0, "rest": "",
    "head_share": 1.0, "tokens": [{"text": "Hi", "share": 0.1}],
}  # fmt: skip
CHILD = """
import os, pathlib, sys, time
log = pathlib.Path(sys.argv[1])
with log.open("a") as file:
    file.write(f"begin {os.getpriority(os.PRIO_PROCESS, 0)}\\n")
time.sleep(float(sys.argv[2]))
with log.open("a") as file:
    file.write("end\\n")
sys.stdout.write(sys.argv[3])
sys.stderr.write("some noise\\nNo answer. Mend it so.\\n")
sys.exit(int(sys.argv[4]))
"""

Make = Callable[..., Explainer]
pytestmark = on_sqlite


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def make(home: Home, log: Path) -> Iterator[Make]:
    """An explainer whose process says what it is told to; a head is there."""
    made: list[Explainer] = []
    home.head.write_text("weights")

    def making(said: str = json.dumps(TOLD), status: int = 0, seconds: float = 0.0) -> Explainer:
        child = [sys.executable, "-c", CHILD, str(log), str(seconds), said, str(status)]
        made.append(Explainer(home, os.environ, {"message": child, "rater": child}))
        return made[-1]

    yield making
    for one in made:
        one.close()


def over(explainer: Explainer, message: str = "a") -> Look:
    """Ask until it is known how it ended."""
    until = time.monotonic() + 60
    while (look := explainer.look(message)).state == "working":
        assert time.monotonic() < until
        time.sleep(0.02)
    return look


def test_what_was_found_is_kept_until_there_is_another_head(
    make: Make, log: Path, home: Home
) -> None:
    explainer = make()
    assert explainer.look("a").state == "working"
    look = over(explainer)
    assert look.state == "done"
    assert look.told is not None
    assert look.told["adds"] == [{"text": "hi", "share": 0.1}]
    assert over(explainer) == look
    assert log.read_text() == "begin 19\nend\n"
    os.utime(home.head, (1, 1))
    assert over(explainer).state == "done"
    assert log.read_text().count("end") == 2


def test_answers_are_looked_at_one_at_a_time(make: Make, log: Path) -> None:
    explainer = make(seconds=0.1)
    for message in "abc":
        assert explainer.look(message).state == "working"
    assert {over(explainer, message).state for message in "abc"} == {"done"}
    assert log.read_text() == "begin 19\nend\n" * 3


def test_a_long_line_is_refused(make: Make) -> None:
    explainer = make(seconds=30)
    states = [explainer.look(str(n)).state for n in range(MOST_WAITING + 1)]
    assert states == ["working"] * MOST_WAITING + ["busy"]


def test_without_a_head_no_process_is_started(make: Make, log: Path, home: Home) -> None:
    explainer = make()
    home.head.unlink()
    assert explainer.look("a") == Look("no_head")
    assert not log.exists()


def test_what_can_be_mended_is_told_to_the_owner_and_tried_again(make: Make) -> None:
    explainer = make(status=2)
    assert over(explainer) == Look("failed", detail="No answer. Mend it so.")
    assert explainer.look("a").state == "working"


@pytest.mark.parametrize(("said", "status"), [("", 1), ("no JSON", 0), ("{}", 0)])
def test_what_breaks_goes_to_the_log(
    make: Make, said: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    look = over(make(said, status))
    assert (look.state, look.told) == ("failed", None)
    assert "log says why" in look.detail
    assert "Looking at a message failed" in caplog.text


def test_nothing_of_an_erased_person_is_kept(make: Make, log: Path) -> None:
    explainer = make(seconds=0.2)
    over(explainer, "a")
    explainer.look("b")
    explainer.forget()
    until = time.monotonic() + 60
    while log.read_text().count("end") < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert explainer.look("a").state == explainer.look("b").state == "working"


def test_a_rater_is_asked_about_by_another_command(home: Home) -> None:
    home.head.write_text("weights")
    echo = "import json, sys; print(json.dumps({'given': sys.argv[1:]}))"
    explainer = Explainer(home, os.environ, {"rater": [sys.executable, "-c", echo]})
    until = time.monotonic() + 60
    while (look := explainer.look("a", "rater")).state == "working":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert look.told == {"given": ["--rater", "a"]}
    explainer.close()


def test_closing_ends_what_runs(make: Make) -> None:
    explainer = make(seconds=30)
    explainer.look("a")
    begun = time.monotonic()
    explainer.close()
    assert over(explainer).state in ("failed", "busy")
    assert time.monotonic() - begun < 10

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hitl_chat.asking import EVERY, Asking
from hitl_chat.reading import Shown
from hitl_chat.service import Service, Started
from hitl_chat.settings import Settings
from storage.consent import Agreed
from storage.database import Database
from storage.home import Home
from tests.conftest import on_sqlite
from tests.hitl_chat.visits import ask
from tests.scripted import ScriptedEngine
from tests.tiny import draw_head, keep_head
from training import heads
from training.base import load_base
from training.doubt import load
from training.prompts import Answer

pytestmark = on_sqlite


def answer(number: int, text: str = "Yes.", **other: Any) -> Shown:  # noqa: ANN401
    whole = Shown(
        message=f"m{number}", role="assistant", text=text, version="v", rating=0, drafts=("m",),
        draft_index=0, edited=False, given=text, stop_reason="eos",
    )  # fmt: skip
    return replace(whole, **other)


def talked(number: int) -> list[Shown]:
    """A conversation of so many answers."""
    rows = [[answer(place, role="user"), answer(place)] for place in range(number)]
    return [row for pair in rows for row in pair]


@pytest.fixture
def learned(home: Home, tiny_model: Path) -> Home:
    """A head to which every answer is disputed."""
    keep_head(tiny_model, home)
    return home


def test_a_disputed_answer_is_asked_about_and_a_sure_one_is_not(
    learned: Home, tiny_model: Path
) -> None:
    texts = ["Yes.", "你好 🙂, and so on", "- **one**\n- two"]
    spreads = sorted((load(learned.head).spread(Answer(text)), text) for text in texts)
    base = load_base(str(tiny_model), learned)
    head, middle = draw_head(base), spreads[1][0]
    reading = heads.Reading(base.name, 1, 64, 64, 8)
    heads.keep(learned.head, head, reading, heads.words(head, base, disputed=middle))
    asking = Asking(learned.head, 2)
    assert [asking.asks(text, [answer(0, text)]) for _, text in spreads] == [False, False, True]


def test_an_answer_that_was_cut_is_judged_without_an_end(learned: Home, tiny_model: Path) -> None:
    spreads = [load(learned.head).spread(Answer("Yes.", ended)) for ended in (True, False)]
    base, middle = load_base(str(tiny_model), learned), sum(spreads) / 2
    reading = heads.Reading(base.name, 1, 64, 64, 8)
    heads.keep(learned.head, draw_head(base), reading, heads.words(draw_head(base), base, middle))
    asking = Asking(learned.head, 2)
    asked = [asking.asks(end, [answer(0, "Yes.", stop_reason=end)]) for end in ("eos", "length")]
    assert asked == [spread > middle for spread in spreads]
    assert sum(asked) == 1


def test_the_budget_holds_and_nobody_is_pestered(learned: Home) -> None:
    asking = Asking(learned.head, 2)
    asked = [number for number in range(1, 12) if asking.asks("c", talked(number))]
    assert asked == [1, 1 + EVERY]
    assert asking.asks("c", talked(1 + EVERY))  # what was asked stays on the page
    assert asking.asks("another", talked(1))


@pytest.mark.parametrize(
    "other",
    [
        {"role": "user"}, {"stored": False}, {"stop_reason": "stop"}, {"stop_reason": None},
        {"drafts": ("m0", "m1")}, {"rating": -1}, {"edited": True},
    ],
)  # fmt: skip
def test_only_a_whole_answer_that_nothing_was_said_of_is_asked_about(
    learned: Home, other: dict[str, Any]
) -> None:
    asking = Asking(learned.head, 2)
    assert asking.may([answer(0)])
    assert not asking.may([answer(0, **other)])


def test_nothing_is_asked_without_a_budget_a_head_or_an_answer(learned: Home) -> None:
    assert not Asking(learned.head, 0).may([answer(0)])
    asking = Asking(learned.head, 2)
    assert not asking.may([])
    learned.head.unlink()
    assert not asking.asks("c", [answer(0)])


def test_who_does_not_agree_to_training_is_never_asked(
    database: Database, engine: ScriptedEngine, settings: Settings, learned: Home
) -> None:
    service = Service(database, engine, settings, train_after=16)
    for train in (True, False):
        me: Started = service.start()
        service.agree(me.rater, Agreed(train=train))
        ask(service, me, "hello")
        shown = service.show(me.rater, me.conversation)
        assert service.asks(me.rater, me.conversation, shown) == train

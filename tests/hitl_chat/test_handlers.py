"""Called as Gradio would; outside its events what people are told comes as a warning."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import gradio as gr
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from hitl_chat.door import Door
from hitl_chat.engines.protocol import EngineBusy
from hitl_chat.handlers import Handlers
from hitl_chat.pacing import Pace
from hitl_chat.service import Service, Shown, Started
from hitl_chat.settings import Settings
from hitl_chat.visitors import Who
from storage.consent import Agreed
from storage.database import Database
from storage.models import Conversation
from tests.hitl_chat.test_visitors import HERE
from tests.hitl_chat.visits import Kinds, ask
from tests.scripted import ScriptedEngine

WAIT = "That was a lot in a short time"
WRONG = "Something went wrong on the server"


class Cut(Service):
    """A service that can't read its database while it is `away`."""

    away = False

    def rater(self, token: str) -> str:
        self._read()
        return super().rater(token)

    def show(self, rater: str, conversation: str) -> list[Shown]:
        self._read()
        return super().show(rater, conversation)

    def _read(self) -> None:
        if self.away:
            raise OperationalError("SELECT 1", {}, OSError("the server closed the connection"))


@pytest.fixture
def cut(database: Database, engine: ScriptedEngine, settings: Settings) -> Cut:
    return Cut(database, engine, settings, train_after=16)


@pytest.fixture
def handlers(service: Service, settings: Settings) -> Handlers:
    door = Door(service, replace(settings, person_limit=1))
    return Handlers(service, door, Pace(processors=2), "/signals")


@pytest.fixture
def conversations(database: Database) -> Callable[[], int]:
    def count() -> int:
        with database.read() as session:
            return session.scalar(select(func.count()).select_from(Conversation)) or 0

    return count


def elsewhere(who: Started) -> Who:
    """What a browser keeps whose conversation there is not."""
    return {"token": who.token, "conversation": "0" * 32}


def here(who: Started) -> Who:
    return {"token": who.token, "conversation": who.conversation}


def told_of(**data: Any) -> gr.EventData:  # noqa: ANN401 - whatever a page sends
    return gr.EventData(None, data)


def test_questions_beyond_the_limit_make_no_conversations(
    handlers: Handlers, me: Started, conversations: Callable[[], int]
) -> None:
    before = conversations()
    list(handlers.send("Hi", elsewhere(me), None, HERE))
    for _ in range(20):
        with pytest.warns(UserWarning, match=WAIT):
            list(handlers.send("Hi", elsewhere(me), None, HERE))
    assert conversations() == before + 1


def told(output: object) -> object:
    """What Gradio makes of it on its way to the page."""
    if isinstance(output, gr.Textbox):
        return {**gr.skip(), **output.constructor_args}
    return output


def stands_alone(updates: list[tuple[Any, ...]]) -> bool:
    """Whether nothing is lost where an update takes the place of the one before.

    So it is in Gradio's page if that is still to be shown and both are dictionaries.
    """
    assert len(updates) > 2
    both = [
        (one, other)
        for before, after in pairwise(updates)
        for one, other in zip(map(told, before), map(told, after), strict=True)
        if isinstance(one, dict) and isinstance(other, dict)
    ]
    return all(one.items() <= other.items() for one, other in both)


def test_each_update_of_an_answer_says_all_that_counts(handlers: Handlers, me: Started) -> None:
    assert stands_alone(list(handlers.send("Hi there", here(me), None, HERE)))


def test_each_update_of_another_draft_says_all_that_counts(
    handlers: Handlers, service: Service, me: Started
) -> None:
    answer = told_of(message=ask(service, me, "Hi there").message)
    assert stands_alone(list(handlers.regenerate(here(me), answer, HERE)))


def test_another_draft_of_what_is_not_theirs_makes_no_conversation(
    handlers: Handlers, me: Started, conversations: Callable[[], int]
) -> None:
    before = conversations()
    with pytest.warns(UserWarning, match="No such message"):
        list(handlers.regenerate(elsewhere(me), told_of(message="0" * 32), HERE))
    assert conversations() == before


def test_picking_and_undoing_count_as_feedback(
    handlers: Handlers, service: Service, me: Started, kinds: Kinds
) -> None:
    messages = [ask(service, me, text).message for text in ("one", "two", "three")]
    for message in messages:
        handlers.pick(here(me), told_of(message=message), HERE)
    handlers.undo("", here(me), HERE)
    undone = kinds().count("undo")
    with pytest.warns(UserWarning, match=WAIT):
        handlers.undo("", here(me), HERE)
    with pytest.warns(UserWarning, match=WAIT):
        handlers.pick(here(me), told_of(message=messages[0]), HERE)
    assert kinds().count("undo") == undone == 1


def test_reading_back_what_is_shown_costs_nothing(
    handlers: Handlers, service: Service, me: Started
) -> None:
    ask(service, me, "one")
    for _ in range(20):
        assert handlers.pick(here(me), told_of(all=True), HERE)


@pytest.mark.parametrize("before", [0, 1, 30])
def test_a_question_that_is_stored_and_not_answered_is_not_put_back_into_the_box(
    service: Service, settings: Settings, me: Started, engine: ScriptedEngine, before: int
) -> None:
    handlers = Handlers(service, Door(service, settings), Pace(processors=2), "/signals")
    for number in range(before):
        ask(service, me, f"question {number}")
    engine.enqueue(EngineBusy("Too many people."))
    with pytest.warns(UserWarning, match="Too many people"):
        *_, (turns, box, *_) = handlers.send("Hi", here(me), None, HERE)
    assert turns[-1]["content"] == "Hi"
    assert box == gr.skip()


def test_a_question_in_memory_that_is_not_answered_comes_back_into_the_box(
    service: Service, settings: Settings, me: Started, engine: ScriptedEngine
) -> None:
    handlers = Handlers(service, Door(service, settings), Pace(processors=2), "/signals")
    service.agree(me.rater, Agreed(store=False, train=False, publish=False))
    anew = service.start(me.token)
    engine.enqueue(EngineBusy("Too many people."))
    with pytest.warns(UserWarning, match="Too many people"):
        *_, (turns, box, *_) = handlers.send("Hi", here(anew), None, HERE)
    assert turns == []
    assert box.value == "Hi"


def test_a_question_that_is_not_stored_comes_back_into_the_box(
    handlers: Handlers, service: Service, me: Started
) -> None:
    for number in range(30):
        ask(service, me, f"question {number}")
    list(handlers.send("The last one allowed", here(me), None, HERE))
    with pytest.warns(UserWarning, match=WAIT):
        *_, (_, box, *_) = handlers.send("Hi", here(me), None, HERE)
    assert box.value == "Hi"


def test_what_people_are_told_is_in_the_log_too(
    service: Service, settings: Settings, me: Started, caplog: pytest.LogCaptureFixture
) -> None:
    handlers = Handlers(service, Door(service, settings), Pace(processors=2), "/signals")
    caplog.set_level("INFO")
    with pytest.warns(UserWarning, match="the limit is"):
        list(handlers.send("Hi" * 50_000, here(me), None, HERE))
    assert "Not answered: The message has 100,000 characters" in caplog.text


def test_while_the_database_is_away_the_page_stays_as_it_is(
    cut: Cut, settings: Settings, me: Started
) -> None:
    handlers = Handlers(cut, Door(cut, settings), Pace(processors=2), "/signals")
    cut.away = True
    with pytest.warns(UserWarning, match=WRONG):
        *_, (turns, box, *_) = handlers.send("Hi", here(me), None, HERE)
    assert turns == gr.skip()
    assert box.value == "Hi"


def test_a_database_that_goes_away_meanwhile_loses_nothing_that_was_typed(
    cut: Cut, settings: Settings, me: Started, engine: ScriptedEngine
) -> None:
    handlers = Handlers(cut, Door(cut, settings), Pace(processors=2), "/signals")
    engine.enqueue(EngineBusy("Too many people."))
    events = handlers.send("Hi", here(me), None, HERE)
    next(events)
    cut.away = True
    with pytest.warns(UserWarning, match="Too many people"):
        *_, (turns, box, *_) = events
    assert turns == gr.skip()
    assert box.value == "Hi"


def test_after_an_answer_that_can_not_be_read_back_there_is_send_again(
    cut: Cut, settings: Settings, me: Started
) -> None:
    handlers = Handlers(cut, Door(cut, settings), Pace(processors=2), "/signals")
    cut.away = True
    with pytest.warns(UserWarning, match=WRONG):
        turns, box = handlers.settle(here(me))
    assert turns == gr.skip()
    assert (box.submit_btn, box.stop_btn) == (True, False)


def test_where_a_conversation_is_gone_a_new_one_can_be_begun_and_stop_does_nothing(
    handlers: Handlers, me: Started
) -> None:
    handlers.stop(elsewhere(me))
    assert handlers.fresh(elsewhere(me)) == {"token": me.token, "conversation": ""}

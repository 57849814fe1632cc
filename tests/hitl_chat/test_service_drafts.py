from collections.abc import Callable, Iterator

import pytest

from hitl_chat.engines.protocol import Reply, Sampling, Turn
from hitl_chat.service import Service, Started
from hitl_chat.settings import Settings
from storage.database import Database
from tests.hitl_chat.visits import Kinds, Rows, ask
from tests.scripted import ScriptedEngine


def test_a_new_draft_keeps_the_old_one_beside_it(
    service: Service, me: Started, engine: ScriptedEngine, kinds: Kinds
) -> None:
    engine.enqueue("first", "second")
    old = ask(service, me, "hello")
    *_, new = service.regenerate(me.rater, old.message)
    shown = service.show(me.rater, me.conversation)
    assert [one.text for one in shown] == ["hello", "second"]
    assert (shown[1].drafts, shown[1].draft_index) == ((old.message, new.message), 1)
    assert engine.asked[0] == engine.asked[1]
    assert kinds() == ["regenerate"]


def test_picking_a_draft_brings_back_what_was_said_after_it(
    service: Service, me: Started, engine: ScriptedEngine
) -> None:
    engine.enqueue("first", "more", "second")
    first = ask(service, me, "hello")
    ask(service, me, "go on")
    *_, second = service.regenerate(me.rater, first.message)
    assert [one.text for one in service.show(me.rater, me.conversation)] == ["hello", "second"]
    service.pick_draft(me.rater, first.message)
    texts = [one.text for one in service.show(me.rater, me.conversation)]
    assert texts == ["hello", "first", "go on", "more"]
    service.pick_draft(me.rater, second.message)
    assert service.show(me.rater, me.conversation)[-1].text == "second"


def test_undo_gives_the_question_back_and_forgets_nothing(
    service: Service, me: Started, rows: Rows, kinds: Kinds
) -> None:
    ask(service, me, "one")
    ask(service, me, "two")
    assert service.undo(me.rater, me.conversation) == "two"
    assert [one.text for one in service.show(me.rater, me.conversation)] == ["one", "Echo: one"]
    assert service.undo(me.rater, me.conversation) == "one"
    assert service.undo(me.rater, me.conversation) == ""
    assert service.show(me.rater, me.conversation) == []
    assert len(rows()) == 4
    assert kinds() == ["follow_up", "undo", "undo"]


def test_two_drafts_stream_side_by_side_and_the_better_one_stays(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows
) -> None:
    engine.enqueue("short", "rather a lot longer")
    pairs = list(service.compare(me.rater, me.conversation, "hello"))
    one, two = pairs[-1]
    assert (one.text, two.text) == ("short", "rather a lot longer")
    assert one.version == two.version
    assert all(draft.done for draft in pairs[-1])
    first, second = (row for row in rows() if row.role == "assistant")
    assert first.parent_id == second.parent_id
    assert first.seed != second.seed
    assert service.show(me.rater, me.conversation)[-1].text == "short"
    service.opinions.choose(me.rater, two.message, one.message, "better")
    assert service.show(me.rater, me.conversation)[-1].text == "rather a lot longer"


def test_leaving_a_comparison_closes_both_drafts(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows
) -> None:
    stream = service.compare(me.rater, me.conversation, "hello")
    next(stream)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert [row.stop_reason for row in rows()] == [None, "closed", "closed"]
    assert engine.active == 0


def test_a_tie_leaves_the_first_draft_on_the_page(service: Service, me: Started) -> None:
    *_, (one, two) = service.compare(me.rater, me.conversation, "hello")
    service.opinions.choose(me.rater, two.message, one.message, "tie")
    assert service.show(me.rater, me.conversation)[-1].message == one.message
    assert service.loop.status()["feedback"] == {"total": 1, "waiting": 1}


class Interrupted(ScriptedEngine):
    """Has something done while it answers, between the first word and the second."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] = lambda: None

    def stream(
        self, turns: list[Turn], sampling: Sampling, seed: int, *, beside: bool = False
    ) -> Iterator[Reply]:
        for reply in super().stream(turns, sampling, seed, beside=beside):
            if reply.completion_tokens == 1:
                self.meanwhile()
            yield reply


@pytest.fixture
def interrupted() -> Interrupted:
    return Interrupted()


@pytest.fixture
def its_service(database: Database, interrupted: Interrupted, settings: Settings) -> Service:
    return Service(database, interrupted, settings, train_after=16)


def test_what_is_undone_while_one_more_draft_is_written_stays_undone(
    its_service: Service, interrupted: Interrupted
) -> None:
    me = its_service.start()
    message = ask(its_service, me, "hello").message
    interrupted.meanwhile = lambda: its_service.undo(me.rater, me.conversation)
    its_service.again(me.rater, message)
    assert its_service.show(me.rater, me.conversation) == []


def test_while_one_more_draft_is_written_the_page_shows_what_it_did(
    its_service: Service, interrupted: Interrupted
) -> None:
    me = its_service.start()
    message = ask(its_service, me, "hello").message
    seen = list[str]()
    interrupted.meanwhile = lambda: seen.append(
        its_service.show(me.rater, me.conversation)[-1].message
    )
    its_service.again(me.rater, message)
    assert seen == [message]

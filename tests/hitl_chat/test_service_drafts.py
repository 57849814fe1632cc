from hitl_chat.service import Service, Started
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

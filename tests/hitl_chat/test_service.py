import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from hitl_chat.answers import StillAnswering
from hitl_chat.engines.protocol import EngineBusy, Reply, Sampling, Turn
from hitl_chat.identity import BadToken
from hitl_chat.service import Draft, Service, Started
from hitl_chat.settings import Settings
from storage.consent import Agreed
from storage.conversations import NotYours
from storage.database import Database
from storage.models import BASE_VERSION
from tests.hitl_chat.visits import Kinds, Rows, ask
from tests.scripted import ScriptedEngine

# Asking


def test_an_answer_grows_and_is_stored_with_all_that_made_it(
    service: Service, me: Started, rows: Rows
) -> None:
    drafts = list(service.ask(me.rater, me.conversation, "one two"))
    texts = [draft.text for draft in drafts]
    assert texts[0] == ""
    assert texts[-1] == "Echo: one two"
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    assert [draft.done for draft in drafts] == [False] * (len(drafts) - 1) + [True]
    question, answer = rows()
    assert (question.role, question.text, question.parent_id) == ("user", "one two", None)
    assert (answer.id, answer.parent_id) == (drafts[-1].message, question.id)
    assert (answer.text, answer.stop_reason) == ("Echo: one two", "eos")
    assert (answer.version, answer.base, answer.engine) == (
        BASE_VERSION,
        "scripted-base",
        "scripted",
    )
    assert answer.sampling == {"temperature": 0.7, "top_p": 0.95, "max_new_tokens": 256}
    assert answer.seed is not None
    assert answer.completion_tokens == 3
    assert answer.first_token_ms is not None
    assert answer.duration_ms is not None


def test_the_question_is_stored_before_the_engine_is_asked(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows
) -> None:
    engine.enqueue(RuntimeError("the model is gone"))
    with pytest.raises(RuntimeError, match="the model is gone"):
        ask(service, me, "hello")
    assert [(row.role, row.text) for row in rows()] == [("user", "hello")]


def test_the_answer_row_is_there_before_its_first_token(
    service: Service, me: Started, rows: Rows
) -> None:
    with closing(service.ask(me.rater, me.conversation, "hello")) as stream:  # type: ignore[type-var]
        first = next(stream)
        assert first.version == BASE_VERSION
        opened = rows()[-1]
        assert (opened.id, opened.text, opened.stop_reason) == (first.message, "", None)


def test_a_closed_page_keeps_the_text_so_far(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows
) -> None:
    engine.enqueue("one two three four")
    stream = service.ask(me.rater, me.conversation, "hello")
    for _ in range(3):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert (rows()[-1].text, rows()[-1].stop_reason) == ("one two", "closed")
    assert engine.active == 0


def test_stop_ends_the_stream_and_keeps_the_text(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows, kinds: Kinds
) -> None:
    engine.enqueue("one two three four")
    stream = service.ask(me.rater, me.conversation, "hello")
    for _ in range(3):
        next(stream)
    service.stop(me.rater, me.conversation)
    *_, final = stream
    assert final.done
    assert final.stop_reason == "stop"
    assert (rows()[-1].text, rows()[-1].stop_reason) == (final.text, "stop")
    assert final.text.startswith("one two")
    assert final.text != "one two three four"
    assert kinds() == ["stop"]
    assert engine.active == 0


def test_stop_without_a_stream_does_nothing(service: Service, me: Started, kinds: Kinds) -> None:
    service.stop(me.rater, me.conversation)
    assert kinds() == []


def test_an_engine_that_breaks_keeps_the_text_so_far(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows
) -> None:
    engine.enqueue(("half an", RuntimeError("out of memory")))
    with pytest.raises(RuntimeError, match="out of memory"):
        ask(service, me, "hello")
    assert (rows()[-1].text, rows()[-1].stop_reason) == ("half an", "error")
    assert ask(service, me, "again").text == "Echo: again"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", r"^The message is empty. Type something first.$"),
        (" \n\t", r"^The message is empty. Type something first.$"),
        ("\x00", r"^The message is empty. Type something first.$"),
        ("x" * 100_000, r"^The message has 100,000 characters; the limit is 8,000. .+$"),
        (None, r"^The message is not text.$"),
    ],
)
def test_a_message_that_cannot_be_taken_is_refused_and_nothing_is_stored(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows, text: str, line: str
) -> None:
    with pytest.raises(ValueError, match=line):
        ask(service, me, text)
    assert rows() == []
    assert engine.asked == []


def test_odd_characters_are_stored_as_well_as_can_be(
    service: Service, me: Started, rows: Rows
) -> None:
    ask(service, me, "a\x00b \ud83e 🦊")
    assert rows()[0].text == "ab ? 🦊"


def test_a_busy_engine_loses_no_question_and_copies_none(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows
) -> None:
    engine.enqueue(EngineBusy("Too many people."), EngineBusy("Too many people."))
    for _ in range(2):
        with pytest.raises(EngineBusy):
            ask(service, me, "hello")
    question = rows()[0]
    assert ask(service, me, "hello").text == "Echo: hello"
    assert [row.role for row in rows()] == ["user", "assistant"]
    assert rows()[1].parent_id == question.id


def test_a_question_in_memory_is_taken_back_where_a_busy_engine_gives_no_answer(
    service: Service, me: Started, engine: ScriptedEngine
) -> None:
    service.agree(me.rater, Agreed(store=False, train=False, publish=False))
    anew = service.start(me.token)
    ask(service, anew, "hello")
    engine.enqueue(EngineBusy("Too many people."), EngineBusy("Too many people."))
    for _ in range(2):
        with pytest.raises(EngineBusy):
            ask(service, anew, "What is rain?")
    assert len(service.show(me.rater, anew.conversation)) == 2
    ask(service, anew, "What is rain?")
    assert [turn["content"] for turn in engine.asked[-1]] == [
        "hello",
        "Echo: hello",
        "What is rain?",
    ]


def test_an_unanswered_question_can_be_answered_by_its_id(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows, kinds: Kinds
) -> None:
    engine.enqueue(EngineBusy("Too many people."))
    with pytest.raises(EngineBusy):
        ask(service, me, "hello")
    *_, final = service.regenerate(me.rater, rows()[0].id)
    assert final.text == "Echo: hello"
    assert kinds() == []


def test_a_second_question_waits_for_the_first_answer(
    service: Service, me: Started, rows: Rows
) -> None:
    stream = service.ask(me.rater, me.conversation, "one")
    next(stream)
    with pytest.raises(StillAnswering, match=r"press Stop\.$"):
        ask(service, me, "two")
    list(stream)
    assert ask(service, me, "two").text == "Echo: two"
    assert [row.text for row in rows()] == ["one", "Echo: one", "two", "Echo: two"]


class AheadEngine(ScriptedEngine):
    """Is done before its reader looks, as an engine with a thread of its own may be."""

    def stream(
        self, turns: list[Turn], sampling: Sampling, seed: int, *, beside: bool = False
    ) -> Iterator[Reply]:
        *_, reply = super().stream(turns, sampling, seed, beside=beside)
        yield reply


def test_a_page_that_vanished_does_not_block_its_conversation(
    database: Database, settings: Settings, rows: Rows
) -> None:
    service = Service(database, AheadEngine(), settings, train_after=16)
    me = service.start()
    vanished = service.ask(me.rater, me.conversation, "one")
    next(vanished)
    assert ask(service, me, "two").text == "Echo: two"
    vanished.close()  # type: ignore[attr-defined]
    assert [row.text for row in rows()] == ["one", "Echo: one", "two", "Echo: two"]
    assert [row.stop_reason for row in rows()] == [None, "eos", None, "eos"]


def test_the_model_sees_the_conversation_as_the_person_does(
    service: Service, me: Started, engine: ScriptedEngine
) -> None:
    first = ask(service, me, "one")
    service.opinions.edit(me.rater, first.message, "better")
    ask(service, me, "two")
    assert engine.asked[-1] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "better"},
        {"role": "user", "content": "two"},
    ]


def test_many_people_at_once_each_get_their_own_answer(
    service: Service, engine: ScriptedEngine
) -> None:
    engine.delay = 0.001
    finals: dict[int, Draft] = {}

    def talk(number: int) -> None:
        who = service.start()
        for turn in range(3):
            finals[number * 10 + turn] = ask(service, who, f"{number} {turn}")

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: f.text for n, f in finals.items()} == {
        n * 10 + t: f"Echo: {n} {t}" for n in range(8) for t in range(3)
    }


# Who


def test_a_token_keeps_its_rater_and_opens_a_new_conversation(
    service: Service, me: Started
) -> None:
    again = service.start(me.token)
    assert again.rater == me.rater == service.rater(again.token)
    assert again.conversation != me.conversation


def test_a_bad_token_starts_nothing(service: Service) -> None:
    with pytest.raises(
        BadToken,
        match=r"^This token is not valid\. Reload the page, or call /start for a new one\.$",
    ):
        service.start("forged.token")


def test_a_token_of_a_rater_who_is_gone_is_bad(service: Service) -> None:
    with pytest.raises(BadToken):
        service.rater(service.identity.sign_rater("0" * 32))


def test_resume_finds_the_latest_conversation_with_messages(service: Service, me: Started) -> None:
    assert service.resume(me.rater) is None
    ask(service, me, "hello")
    service.start(me.token)
    assert service.resume(me.rater) == me.conversation


def test_nobody_reaches_anyone_elses_chat(
    service: Service, me: Started, stranger: Started, rows: Rows, kinds: Kinds
) -> None:
    answer = ask(service, me, "mine").message
    *_, final = service.regenerate(me.rater, answer)
    before, signals = len(rows()), kinds()
    them = stranger.rater
    attempts: list[Callable[[], object]] = [
        lambda: list(service.ask(them, me.conversation, "hello")),
        lambda: list(service.compare(them, me.conversation, "hello")),
        lambda: list(service.regenerate(them, answer)),
        lambda: service.stop(them, me.conversation),
        lambda: service.undo(them, me.conversation),
        lambda: service.show(them, me.conversation),
        lambda: service.pick_draft(them, answer),
        lambda: service.opinions.rate(them, answer, 1),
        lambda: service.opinions.edit(them, answer, "forged"),
        lambda: service.opinions.choose(them, answer, final.message, "better"),
    ]
    for attempt in attempts:
        with pytest.raises(NotYours):
            attempt()
    assert len(rows()) == before
    assert kinds() == signals
    assert service.loop.status()["feedback"]["total"] == 0

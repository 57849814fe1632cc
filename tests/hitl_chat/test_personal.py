"""A person and their own data, through the service: agreed to, taken along, erased, not stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hitl_chat.identity import BadToken
from hitl_chat.service import NotYours, Service, Started
from storage import transcripts
from storage.consent import Agreed
from storage.database import Database
from storage.home import Home
from tests.conftest import on_sqlite
from tests.hitl_chat.visits import Rows, ask
from tests.scripted import ScriptedEngine
from tests.storage.test_privacy import holding

SECRET = "numbat-55d1"
NOTHING = Agreed(store=False, train=False, publish=False)


@contextmanager
def unwritable(database: Database, mode: str) -> Iterator[None]:
    """Let the database take nothing, as SQLite says it of a disk that is full or read-only."""

    raw: Any = database.write(lambda s: s.connection().connection.dbapi_connection)
    full = mode == "full"
    raw.execute(
        f"PRAGMA {'max_page_count=1' if full else 'query_only=ON'}"
    )  # 1: as many as there are
    try:
        yield
    finally:
        raw.execute(f"PRAGMA {'max_page_count=1000000' if full else 'query_only=OFF'}")


def test_someone_sees_what_is_stored_of_them(service: Service, me: Started) -> None:
    message = ask(service, me, "hello").message
    service.opinions.rate(me.rater, message, 1)
    told = service.personal.tell(me.rater)
    assert told["agreed"] == {"store": True, "train": True, "publish": False}
    assert told["stored"] == {"conversations": 1, "messages": 2, "feedback": 1}
    assert told["learned"] == []
    texts = [row["text"] for row in service.personal.everything(me.rater)["messages"]]
    assert texts == ["hello", "Echo: hello"]


def test_an_erased_persons_token_is_worth_nothing_and_nobody_else_is_touched(
    service: Service, me: Started, stranger: Started, rows: Rows, home: Home
) -> None:
    ask(service, me, SECRET)
    ask(service, stranger, "I stay")
    assert service.erase(me.rater) == {"learned": []}
    with pytest.raises(BadToken):
        service.rater(me.token)
    assert [row.text for row in rows()] == ["I stay", "Echo: I stay"]
    assert holding(home, SECRET) == []


def test_erasing_ends_the_answer_that_is_being_written(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows
) -> None:
    engine.enqueue("one two three four")
    stream = service.ask(me.rater, me.conversation, "hello")
    next(stream)
    service.erase(me.rater)
    assert list(stream)[-1].done
    assert engine.active == 0
    assert rows() == []


def test_who_takes_storing_back_is_erased_and_answered_all_the_same(
    service: Service, me: Started, engine: ScriptedEngine, rows: Rows, home: Home
) -> None:
    ask(service, me, SECRET)
    assert service.agree(me.rater, NOTHING)["stored"] == {}
    assert holding(home, SECRET) == []
    anew = service.start(me.token)
    assert anew.rater == me.rater
    for question in (SECRET, "and now?"):
        draft = ask(service, anew, question)
        assert (draft.text, draft.done, draft.stored) == (f"Echo: {question}", True, False)
    assert [turn["content"] for turn in engine.asked[-1]] == [SECRET, f"Echo: {SECRET}", "and now?"]
    shown = service.show(me.rater, anew.conversation)
    assert [row.text for row in shown][-1] == "Echo: and now?"
    with pytest.raises(NotYours):
        service.opinions.rate(me.rater, shown[-1].message, 1)
    assert rows() == []
    assert holding(home, SECRET) == []
    assert service.undo(me.rater, anew.conversation) == "and now?"
    assert len(service.show(me.rater, anew.conversation)) == 2


def test_what_is_in_memory_is_nobody_elses(
    service: Service, me: Started, stranger: Started
) -> None:
    service.agree(me.rater, NOTHING)
    anew = service.start(me.token)
    ask(service, anew, SECRET)
    with pytest.raises(NotYours):
        service.show(stranger.rater, anew.conversation)
    with pytest.raises(NotYours):
        list(service.ask(stranger.rater, anew.conversation, "Hi"))


def test_who_agrees_again_is_stored_again(service: Service, me: Started, rows: Rows) -> None:
    service.agree(me.rater, NOTHING)
    service.agree(me.rater, Agreed())
    ask(service, service.start(me.token), "hello")
    assert [row.text for row in rows()] == ["hello", "Echo: hello"]


def test_anything_but_yes_and_no_is_refused(service: Service, me: Started) -> None:
    with pytest.raises(ValueError, match="must be true or false"):
        service.agree(me.rater, Agreed(store=True, train="no", publish=False))  # type: ignore[arg-type]


def test_training_reads_nothing_of_who_takes_it_back(
    service: Service, me: Started, database: Database
) -> None:
    service.opinions.rate(me.rater, ask(service, me, "hello").message, 1)
    service.agree(me.rater, Agreed(train=False))
    with database.read() as session:
        assert list(transcripts.read_noted(session)) == []
    assert service.loop.status()["feedback"] == {"total": 1, "waiting": 0}


@on_sqlite
def test_who_takes_storing_back_and_can_not_be_erased_is_stored_as_before(
    service: Service, me: Started, database: Database, rows: Rows
) -> None:
    ask(service, me, "hello")
    stuck = "CREATE TRIGGER stuck BEFORE DELETE ON messages BEGIN SELECT RAISE(ABORT, 'stuck'); END"
    database.write(lambda s: s.execute(text(stuck)).close())
    with pytest.raises(IntegrityError, match="stuck"):
        service.agree(me.rater, NOTHING)
    assert service.personal.tell(me.rater)["agreed"]["store"]
    assert len(rows()) == 2


@on_sqlite
@pytest.mark.parametrize("agreed", [NOTHING, Agreed(train=False)])
def test_who_came_while_nothing_could_be_stored_may_agree_all_the_same(
    service: Service, database: Database, agreed: Agreed
) -> None:
    with unwritable(database, "read-only"):
        visitor = service.start()
    told = service.agree(visitor.rater, agreed)["agreed"]
    assert (told["store"], told["train"]) == (agreed.store, agreed.train)


@on_sqlite
@pytest.mark.parametrize("mode", ["full", "read-only"])
def test_on_a_disk_that_takes_nothing_answers_stream_on_and_say_so(
    service: Service, me: Started, database: Database, rows: Rows, mode: str
) -> None:
    ask(service, me, "before")
    with unwritable(database, mode):
        draft = ask(service, me, "x" * 7_000)
        assert (draft.done, draft.stored) == (True, False)
        assert draft.text.startswith("Echo: xxx")
        visitor = service.start()
        assert service.rater(visitor.token) == visitor.rater
        assert not ask(service, visitor, "x" * 7_000).stored
        shown = service.show(me.rater, me.conversation)
        assert [row.stored for row in shown] == [True, True, False, False]
    assert [row.text for row in rows()] == ["before", "Echo: before"]
    anew = service.start(me.token)
    assert ask(service, anew, "after").stored
    came_back = service.start(visitor.token)
    assert ask(service, came_back, "after").stored

import pytest
from sqlalchemy import select

from hitl_chat.identity import BadToken
from hitl_chat.service import Service, Started
from storage.database import Database
from storage.models import Message, Signal, now
from tests.hitl_chat.visits import Kinds, Rows, ask


def test_a_rating_shows_until_it_is_taken_back(service: Service, me: Started) -> None:
    answer = ask(service, me, "hello")
    service.opinions.rate(me.rater, answer.message, -1, ["Too long"], "half of it would do")
    assert service.show(me.rater, me.conversation)[-1].rating == -1
    service.opinions.rate(me.rater, answer.message, 0)
    assert service.show(me.rater, me.conversation)[-1].rating == 0


def test_what_was_said_beside_thumb_and_edit_shows_until_it_is_taken_back(
    service: Service, me: Started
) -> None:
    answer = ask(service, me, "hello")
    assert service.show(me.rater, me.conversation)[-1].said == {}
    service.opinions.rate(me.rater, answer.message, -1, ["Too long"], "half of it would do")
    service.opinions.score(me.rater, answer.message, "dialogue-1", {"natural": 4})
    why = {"reasons": ["Too long"], "comment": "half of it would do"}
    scored = {"guideline": "dialogue-1", "scores": {"natural": 4}}
    assert service.show(me.rater, me.conversation)[-1].said == why | scored
    service.opinions.rate(me.rater, answer.message, 0)
    assert service.show(me.rater, me.conversation)[-1].said == scored
    service.opinions.score(me.rater, answer.message, "dialogue-1", {})
    assert service.show(me.rater, me.conversation)[-1].said == {}


def test_an_edit_is_what_the_page_shows(service: Service, me: Started, rows: Rows) -> None:
    answer = ask(service, me, "hello")
    service.opinions.edit(me.rater, answer.message, "good day")
    shown = service.show(me.rater, me.conversation)[-1]
    assert (shown.text, shown.edited) == ("good day", True)
    assert rows()[-1].text == "Echo: hello"
    with pytest.raises(ValueError, match=r"^The edited answer is empty"):
        service.opinions.edit(me.rater, answer.message, " ")


def beacon(service: Service, who: Started, message: str, seq: int = 1) -> dict[str, object]:
    return {
        "token": service.opinions.page_token(who.rater),
        "seq": seq,
        "dwell": {message: 10**9},
        "events": [{"k": "copy_btn", "mid": message}],
    }


def test_a_beacon_counts_once_and_no_longer_than_its_message_exists(
    service: Service, me: Started, database: Database
) -> None:
    body = beacon(service, me, ask(service, me, "hello").message)
    service.opinions.take_beacon(body)
    service.opinions.take_beacon(body)
    with database.read() as session:
        dwell, copy = session.scalars(select(Signal).order_by(Signal.id))
    assert (dwell.kind, copy.kind) == ("dwell_ms", "copy")
    assert dwell.amount is not None
    assert 0 <= dwell.amount < 60_000


def test_a_beacon_about_someone_elses_message_stores_nothing(
    service: Service, me: Started, stranger: Started, kinds: Kinds
) -> None:
    service.opinions.take_beacon(beacon(service, stranger, ask(service, me, "hello").message))
    assert kinds() == []


def test_a_rater_token_is_no_page_token(service: Service, me: Started) -> None:
    with pytest.raises(BadToken):
        service.opinions.take_beacon({"token": me.token, "seq": 1})


def test_more_beacons_are_no_more_time(service: Service, me: Started, database: Database) -> None:
    message = ask(service, me, "hello").message
    for seq in range(5):
        service.opinions.take_beacon(beacon(service, me, message, seq))
    with database.read() as session:
        dwell = [s.amount or 0 for s in session.scalars(select(Signal)) if s.kind == "dwell_ms"]
        made = session.get_one(Message, message).created_at
    assert sum(dwell) <= (now() - made).total_seconds() * 1000


def test_a_beacon_about_ones_own_question_stores_nothing(
    service: Service, me: Started, kinds: Kinds
) -> None:
    ask(service, me, "hello")
    question = service.show(me.rater, me.conversation)[0].message
    service.opinions.take_beacon(beacon(service, me, question))
    assert kinds() == []


def test_the_next_message_says_what_it_means_for_the_answer_above(
    service: Service, me: Started, database: Database
) -> None:
    first = ask(service, me, "why is the sky blue").message
    second = ask(service, me, "why exactly is the sky blue").message
    third = ask(service, me, "thanks").message
    ask(service, me, "no, that's wrong")
    with database.read() as session:
        found = [(s.message_id, s.kind) for s in session.scalars(select(Signal)) if s.kind]
    assert found == [
        (first, "follow_up"),
        (first, "rephrase"),
        (second, "follow_up"),
        (second, "thank"),
        (third, "follow_up"),
        (third, "complain"),
    ]


def test_an_undone_question_that_is_sent_again_in_other_words_is_noted_on_its_answer(
    service: Service, me: Started, database: Database
) -> None:
    first = ask(service, me, "why is the sky blue").message
    service.undo(me.rater, me.conversation)
    ask(service, me, "why is the sky so blue")
    service.undo(me.rater, me.conversation)
    ask(service, me, "something else entirely")
    with database.read() as session:
        again = [s.message_id for s in session.scalars(select(Signal)) if s.kind == "resend"]
    assert again == [first]


def test_how_much_came_into_view_is_stored_when_it_grew(
    service: Service, me: Started, database: Database
) -> None:
    message = ask(service, me, "hello").message
    token = service.opinions.page_token(me.rater)
    for seq, share in enumerate([0.4, 0.4, 0.3, 1.0, 1.0]):
        body = {"token": token, "seq": seq, "reach": {message: share}}
        service.opinions.take_beacon(body)
    with database.read() as session:
        assert [s.amount for s in session.scalars(select(Signal))] == [0.4, 1.0]

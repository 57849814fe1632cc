import pytest

from storage import conversations
from storage.conversations import NotYours
from storage.database import Database
from storage.models import Message
from tests.storage.people import Person


def seen(database: Database, person: Person) -> list[str]:
    """The texts that the person's page shows."""
    with database.read() as s:
        conversation = conversations.owned(s, person.id, person.conversation.id)
        return [message.text for message in conversations.branch(s, conversation)]


def test_a_conversation_shows_its_turns_in_order(database: Database, person: Person) -> None:
    person.ask("One?", "1")
    person.ask("Two?", "2")
    assert seen(database, person) == ["One?", "1", "Two?", "2"]


def test_a_new_draft_is_shown_and_the_old_one_is_kept(database: Database, person: Person) -> None:
    first, second = person.ask("Hi", "Hello", "Good day")
    assert seen(database, person) == ["Hi", "Good day"]
    with database.read() as s:
        ids = [draft.id for draft in conversations.drafts(s, first)]
    assert ids == [first.id, second.id]


def test_the_first_questions_of_two_conversations_are_no_drafts_of_each_other(
    database: Database, person: Person
) -> None:
    question = person.say("Hi")
    Person(database).say("Hi")
    with database.read() as s:
        assert [draft.id for draft in conversations.drafts(s, question)] == [question.id]


def test_moving_the_head_picks_another_branch_and_loses_none(
    database: Database, person: Person
) -> None:
    first, _second = person.ask("Hi", "Hello", "Good day")
    person.say("Bye")
    database.write(lambda s: conversations.set_head(s, person.conversation, first.id))
    assert seen(database, person) == ["Hi", "Hello"]
    person.say("And now?")
    assert seen(database, person) == ["Hi", "Hello", "And now?"]
    database.write(lambda s: conversations.set_head(s, person.conversation, None))
    assert seen(database, person) == []
    with database.read() as s:
        assert s.query(Message).count() == 5


def test_the_path_to_a_message_ends_with_it(database: Database, person: Person) -> None:
    first, _second = person.ask("Hi", "Hello", "Good day")
    person.say("Bye")
    with database.read() as s:
        assert [message.text for message in conversations.path(s, first)] == ["Hi", "Hello"]


def test_an_answer_has_a_row_from_its_first_moment_and_keeps_how_it_was_made(
    database: Database, person: Person
) -> None:
    question = person.say("Hi")
    opened = person.answer(question, "", close=False, version="v000001-abcd")
    assert (opened.text, opened.stop_reason) == ("", None)
    answer = person.answer(question, "Hello", version="v000001-abcd")
    with database.read() as s:
        kept = conversations.owned_message(s, person.id, answer.id)
    assert (kept.version, kept.base, kept.engine) == ("v000001-abcd", "tiny", "none")
    assert (kept.sampling, kept.seed, kept.stop_reason) == ({"temperature": 0.7}, 7, "eos")
    assert (kept.prompt_tokens, kept.completion_tokens) == (3, 4)
    assert (kept.first_token_ms, kept.duration_ms) == (5.0, 6.5)


def test_answers_that_a_crash_left_open_are_closed_once(database: Database, person: Person) -> None:
    question = person.say("Hi")
    person.answer(question, "Hello")
    person.answer(question, "", close=False)
    assert database.write(conversations.close_abandoned) == 1
    assert database.write(conversations.close_abandoned) == 0


def test_the_latest_conversation_is_the_one_talked_in_last(
    database: Database, person: Person
) -> None:
    def latest() -> str | None:
        with database.read() as s:
            found = conversations.latest(s, person.id)
            return found.id if found else None

    assert latest() is None
    person.say("Hi")
    first = person.conversation
    person.conversation = database.write(lambda s: conversations.start(s, person.id))
    assert latest() == first.id  # the new one is empty
    person.say("Hi again")
    assert latest() == person.conversation.id
    database.write(lambda s: conversations.say(s, first, "Back here"))
    assert latest() == first.id


def test_a_rater_is_known_by_the_exact_id(database: Database, person: Person) -> None:
    with database.read() as s:
        assert conversations.has_rater(s, person.id)
        assert not conversations.has_rater(s, "0" * 32)


def test_someone_elses_ids_are_refused_as_if_they_did_not_exist(
    database: Database, person: Person
) -> None:
    stranger = Person(database)
    answer = person.ask("Hi", "Hello")[0]
    with database.read() as s:
        with pytest.raises(NotYours, match=r"^No such message\.$"):
            conversations.owned_message(s, stranger.id, answer.id)
        with pytest.raises(NotYours, match=r"^No such conversation\.$"):
            conversations.owned(s, stranger.id, person.conversation.id)
    with pytest.raises(NotYours, match=r"^No such message\.$"):
        database.write(lambda s: conversations.set_head(s, stranger.conversation, answer.id))


@pytest.mark.parametrize(
    "bad", ["", "0" * 32, "x", "\ud800", "' OR 1=1 --", "0" * 100_000, None, 7, ["a"], {"a": 1}]
)
def test_an_id_that_is_none_finds_nothing(database: Database, person: Person, bad: str) -> None:
    with database.read() as s:
        with pytest.raises(NotYours, match=r"^No such message\.$"):
            conversations.owned_message(s, person.id, bad)
        with pytest.raises(NotYours, match=r"^No such conversation\.$"):
            conversations.owned(s, person.id, bad)
        assert not conversations.has_rater(s, bad)

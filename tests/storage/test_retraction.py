from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from storage import consent, cycles, feedback, privacy, retraction, reviews
from storage.consent import Agreed
from storage.database import Database
from storage.home import Home
from storage.models import Cycle, Message
from tests.storage.people import Person


@pytest.fixture
def answer(person: Person) -> Message:
    """Rated before the cycle begins."""
    (answer,) = person.ask("Why?", "Because.")
    person.rate(answer, 1)
    return answer


@pytest.fixture
def begun(database: Database, answer: Message) -> Cycle:
    return database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)))


def told(database: Database, cycle: Cycle) -> str | None:
    with database.read() as session:
        return retraction.since(session, cycle)


def test_nothing_speaks_against_a_cycle_in_which_nobody_changed_their_mind(
    database: Database, person: Person, answer: Message, begun: Cycle
) -> None:
    person.rate(answer, -1)  # what was said later waits for the next cycle
    database.write(lambda s: consent.give(s, person.id, Agreed(publish=True)))
    assert told(database, begun) is None


def test_an_erased_person_speaks_against_it(
    database: Database, home: Home, person: Person, begun: Cycle
) -> None:
    privacy.erase(database, home, person.id)
    assert told(database, begun) == "Somebody it learned from was erased meanwhile."


@pytest.mark.parametrize("agreed", [None, Agreed(store=False)])
@pytest.mark.parametrize("ahead", [-60, 60])
def test_an_erased_person_speaks_against_it_whatever_the_trainers_clock_says(
    database: Database, home: Home, person: Person, begun: Cycle, ahead: int, agreed: Agreed | None
) -> None:
    def shift(s: Session) -> Cycle:
        cycle = s.get_one(Cycle, begun.id)
        cycle.started_at += timedelta(seconds=ahead)
        return cycle

    shifted = database.write(shift)
    privacy.erase(database, home, person.id, agreed=agreed)
    assert told(database, shifted) == "Somebody it learned from was erased meanwhile."


def test_a_person_who_does_not_want_to_be_stored_speaks_against_it(
    database: Database, home: Home, person: Person, begun: Cycle
) -> None:
    privacy.erase(database, home, person.id, agreed=Agreed(store=False))
    assert told(database, begun) == "Somebody it learned from was erased meanwhile."


def test_a_person_who_takes_training_back_speaks_against_it(
    database: Database, person: Person, begun: Cycle
) -> None:
    database.write(lambda s: consent.give(s, person.id, Agreed(train=False)))
    assert told(database, begun) == "Somebody it learned from doesn't agree to that any more."
    database.write(lambda s: consent.give(s, person.id, Agreed()))
    assert told(database, begun) is None


def test_an_excluded_answer_speaks_against_it_until_it_is_restored(
    database: Database, answer: Message, begun: Cycle
) -> None:
    database.write(lambda s: reviews.exclude(s, answer.id, "spam"))
    assert told(database, begun) == "An answer that it learned from was excluded meanwhile."
    database.write(lambda s: reviews.restore(s, answer.id))
    assert told(database, begun) is None


def test_an_excluded_draft_of_a_choice_speaks_against_it(
    database: Database, person: Person
) -> None:
    one, other = person.ask("Why?", "So.", "Because.")
    person.choose(one, other)
    begun = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)))
    database.write(lambda s: reviews.exclude(s, other.id, "spam"))
    assert told(database, begun)


@pytest.mark.parametrize("spoke", ["later", "never", "unasked"])
def test_whom_the_cycle_did_not_read_does_not_matter(
    database: Database, home: Home, begun: Cycle, spoke: str
) -> None:
    stranger = Person(database)
    (answer,) = stranger.ask("Why?", "Because.")
    if spoke == "later":
        stranger.rate(answer, 1)

    def leave(s: Session) -> None:
        reviews.exclude(s, answer.id, "spam")
        consent.give(s, stranger.id, Agreed(train=False))

    database.write(leave)
    if spoke != "unasked":
        privacy.erase(database, home, stranger.id)
    assert told(database, begun) is None


def test_an_answer_of_which_only_signals_were_read_speaks_against_it_too(
    database: Database, person: Person
) -> None:
    (answer,) = person.ask("Why?", "Because.")
    database.write(lambda s: feedback.signal(s, person.id, answer.id, "copy", 3.0))
    begun = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)))
    database.write(lambda s: reviews.exclude(s, answer.id, "spam"))
    assert told(database, begun)

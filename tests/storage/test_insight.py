from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import update
from sqlalchemy.orm import Session

from storage import insight, reviews
from storage.database import Database
from storage.insight import Agreement, Day, Liking, Rating
from storage.models import Feedback
from tests.storage.people import Person

SCORED = ("dialogue-1", {"natural": 5})
TODAY = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


def test_days_count_what_was_said_and_the_newest_rating(database: Database, person: Person) -> None:
    first, second = person.ask("Hi", "Hello", "Hey")
    earlier = [person.rate(first, -1), person.edit(first, "Howdy")]
    person.rate(first, 1)
    person.choose(second, first)
    person.score(first, *SCORED)
    person.rate(second, -1)
    person.rate(second, 0)

    def date(s: Session) -> None:
        s.execute(update(Feedback).values(created_at=TODAY))
        yesterday = TODAY - timedelta(hours=1)
        s.execute(update(Feedback).where(Feedback.id.in_(earlier)).values(created_at=yesterday))

    database.write(date)
    with database.read() as session:
        found = insight.days(session, 10)
        assert found == [Day("2026-03-01", 0, 0, 1, 0, 0), Day("2026-03-02", 1, 0, 0, 1, 1)]
        assert insight.days(session, 1) == found[1:]


def test_each_version_has_its_answers_and_how_they_were_liked(
    database: Database, person: Person
) -> None:
    question = person.say("Hi")
    answers = [person.answer(question, f"Hello {i}", version="v1") for i in range(4)]
    person.answer(question, "Hello")
    for answer, value in zip(answers, (1, 1, -1, 1), strict=True):
        person.rate(answer, value)
    person.rate(answers[0], 0)
    database.write(lambda s: reviews.exclude(s, answers[3].id, "spam"))
    with database.read() as session:
        found = {one.version: one for one in insight.likings(session)}
    assert found == {"v1": Liking("v1", 4, 2, 1), "base": Liking("base", 1, 0, 0)}


def test_raters_stand_by_how_much_they_rated(database: Database, person: Person) -> None:
    answers = [person.ask("Hi", f"Hello {i}")[0] for i in range(3)]
    for answer in answers:
        person.rate(answer, 1)
    person.rate(answers[2], -1)
    other = Person(database)
    other.rate(other.ask("Hi", "Hello")[0], 1)
    with database.read() as session:
        assert insight.raters(session, 1) == [Rating(person.id, 3, 2, 1)]
        assert insight.raters(session, 5)[1] == Rating(other.id, 1, 1, 0)


def test_raters_are_held_against_the_owners_ratings(database: Database, person: Person) -> None:
    answers = [person.ask("Hi", f"Hello {i}")[0] for i in range(4)]
    for answer in answers:
        person.rate(answer, 1)
    person.rate(answers[3], 0)
    for answer, own in zip(answers, (1, -1, 1, 1), strict=True):
        database.write(partial(reviews.judge, message_id=answer.id, value=own))
    database.write(lambda s: reviews.judge(s, answers[2].id, 0))
    with database.read() as session:
        found = sorted(insight.agreements(session), key=lambda one: one.own)
    assert found == [Agreement(person.id, -1, 1, 1), Agreement(person.id, 1, 1, 1)]
    database.write(lambda s: reviews.exclude(s, answers[0].id, "spam"))
    with database.read() as session:
        assert insight.agreements(session) == found[:1]

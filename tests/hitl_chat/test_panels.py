from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from hitl_chat import panels, tables
from storage import adapters, cycles, reviews
from storage.database import Database
from storage.insight import Agreement
from storage.models import Feedback
from tests.storage.people import Person

EVIL = "<script>alert(1)</script>"
BINS = [{"ratings": 10, "foretold": 0.3, "liked": 0.2}]
IMPLICIT = {
    "auc": 0.7, "low": 0.6, "high": 0.8, "likes": 9, "dislikes": 9, "trusted": True, "bins": BINS,
}  # fmt: skip
SLICES = {"length": [{"name": EVIL, "answers": 9, "score": 0.5, "liked": 3}]}
REWARD = {"auc": 0.9, "accuracy": None, "calibration": {"bins": BINS}, "slices": SLICES}


def trained(s: Session, history: list[dict[str, float]], stopped: str = EVIL) -> int:
    cycle = cycles.open_cycle(s, 0)
    ppo = {"history": history, "stopped": stopped}
    cycles.close(
        s, cycle.id, "refused", reward=REWARD, ppo=ppo, counts={"implicit": IMPLICIT}, error=EVIL
    )
    return cycle.id


@pytest.fixture
def rated(database: Database) -> Person:
    """Someone whose two answers by a version are rated, one of them on another day."""
    person = Person(database)
    question = person.say("Hi")
    for place, value in enumerate((1, -1)):
        answer = person.answer(question, f"Hello {place}", version=EVIL)
        person.rate(answer, value)

    def date(s: Session) -> None:
        s.execute(update(Feedback).values(created_at=datetime(2026, 3, 4, tzinfo=UTC)))
        first = update(Feedback).where(Feedback.value > 0)
        s.execute(first.values(created_at=datetime(2026, 3, 1, tzinfo=UTC)))

    database.write(date)
    return person


def test_an_empty_database_has_all_panels(database: Database) -> None:
    with database.read() as session:
        assert "Nothing yet." in panels.liking(session)
        assert "base" in panels.versions(session)
        assert "no training has seen any yet" in panels.training(session)
        assert "No cycle has practised yet" in panels.curves(session, None)
        assert "You and people rated 0 answers both" in panels.raters(session)
        assert "No cycle has held scores" in panels.bias(session)


def test_nothing_leaves_unescaped(database: Database, rated: Person) -> None:
    database.write(lambda s: trained(s, [{"score": 0.5}]))
    database.write(lambda s: adapters.add(s, EVIL, EVIL, EVIL, None))
    with database.read() as session:
        pages = [
            panels.liking(session),
            panels.versions(session),
            panels.training(session),
            panels.curves(session, None),
            panels.bias(session),
        ]
    assert all("<script" not in page for page in pages)
    assert all("&lt;script" in page for page in pages)


def test_days_without_feedback_are_shown_too(database: Database, rated: Person) -> None:
    with database.read() as session:
        shown = panels.liking(session)
    days = [f"2026-03-0{day}" for day in (4, 3, 2, 1)]
    places = [shown.rindex(day) for day in days]
    assert places == sorted(places)
    assert "50% (12% to 88%) of 2" in shown


def test_the_chosen_cycles_curves_stand_before_the_earlier_ones(database: Database) -> None:
    first = database.write(lambda s: trained(s, [{"score": 0.25, "kl": 0.1}], "first"))
    second = database.write(lambda s: trained(s, [{"score": 0.5}, {"score": 0.75}], "second"))
    with database.read() as session:
        assert panels.practised(session) == [second, first]
        newest, chosen = panels.curves(session, None), panels.curves(session, first)
    assert f"Cycle {second} ended its update with: second. Faint: the 1 before it." in newest
    assert "0.75" in newest
    assert f"Cycle {first} ended its update with: first.</p>" in chosen
    assert "0.75" not in chosen


def test_exams_tell_which_bounds_a_candidate_left() -> None:
    out = {"score": 0.75, "missed": [EVIL, "Repetition changed by +0.20; at most +0.1."]}
    within = {"score": 0.5, "missed": []}
    shown = tables.exams({"tilting": [[0.1]], "exams": [out, within, None]})
    assert EVIL not in shown
    rows = [row.split("</td>") for row in shown.split('<tr role="row">')[2:]]
    assert [cell.rpartition(">")[2] for cell in rows[0][:2]] == ["tilt", "0.75"]
    assert "alert(1)" in rows[0][2]
    assert "at most +0.1" in rows[0][2]
    assert [cell.rpartition(">")[2] for cell in rows[1][:3]] == ["practice", "0.5", "within bounds"]
    assert len(rows) == 2
    assert tables.exams({}) == ""


def test_what_trl_reports_is_drawn_under_its_own_names(database: Database) -> None:
    history = [{"step": 1, "loss": 0.5, "rewards/margins": 0.25}]
    database.write(lambda s: trained(s, history))
    with database.read() as session:
        shown = panels.curves(session, None)
    assert "rewards/margins" in shown
    assert "Clip fraction" not in shown


def test_raters_agreement_is_told_only_from_enough_common_ratings(
    database: Database,
) -> None:
    person = Person(database)
    answers = [person.ask("Hi", f"Hello {place}")[0] for place in range(panels.ENOUGH_JUDGED)]
    for answer in answers:
        person.rate(answer, 1)
    for answer in answers[1:]:
        database.write(partial(reviews.judge, message_id=answer.id, value=1))
    with database.read() as session:
        assert "too few to tell (4)" in panels.raters(session)
    database.write(lambda s: reviews.judge(s, answers[0].id, -1))
    with database.read() as session:
        shown = panels.raters(session)
    assert "80% (44% to 95%) of 5" in shown
    assert person.id[:8] in shown


def test_agreement_beyond_chance_is_cohens_kappa() -> None:
    # 45 of 50 agree; you like 25 of them, they 24: half would agree by chance
    found = [(1, 1, 22), (1, -1, 3), (-1, 1, 2), (-1, -1, 23)]
    told = panels.agreement([Agreement("r", *one) for one in found])
    assert "of 50, kappa 0.80." in told
    assert "kappa" not in panels.agreement([Agreement("r", 1, 1, 9)])  # nothing to tell apart

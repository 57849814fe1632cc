from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import feedback
from storage.database import Database
from storage.models import Feedback
from tests.training.people import rate_answers
from training.config import TrainingConfig
from training.lessons import learnable, questions
from training.targets import Place, Prompt, Targets


def test_signals_that_foretell_no_thumb_change_nothing_that_is_learnt(database: Database) -> None:
    rate_answers(database, 60)
    with database.read() as session:
        plain, nothing = learnable(session, feedback.mark(session), feedback.last_signal(session))

    def look_at_all(session: Session) -> None:
        for row in session.scalars(select(Feedback)).all():
            feedback.signal(session, row.rater_id, row.message_id, "dwell_ms", 900.0)

    database.write(look_at_all)
    with database.read() as session:
        found, noted = learnable(session, feedback.mark(session), feedback.last_signal(session))
    assert found == plain
    assert nothing == {}
    assert noted["implicit"]["auc"] == 0.5


def test_what_was_said_after_the_mark_is_left_for_the_next_cycle(database: Database) -> None:
    rate_answers(database, 4)
    with database.read() as session:
        mark = feedback.mark(session)
    rate_answers(database, 3, seed=1)
    with database.read() as session:
        found, _ = learnable(session, mark, 0)
    assert len(found.said) == 4


def test_held_out_questions_come_again_until_there_are_enough() -> None:
    asked = [[{"role": "user", "content": text}] for text in ("why?", "how?")]
    heldout = Targets(prompts=[Prompt(turns, Place("c", "why?")) for turns in asked])
    found = questions(heldout, Targets(), TrainingConfig(gate_prompts=3))
    assert found == [asked[0], asked[1], asked[0]]

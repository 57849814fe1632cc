from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import feedback
from storage.database import Database
from storage.models import Feedback
from tests.training.people import rate_answers
from training.config import TrainingConfig
from training.everyday import QUESTIONS
from training.lessons import check_enough, learnable, questions
from training.prompts import Answer
from training.split import Split
from training.targets import Place, Prompt, Rated, Targets, TooLittle
from training.wins import FEWEST


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


def asked(number: int) -> Targets:
    return Targets(
        prompts=[
            Prompt([{"role": "user", "content": f"{i}?"}], Place(f"c{i}", f"q{i}"))
            for i in range(number)
        ]
    )


def test_held_out_questions_come_again_until_there_are_enough() -> None:
    sides = Split(Targets(), asked(2), [])
    found = [turns[0]["content"] for turns in questions(sides, TrainingConfig(gate_prompts=5))]
    assert sorted(found[:2]) == ["0?", "1?"]
    assert found[2:] == [found[0], found[1], found[0]]


def test_no_cycle_is_asked_what_all_others_were_where_there_are_more_questions() -> None:
    sides = Split(Targets(), asked(200), [])
    first, again, other = (
        [turns[0]["content"] for turns in questions(sides, TrainingConfig(seed=seed))]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert len(set(first)) == len(set(other)) == len(first)
    assert len(set(first) & set(other)) < len(first) / 2


def in_words(*said: str) -> Targets:
    return Targets(
        prompts=[
            Prompt([{"role": "user", "content": one}], Place(f"c{i}", f"q{i}"))
            for i, one in enumerate(said)
        ]
    )


def test_everyday_questions_make_up_for_few_that_are_held_out_and_none_is_practised() -> None:
    practised = QUESTIONS[:6]
    sides = Split(in_words(*practised), in_words("Who are you?", "What is rain?"), [])
    config = TrainingConfig(gate_prompts=24)
    found = Counter(turns[-1]["content"] for turns in questions(sides, config))
    assert len(found) == 12
    assert set(found.values()) == {2}
    assert {"Who are you?", "What is rain?"} < set(found)
    assert set(found) - {"Who are you?", "What is rain?"} < set(QUESTIONS) - set(practised)


def test_with_enough_of_their_own_people_are_asked_no_everyday_question() -> None:
    own = [f"What is {i}?" for i in range(12)]
    sides = Split(in_words("Who are you?"), in_words(*own), [])
    assert {turns[0]["content"] for turns in questions(sides, TrainingConfig())} == set(own)


def test_who_asks_in_another_language_is_asked_no_everyday_question() -> None:
    own = ["天为什么是蓝的?", "Wie hoch ist der Mont Blanc?", "Pourquoi pleut-il ?"]
    sides = Split(in_words("What is rain?"), in_words(*own), [])
    assert {turns[0]["content"] for turns in questions(sides, TrainingConfig())} == set(own)


def test_what_nothing_can_be_checked_by_is_too_little() -> None:
    one = Rated([], Answer("a"), 1.0, 1.0, Place("c", "q"), "rating")
    train = Targets([one, replace(one, target=0.0)], prompts=asked(2).prompts)
    config = TrainingConfig(min_labels=2)
    check_enough(Split(train, asked(FEWEST), []), config)
    with pytest.raises(TooLittle, match="2 questions to check by; 3 are needed"):
        check_enough(Split(train, asked(2), []), config)

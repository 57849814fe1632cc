import random

import pytest

from training.wins import FEWEST, lower_bound, student, surely_won, wins


def test_ties_count_half() -> None:
    assert wins([1.0, 0.5, 0.0], [0.0, 0.5, 1.0], [0, 1, 2]) == [1.0, 0.5, 0.0]


def test_an_answer_is_held_beside_all_to_its_question_and_none_to_others() -> None:
    won = wins([0.3, 0.9, 0.5, 0.1], [0.2, 0.0, 0.4, 0.2], [0, 1, 0, 1])
    assert won == [0.5, 1.0, 1.0, 0.5]


def test_a_share_of_few_is_less_sure_than_the_same_share_of_many() -> None:
    assert lower_bound(1.0, 10) == pytest.approx(10 / (10 + 1.645**2))
    assert lower_bound(0.7, 10) < 0.5 < lower_bound(0.7, 40) < 0.7
    assert lower_bound(0.0, 5) == pytest.approx(0.0)


@pytest.mark.parametrize(("freedom", "t"), [(2, 2.920), (3, 2.353), (5, 2.015), (47, 1.678)])
def test_student_s_t_is_what_tables_have(freedom: int, t: float) -> None:
    assert student(freedom) == pytest.approx(t, rel=0.013)


def test_of_fewer_than_three_questions_nothing_is_sure() -> None:
    assert surely_won([1.0] * 96, [i % (FEWEST - 1) for i in range(96)]) == 0.0
    assert surely_won([1.0] * 96, [i % FEWEST for i in range(96)]) > 0.0


def test_questions_that_agree_say_as_much_as_their_answers_beside_one_another() -> None:
    won = [1.0, 1.0, 1.0, 0.0] * 24
    assert surely_won(won, list(range(96))) == pytest.approx(lower_bound(0.75, 96), abs=0.01)
    alike = surely_won(won, [i // 4 for i in range(96)])
    assert alike == pytest.approx(lower_bound(0.75, 4 / 3 * 96), abs=0.01)


def test_questions_that_differ_say_as_much_as_their_number() -> None:
    won = [1.0] * 48 + [0.0] * 16
    assert surely_won(won, [i // 16 for i in range(64)]) < lower_bound(0.75, 4)


def test_all_won_is_as_sure_as_there_are_questions() -> None:
    assert surely_won([1.0] * 96, [i % 10 for i in range(96)]) < lower_bound(1.0, 10)


@pytest.mark.parametrize("differ", [0.0, 0.6])
@pytest.mark.parametrize("questions", [3, 6, 12, 48])
def test_no_better_candidate_is_surely_better_once_in_twenty_times(
    questions: int, differ: float
) -> None:
    chance, found, trials = random.Random(0), 0, 1_000
    asked = [i % questions for i in range(96)]
    for _ in range(trials):
        gains = [chance.gauss(0, differ) for _ in range(questions)]
        candidate = [chance.gauss(gains[q], 1) for q in asked]
        served = [chance.gauss(0, 1) for _ in asked]
        found += surely_won(wins(candidate, served, asked), asked) > 0.5
    assert found <= 0.065 * trials  # 5%, and two standard deviations of chance


def test_a_better_candidate_is_surely_better_more_often_than_not() -> None:
    chance, found, trials = random.Random(0), 0, 300
    asked = [i % 12 for i in range(96)]
    for _ in range(trials):
        candidate = [chance.gauss(0.4, 1) for _ in asked]  # wins 61%
        served = [chance.gauss(0, 1) for _ in asked]
        found += surely_won(wins(candidate, served, asked), asked) > 0.5
    assert found >= 0.7 * trials

from benchmarks.exams import PROMPTS
from training.anchors import ANCHORS
from training.canaries import CANARIES
from training.everyday import QUESTIONS, suits


def test_no_everyday_question_is_asked_anywhere_else() -> None:
    elsewhere = {question for question, _ in ANCHORS} | {canary.question for canary in CANARIES}
    simulated = set(PROMPTS.read_text(encoding="utf-8").splitlines())
    assert not set(QUESTIONS) & (elsewhere | simulated)
    assert len(set(QUESTIONS)) == len(QUESTIONS)


def test_all_of_them_are_in_english() -> None:
    assert all(suits([question]) for question in QUESTIONS)


def test_they_suit_people_who_mostly_ask_in_english() -> None:
    assert suits(["How tall is it?", "Tell me of the sea", "天为什么是蓝的?"])
    assert not suits(["How tall is it?", "天为什么是蓝的?", "Pourquoi pleut-il ?"])
    assert not suits([])

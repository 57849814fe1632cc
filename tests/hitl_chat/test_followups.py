import pytest

from hitl_chat.followups import COMPLAIN, THANK, likeness, rephrases, tone


@pytest.mark.parametrize(
    "text", ["Thanks!", "ok, thank you so much", "That was really helpful.", "谢谢你", "太好了!"]
)
def test_thanks_are_recognised(text: str) -> None:
    assert tone(text) == THANK


@pytest.mark.parametrize(
    "text",
    [
        "That's wrong.",
        "no, that’s not what I asked",
        "You didn't answer the question",
        "It doesn't work",
        "Sorry, but this is still incorrect",
        "I asked for a list",
        "不对,再想想",
        "答非所问",
    ],
)
def test_complaints_are_recognised(text: str) -> None:
    assert tone(text) == COMPLAIN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thank you letter for my teacher, please",
        "感谢信怎么写?",
        "Why is it wrong to lie?",
        "What is that?",
        "Can you thank my mother in a poem?",
        "Tell me more",
    ],
)
def test_an_ordinary_question_is_neither(text: str) -> None:
    assert tone(text) is None


def test_the_same_in_other_words_is_a_rephrasing() -> None:
    assert rephrases("Why exactly is the sky so blue?", "why is the sky blue")
    assert rephrases("天空为什么是蓝色的", "为什么天空是蓝的")
    assert not rephrases("And the sea?", "why is the sky blue")
    assert not rephrases("why?", "why?")


def test_texts_without_words_have_nothing_in_common() -> None:
    assert likeness("", "") == likeness("?", "!") == 0.0
    assert likeness("a b", "b a") == 1.0

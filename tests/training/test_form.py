import math

import pytest

from training.form import measure, words


def test_length_is_the_logarithm_of_tokens_and_markup_that_of_marks() -> None:
    text = "# Title\n- one\n- **two**\n1. three\nplain - text 2. here"
    assert measure("plain", 1) == pytest.approx((math.log(2), 0.0))
    assert measure(text, 20) == pytest.approx((math.log(21), math.log(7)))  # 4 lines, 2 stars


def test_words_stand_between_gaps_and_where_there_are_none_each_character_is_one() -> None:
    spaced = "It's  3.5 km,\nnon-stop: naïve, Ελλάδα 한국 말"
    assert words(spaced) == spaced.split()
    assert words("用Python写代码") == ["用", "Python", "写", "代", "码"]
    assert words("カタカナとひらがな") == list("カタカナとひらがな")
    assert words("") == []

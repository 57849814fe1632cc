import math

import pytest

from training.form import measure


def test_length_is_the_logarithm_of_tokens_and_markup_that_of_marks() -> None:
    text = "# Title\n- one\n- **two**\n1. three\nplain - text 2. here"
    assert measure("plain", 1) == pytest.approx((math.log(2), 0.0))
    assert measure(text, 20) == pytest.approx((math.log(21), math.log(7)))  # 4 lines, 2 stars

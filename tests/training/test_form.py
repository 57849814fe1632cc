import math

import torch

from training.form import forms


def test_length_is_the_logarithm_of_tokens_and_markup_that_of_marks() -> None:
    text = "# Title\n- one\n- **two**\n1. three\nplain - text 2. here"
    found = forms(["plain", text], [1, 20])
    assert torch.allclose(found[0], torch.tensor([math.log(2), 0.0]))
    assert torch.allclose(found[1], torch.tensor([math.log(21), math.log(7)]))  # 4 lines, 2 stars


def test_no_answers_have_no_form() -> None:
    assert forms([], []).shape == (0, 2)

import pytest
import torch

from training.change import NothingLearnt, weight_change


def test_the_change_is_the_distance_over_all_weights() -> None:
    before = [torch.zeros(2), torch.zeros(1, 2)]
    after = [torch.tensor([3.0, 0.0]), torch.tensor([[0.0, 4.0]])]
    assert weight_change(before, after, "HITL_RATE") == 5.0


def test_no_change_at_all_is_an_error() -> None:
    with pytest.raises(NothingLearnt, match="changed no weight"):
        weight_change([torch.ones(2)], [torch.ones(2)], "HITL_RATE")


def test_weights_that_blew_up_name_the_setting_to_lower() -> None:
    with pytest.raises(NothingLearnt, match=r"NaN or infinity\. Lower HITL_RATE"):
        weight_change([torch.ones(2)], [torch.full((2,), float("nan"))], "HITL_RATE")

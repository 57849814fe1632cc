import pytest

from training.config import ConfigError, TrainingConfig


def test_a_setting_comes_from_its_variable() -> None:
    config = TrainingConfig.from_env({"HITL_UPDATES": "3", "HITL_KL_COEF": "0.5", "OTHER": "x"})
    assert (config.updates, config.kl_coef) == (3, 0.5)


def test_an_empty_variable_is_no_setting() -> None:
    assert TrainingConfig.from_env({"HITL_UPDATES": ""}) == TrainingConfig()


@pytest.mark.parametrize("text", ["many", "1.5", "0", "100000"])
def test_a_bad_value_is_named_with_its_variable(text: str) -> None:
    with pytest.raises(ConfigError, match=f"HITL_UPDATES has value '?{text}"):
        TrainingConfig.from_env({"HITL_UPDATES": text})


def test_an_update_that_is_not_there_is_told_which_are() -> None:
    assert TrainingConfig.from_env({"HITL_UPDATE": "kto"}).update == "kto"
    with pytest.raises(
        ConfigError, match=r"HITL_UPDATE has value grpo\. Use ppo or kto or dpo or sft"
    ):
        TrainingConfig.from_env({"HITL_UPDATE": "grpo"})


def test_rollouts_must_be_whole_groups_of_candidates() -> None:
    with pytest.raises(ConfigError, match="Use a multiple of HITL_CANDIDATES, which is 4"):
        TrainingConfig.from_env({"HITL_ROLLOUTS": "30"})

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.utils import _telemetry
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from training.adapters import publish
from training.base import Base
from training.change import NothingLearnt
from training.config import TrainingConfig
from training.policy import Policy
from training.prompts import Answer, Turn, render
from training.rollout import answer_ids, given, logprobs
from training.targets import Pair, Place, Rated, Targets
from training.trl_updates import _ROWS, _lent, _trainer, update

UPDATES = ("kto", "dpo", "sft")


def turns(question: str) -> list[Turn]:
    return [{"role": "user", "content": question}]


def rated(question: str, answer: str, target: float) -> Rated:
    return Rated(turns(question), Answer(answer), target, 1.0, Place(question, question), "rating")


def targets() -> Targets:
    """Three questions with a liked and a disliked answer each, and one choice."""
    asked = [f"question {i}" for i in range(3)]
    likes = [rated(q, f"aeio{q[-1]}", 1.0) for q in asked]
    dislikes = [rated(q, f"xzqk{q[-1]}", 0.0) for q in asked]
    chosen = Pair(turns("other"), Answer("aaaa"), Answer("xxxx"), 1.0, Place("c", "q"), "choice")
    return Targets(likes + dislikes, [chosen])


@pytest.fixture(params=UPDATES)
def quick(request: pytest.FixtureRequest, config: TrainingConfig) -> TrainingConfig:
    return replace(config, update=request.param, trl_rate=1e-2, trl_epochs=6, rated_batch=4)


def quiet(progress: float, line: str) -> None:
    """Nobody listens."""


@torch.no_grad()
def liking(policy: Policy, config: TrainingConfig) -> float:
    """How much likelier liked answers are than disliked ones, in nats."""
    items = [(r.turns, r.answer) for r in targets().rated]
    found: Tensor = logprobs(policy, given(policy, items, config))[0].sum(1)
    return float(found[:3].mean() - found[3:].mean())


def state_of(base: Base) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in base.model.state_dict().items()}


def gpt2(base: Base) -> Base:
    """A base without a chat template, whose linear maps are transposed and that has dropout."""
    torch.manual_seed(0)
    network = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=2))
    network.eval().requires_grad_(requires_grad=False)
    base.tokenizer.chat_template = None
    return Base("gpt2", network, base.tokenizer, base.stop_ids)


def test_liked_answers_become_likelier_beside_disliked_ones(
    policy: Policy, quick: TrainingConfig
) -> None:
    before = liking(policy, quick)
    result = update(policy, targets(), quick, quiet)
    assert liking(policy, quick) > before + 0.1
    assert result["update"] == quick.update
    assert result["weight_change"] > 0
    assert result["updates"] == result["history"][-1]["step"]
    assert all("loss" in figures for figures in result["history"])


def test_a_base_without_a_chat_template_learns_too(base: Base, quick: TrainingConfig) -> None:
    policy = Policy(gpt2(base), quick)
    before = liking(policy, quick)
    update(policy, targets(), quick, quiet)
    assert liking(policy, quick) > before


@torch.no_grad()
def check_usable(policy: Policy, config: TrainingConfig) -> None:
    base = policy.base
    ids = torch.tensor([render(base.tokenizer, turns("hello"), config.max_prompt)])
    assert not any(module.training for module in policy.peft.modules())
    assert list(policy.peft.peft_config) == ["default"]
    split = base.model.get_output_embeddings()(policy.top(policy.trunk(ids)))
    assert torch.equal(split, base.model(input_ids=ids).logits)
    with policy.as_reference():
        reference = base.model(input_ids=ids).logits
    assert not torch.equal(reference, split)
    policy.close()
    assert torch.equal(base.model(input_ids=ids).logits, reference)


def test_the_base_and_the_policy_are_as_they_were_but_for_the_adapter(
    base: Base, quick: TrainingConfig
) -> None:
    bare, described = state_of(base), base.model.config.to_dict()
    ends = base.model.generation_config.to_dict()
    policy = Policy(base, quick)
    trained = [name for name, weight in policy.peft.named_parameters() if weight.requires_grad]
    update(policy, targets(), quick, quiet)
    assert [n for n, w in policy.peft.named_parameters() if w.requires_grad] == trained
    check_usable(policy, quick)
    after = base.model.state_dict()
    assert after.keys() == bare.keys()
    assert all(torch.equal(after[name], weight) for name, weight in bare.items())
    assert base.model.config.to_dict() == described
    assert base.model.generation_config.to_dict() == ends
    assert "forward" not in vars(base.model)


def test_the_same_seed_gives_the_same_weights(base: Base, quick: TrainingConfig) -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        policy = Policy(base, quick)
        update(policy, targets(), quick, quiet)
        found.append(policy.snapshot())
        policy.close()
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


Batches = list[dict[str, Any]]


def batches(policy: Policy, config: TrainingConfig, folder: Path, found: Targets) -> Batches:
    rows = _ROWS[config.update](policy, found, config)
    with _lent(policy):
        return list(_trainer(policy, rows, config, str(folder)).get_train_dataloader())


def seen(batches: Batches) -> set[tuple[int, ...]]:
    """The tokens of each prompt with its answer."""
    return {
        tuple(ids[mask.bool()].tolist())
        for batch in batches
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    }


def stopped(answer: Answer) -> Answer:
    return replace(answer, ended=False)


def test_trl_trains_on_the_tokens_that_serving_renders(
    policy: Policy, quick: TrainingConfig, tmp_path: Path
) -> None:
    tokenizer = policy.base.tokenizer
    expected = {
        tuple(render(tokenizer, r.turns, quick.max_prompt) + answer_ids(policy.base, r.answer))
        for r in targets().rated
        if r.target or quick.update != "sft"
    }
    found = seen(batches(policy, quick, tmp_path, targets()))
    assert expected <= found
    assert all(ids[-1] == tokenizer.eos_token_id for ids in found)


def test_trl_sees_no_end_where_an_answer_was_stopped(
    policy: Policy, quick: TrainingConfig, tmp_path: Path
) -> None:
    whole = targets()
    rated = [replace(r, answer=stopped(r.answer)) for r in whole.rated]
    pairs = [
        replace(p, chosen=stopped(p.chosen), rejected=stopped(p.rejected)) for p in whole.pairs
    ]
    found = seen(batches(policy, quick, tmp_path, Targets(rated, pairs)))
    assert found == {ids[:-1] for ids in seen(batches(policy, quick, tmp_path, whole))}


def test_only_answers_are_learnt_and_long_ones_are_cut(
    policy: Policy, quick: TrainingConfig, tmp_path: Path
) -> None:
    short = replace(quick, max_answer=4, max_prompt=16)
    for batch in batches(policy, short, tmp_path, targets()):
        learnt = batch["labels"] != -100 if short.update == "sft" else batch["completion_mask"]
        assert learnt.sum(1).tolist() == [4] * len(learnt)
        assert batch["attention_mask"].sum(1).tolist() == [20] * len(learnt)


def test_kto_estimates_its_kl_from_answers_to_other_questions(
    policy: Policy, config: TrainingConfig
) -> None:
    rows = _ROWS["kto"](policy, targets(), replace(config, update="kto", rated_batch=4))
    assert len(rows) == 8
    for batch in (rows[:4], rows[4:]):
        answers = [row["completion_ids"] for row in batch]
        assert [row["KL_completion_ids"] for row in batch] == [answers[-1], *answers[:-1]]


def test_the_reference_is_the_bare_base_whatever_adapter_training_begins_from(
    policy: Policy, config: TrainingConfig
) -> None:
    with torch.no_grad():
        for weight in policy.parameters:
            weight.add_(0.2)
    once = replace(config, update="dpo", trl_epochs=1, rated_batch=8)
    result = update(policy, targets(), once, quiet)
    # Where policy and reference are one, every margin is 0 and the loss is that of a coin.
    assert abs(result["history"][0]["loss"] - torch.tensor(2.0).log().item()) > 1e-3


def test_a_bfloat16_base_gets_a_float32_adapter(base: Base, quick: TrainingConfig) -> None:
    network: Any = base.model
    network.to(torch.bfloat16)
    policy = Policy(base, quick)
    update(policy, targets(), quick, quiet)
    assert all(weight.dtype == torch.float32 for weight in policy.parameters)
    policy.close()
    assert {weight.dtype for weight in base.model.parameters()} == {torch.bfloat16}


def test_what_is_learnt_is_published_like_any_adapter(
    policy: Policy, quick: TrainingConfig, tmp_path: Path
) -> None:
    update(policy, targets(), quick, quiet)
    version = publish(policy.peft, tmp_path, "base", policy.base, 1)
    assert {f.name for f in (tmp_path / version).iterdir() if f.is_dir()} == set()


def test_progress_is_told_up_to_the_end(policy: Policy, quick: TrainingConfig) -> None:
    heard: list[tuple[float, str]] = []
    update(policy, targets(), quick, lambda progress, line: heard.append((progress, line)))
    progress = [p for p, _ in heard]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert heard[-1][1].startswith(f"{quick.update.upper()} step")


def test_nothing_is_printed_written_or_sent(
    policy: Policy,
    quick: TrainingConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("CI", "")  # where TRL sends nothing anyway
    before = _telemetry._TELEMETRY_THREAD  # another test may have used TRL's own trainers
    update(policy, targets(), quick, quiet)
    assert list(here.iterdir()) == []
    assert capfd.readouterr().out == ""
    assert _telemetry._TELEMETRY_THREAD is before


def test_an_update_that_changes_nothing_is_an_error(policy: Policy, quick: TrainingConfig) -> None:
    with torch.no_grad():
        for weight in policy.parameters:
            weight.zero_()  # both LoRA factors at zero: no gradient can reach either
    with pytest.raises(NothingLearnt, match="changed no weight"):
        update(policy, targets(), quick, quiet)


def test_weights_that_blow_up_are_an_error(policy: Policy, quick: TrainingConfig) -> None:
    with torch.no_grad():
        policy.parameters[0].fill_(float("nan"))
    with pytest.raises(NothingLearnt, match="Lower HITL_TRL_RATE"):
        update(policy, targets(), quick, quiet)

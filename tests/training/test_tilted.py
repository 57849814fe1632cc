from dataclasses import replace

import pytest
import torch
from torch import argmax, argmin

from tests.training.test_ppo import PROMPTS
from training import tilted
from training.anchors import ANCHORS
from training.base import Base
from training.canaries import CANARIES
from training.config import TrainingConfig
from training.foresight import Foresight
from training.kinds import KINDS
from training.policy import Policy
from training.prompts import Answer
from training.rollout import Answers, given, logprobs
from training.worths import Worths

LIKED = 40


@pytest.fixture
def answers(policy: Policy, config: TrainingConfig) -> Answers:
    return given(policy, [(PROMPTS[0], Answer("good")), (PROMPTS[1], Answer("bad"))], config)


@pytest.fixture
def worths(base: Base) -> Worths:
    """One word is liked."""
    words_V = torch.zeros(base.model.config.vocab_size)
    words_V[LIKED] = 1.0
    return Worths(words_V, torch.zeros(64), torch.zeros(2, 9))


def seen(
    policy: Policy, answers: Answers, config: TrainingConfig
) -> tuple[tilted.Seen, tilted.Seen]:
    """Return the answers, and the anchors, as they come to the last layer."""
    return tilted.see(policy, answers), tilted.see(policy, tilted.anchors(policy, config))


def test_the_bound_on_kl_is_used_up_and_kept(
    policy: Policy, config: TrainingConfig, answers: Answers, worths: Worths
) -> None:
    plain = replace(config, tilt_sharpness=1.0, tilt_kl=0.05)
    seen = tilted.see(policy, answers)
    bent = tilted.tilt(policy, seen, worths, plain)
    with torch.no_grad():
        far = float(bent.distance(policy.logits(seen.base_ND), seen.places).mean())
    assert 0.04 < far <= 0.05
    assert float(bent.nats_V[LIKED]) > 0


def test_a_liked_word_becomes_likelier_and_the_policy_comes_close_to_what_was_asked(
    policy: Policy, config: TrainingConfig, answers: Answers, worths: Worths
) -> None:
    torch.manual_seed(0)
    liked = replace(answers, ids_BT=torch.where(answers.mask_BT, LIKED, answers.ids_BT))
    with torch.no_grad():
        before, _ = logprobs(policy, liked)
    quick = replace(config, tilt_steps=40, tilt_rate=1e-2, tilt_sharpness=1.0)
    taught, held = seen(policy, answers, quick)
    bent = tilted.tilt(policy, taught, worths, replace(quick, tilt_kl=0.3))
    found = tilted.learn(policy, taught, held, bent, quick)
    with torch.no_grad():
        after, _ = logprobs(policy, liked)
    assert len(found) == 40
    assert found[-1] < found[0] / 2
    assert float((after - before)[answers.mask_BT].mean()) > 0.5


def test_answers_may_be_shorter_than_what_the_policy_is_held_to(
    policy: Policy, config: TrainingConfig, answers: Answers, worths: Worths
) -> None:
    quick, short = replace(config, tilt_steps=2), replace(worths, ending_T=torch.zeros(6))
    taught, held = seen(policy, answers, quick)
    assert int(held.mask_BT.sum(1).max()) > 6
    bent = tilted.tilt(policy, taught, short, quick)
    assert len(tilted.learn(policy, taught, held, bent, quick)) == 2


def test_a_policy_stays_close_to_the_base_on_what_is_held_to_it(
    policy: Policy, config: TrainingConfig, answers: Answers, worths: Worths
) -> None:
    quick = replace(config, tilt_steps=40, tilt_rate=1e-2, tilt_sharpness=1.0, tilt_kl=0.3)
    taught = tilted.see(policy, answers)
    bent = tilted.tilt(policy, taught, worths, quick)
    anchors, start = tilted.anchors(policy, quick), policy.snapshot()

    def moved(held: Answers) -> float:
        torch.manual_seed(0)
        policy.restore(start)
        before, _ = logprobs(policy, anchors)
        tilted.learn(policy, taught, tilted.see(policy, held), bent, quick)
        after, _ = logprobs(policy, anchors)
        return float((after - before)[anchors.mask_BT].detach().abs().mean())

    assert moved(anchors) < moved(answers.rows(torch.tensor([0]))) / 2


def test_a_liked_word_is_favoured_once_and_a_liked_mark_always(
    policy: Policy, config: TrainingConfig, answers: Answers
) -> None:
    letters_V = policy.base.kinds_VC[:, KINDS.index("letters")]
    word, mark = int(letters_V.argmax()), int(policy.base.kinds_VC[:, 0].argmax())
    words_V = torch.zeros(len(letters_V))
    words_V[[word, mark]] = 1.0
    worths = Worths(words_V, torch.zeros(64), torch.zeros(2, 9))
    bent = tilted.tilt(policy, tilted.see(policy, answers), worths, config)
    assert float(bent.nats_V[word]) == float(bent.nats_V[mark]) == float(bent.again_V[mark]) > 0
    assert float(bent.again_V[word]) == 0


def test_what_leads_to_something_liked_is_favoured_where_it_is_likely(
    policy: Policy, config: TrainingConfig, answers: Answers, worths: Worths
) -> None:
    states_D = policy.trunk(answers.ids_BT)[0, -1]
    ahead = Foresight(torch.zeros_like(states_D), torch.ones_like(states_D))
    nothing = replace(worths, words_V=torch.zeros_like(worths.words_V))
    seen = tilted.see(policy, answers, ahead)
    straight_PV = torch.log_softmax(policy.logits(seen.base_ND), -1)
    plain = replace(config, tilt_sharpness=1.0, tilt_kl=0.05)
    bent_PV = tilted.tilt(policy, seen, nothing, plain).bend(straight_PV.clone(), seen.places)
    differing = (seen.places.number_P > 1) & seen.places.ahead_PC.any(1)
    assert differing.any()
    for place in differing.nonzero()[:, 0].tolist():
        best, worst = (int(pick(seen.places.ahead_PC[place])) for pick in (argmax, argmin))
        ids = seen.places.likely_PC[place]
        gain_V = bent_PV[place] - straight_PV[place]
        assert float(gain_V[ids[best]]) > float(gain_V[ids[worst]])


def test_only_the_last_layer_is_fitted(base: Base, config: TrainingConfig, worths: Worths) -> None:
    deep = replace(config, lora_layers=2, tilt_steps=2)
    policy = Policy(base, deep)
    before = policy.snapshot()
    answers = given(policy, [(PROMPTS[0], Answer("good")), (PROMPTS[1], Answer("bad"))], deep)
    taught, held = seen(policy, answers, deep)
    tilted.learn(policy, taught, held, tilted.tilt(policy, taught, worths, deep), deep)
    names = [n for n, p in policy.peft.named_parameters() if p.requires_grad]
    pairs = zip(names, before, policy.parameters, strict=True)
    moved = {n.split(".layers.")[1][0] for n, was, now in pairs if not torch.equal(was, now)}
    assert moved == {"1"}


def test_places_are_where_each_answer_has_its_tokens(policy: Policy, answers: Answers) -> None:
    places = tilted.see(policy, answers).places
    rows = answers.mask_BT.nonzero()[:, 0].tolist()
    counted: list[int] = []
    for n, row in enumerate(rows):
        counted.append(rows[: n + 1].count(row))
        said = answers.ids_BT[row][answers.mask_BT[row]]
        assert places.answer_PL[n, : len(said)].tolist() == said.tolist()
    assert places.number_P.tolist() == counted


def test_no_anchor_is_a_canary() -> None:
    assert not {question for question, _ in ANCHORS} & {canary.question for canary in CANARIES}


def test_every_answer_comes_before_one_comes_again(config: TrainingConfig) -> None:
    steps = replace(config, tilt_steps=3, rated_batch=2)
    batches = [rows.tolist() for rows in tilted._batches(3, steps)]
    assert [len(rows) for rows in batches] == [2, 2, 2]
    assert sorted([*batches[0], batches[1][0]]) == [0, 1, 2]

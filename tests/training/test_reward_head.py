import math

import pytest
import torch

from tests.training.labelled import FEATURES, drawn, labels
from training import reward_head
from training.form import FORMS
from training.kinds import KINDS
from training.layout import layout
from training.rankings import auc
from training.reward_head import APART, RewardHead, fit, leading, steepness


def test_a_head_ranks_answers_it_never_saw() -> None:
    features, targets = drawn(200)
    head = fit(features, labels(targets))
    unseen, truth = drawn(100, seed=1)
    found = auc(head.score(unseen), truth > 0.5)
    assert found is not None
    assert found > 0.95


def test_pairs_alone_teach_the_same_direction() -> None:
    features, targets = drawn(200)
    good, bad = (targets > 0.5).nonzero()[:, 0], (targets < 0.5).nonzero()[:, 0]
    size = min(len(good), len(bad))
    pairs = torch.stack([good[:size], bad[:size]], 1)
    head = fit(features, labels(torch.zeros(0), pairs))
    unseen, truth = drawn(100, seed=1)
    found = auc(head.score(unseen), truth > 0.5)
    assert found is not None
    assert found > 0.95


def test_a_state_speaks_more_softly_than_a_word_that_says_the_same() -> None:
    features, targets = drawn(200)
    state = layout(FEATURES).states.start
    features[:, state] = features[:, 0]
    head = fit(features, labels(targets))
    told = head.weight_FK.mean(1) / head.scale_F
    softer = float(told[state] / told[0])
    assert softer == pytest.approx(reward_head.STATE_GAIN**2, rel=0.05)


def test_the_kind_of_token_that_people_go_by_leads() -> None:
    features, _ = drawn(32)
    kinds = layout(FEATURES).kinds
    features[:, kinds] = torch.randn(32, len(KINDS), generator=torch.Generator().manual_seed(2))
    for name in ("question", "hedging"):
        place = kinds.start + KINDS.index(name)
        told = leading(fit(features, labels((features[:, place] < 0).float())).usual_FK)
        assert next(iter(told)) == name
        assert told[name] < 0


def test_a_kind_that_no_rated_answer_had_sways_no_score_with_hidden_units_either() -> None:
    features, targets = drawn(64)
    kinds = layout(FEATURES).kinds
    features[:, kinds.start] = 0.0
    head = fit(features, labels(targets), units=8)
    once = features.clone()
    once[:, kinds.start] = 1 / 64  # one token of an answer
    assert torch.allclose(head.score(once), head.score(features), atol=0.02)


def test_scores_stay_between_0_and_1_however_far_from_the_data() -> None:
    features, targets = drawn(50)
    scores = fit(features, labels(targets)).score(features * 1000)
    assert float(scores.min()) >= 0
    assert float(scores.max()) <= 1


def test_labels_without_meaning_are_not_learnt_by_heart() -> None:
    features, _ = drawn(40)
    coin = (torch.rand(40, generator=torch.Generator().manual_seed(3)) > 0.5).float()
    scores = fit(features, labels(coin)).score(drawn(100, seed=1)[0])
    assert float((scores - coin.mean()).abs().mean()) < 0.25


def test_a_form_that_nobody_asks_for_earns_nothing() -> None:
    features, _ = drawn(200)
    features[:, 0] += 0.05 * features[:, 1]
    features[:, -2] = features[:, 1]  # length, which also follows what is liked a little
    head = fit(features, labels((features[:, 0] > 0).float()))
    assert "length" not in head.wanted
    terms = torch.special.logit(head.mean(features).double(), eps=1e-12)
    assert abs(torch.corrcoef(torch.stack([terms, features[:, -2].double()]))[0, 1]) < 0.1


def test_a_form_that_ratings_go_with_is_learnt() -> None:
    features, _ = drawn(60)
    head = fit(features, labels((features[:, -2] < 0).float()))
    assert head.wanted == (FORMS[0],)
    shorter = torch.zeros(2, features.shape[1])
    shorter[0, -2] = -1.0
    scores = head.score(shorter)
    assert scores[0] > scores[1]


def test_pairs_too_tell_which_form_is_wanted() -> None:
    features, _ = drawn(60)
    features[0::2, -1] += 2.0
    pairs = torch.arange(60).reshape(-1, 2)
    assert FORMS[1] in fit(features, labels(torch.zeros(0), pairs)).wanted


def test_the_score_is_the_mean_of_the_members_less_their_doubt() -> None:
    features, targets = drawn(40)
    head = fit(features, labels(targets), caution=0.7)
    members, scores = head.members(features).tolist(), head.score(features).tolist()
    for each, score in zip(members, scores, strict=True):
        mean = sum(each) / len(each)
        doubt = math.sqrt(sum((one - mean) ** 2 for one in each) / len(each))
        assert score == pytest.approx(mean - 0.7 * doubt, abs=1e-5)


@pytest.mark.parametrize("units", [0, 4])
def test_a_flatter_head_says_the_same_with_less_stress(units: int) -> None:
    features, targets = drawn(64)
    head = fit(features, labels(targets), units=units)
    flat = head.flatter(3.0)
    assert torch.allclose(flat.logits(features) * 3, head.logits(features), atol=1e-4)
    told = flat.weights(features).transpose(1, 2) @ flat.plain(features)[..., None]
    assert torch.allclose(told[..., 0] + flat.bias_K, flat.logits(features), atol=1e-4)


def test_how_much_better_a_good_answer_is_can_be_told_once_a_sure_head_is_flatter() -> None:
    features, targets = drawn(200)
    head = fit(features, labels(targets), caution=0.5)
    times = steepness(head, features)
    flat = head.flatter(times)
    assert times > 2
    assert float(flat.logits(features).mean(1).std(correction=0)) == pytest.approx(APART)
    unseen, _ = drawn(200, seed=1)

    def with_the_truth(head: RewardHead) -> float:
        return float(torch.corrcoef(torch.stack([head.score(unseen), unseen[:, 0]]))[0, 1])

    assert with_the_truth(flat) > with_the_truth(head) + 0.05


def test_a_head_that_is_sure_of_little_stays_as_steep_as_it_is() -> None:
    head = RewardHead(torch.zeros(4), torch.ones(4), torch.full((4, 2), 0.1), torch.zeros(2))
    assert steepness(head, torch.randn(50, 4, generator=torch.Generator().manual_seed(0))) == 1.0


def test_scores_are_calibrated_on_answers_never_seen() -> None:
    features, _ = drawn(400)
    generator = torch.Generator().manual_seed(5)
    chance = torch.sigmoid(features[:, 0])
    targets = (torch.rand(400, generator=generator) < chance).float()
    head = fit(features[:200], labels(targets[:200]))
    said = head.mean(features[200:])
    assert float((said - chance[200:]).abs().mean()) < 0.12
    assert float(said.mean()) == pytest.approx(float(chance[200:].mean()), abs=0.08)


def test_the_shares_of_tokens_sum_to_the_score_and_follow_their_terms() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(3, 6, 4, generator=generator)
    mask = torch.tensor([[0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0]]).bool()
    means = torch.stack([tokens[row][mask[row]].mean(0) for row in range(3)])
    features = torch.cat([means, torch.randn(3, 2, generator=generator)], 1)
    head = RewardHead(
        torch.rand(6, generator=generator), torch.rand(6, generator=generator) + 0.5,
        torch.randn(6, 2, generator=generator), torch.tensor([0.3, -0.2]), caution=0.5,
    )  # fmt: skip
    found = head.shares(features, tokens, mask)
    for row in range(3):
        score = float(head.score(features[row : row + 1]))
        assert float(found[row].sum()) == pytest.approx(score, abs=1e-5)
        inside = [t for t in range(6) if mask[row, t]]
        told = []
        for t in inside:
            share = 0.0
            for k in range(2):
                logit = float(((features[row] - head.mean_F) / head.scale_F) @ head.weight_FK[:, k])
                start = 1 / (1 + math.exp(-float(head.bias_K[k])))
                end = 1 / (1 + math.exp(-logit - float(head.bias_K[k])))
                plain = (tokens[row, t] - head.mean_F[:4]) / head.scale_F[:4]
                term = float(plain @ head.weight_FK[:4, k]) / len(inside)
                share += (end - start) / logit * term / 2
            told.append(share)
        for t, share in zip(inside, told, strict=True):
            expected = share + (score - sum(told)) / len(inside)
            assert float(found[row, t]) == pytest.approx(expected, abs=1e-4)
    assert not found[~mask].any()


def test_answers_that_say_nothing_get_the_head_s_starting_score() -> None:
    head = RewardHead(torch.zeros(4), torch.ones(4), torch.ones(4, 1), torch.tensor([0.3]))
    found = head.shares(torch.zeros(1, 4), torch.zeros(1, 4, 2), torch.ones(1, 4).bool())
    assert float(found.sum()) == pytest.approx(float(torch.sigmoid(torch.tensor(0.3))), abs=1e-6)

import statistics

import pytest
import torch
from torch import Tensor

from tests.training.labelled import drawn, labels
from training import reward_head
from training.personal import adapt
from training.rankings import auc
from training.reward_head import RewardHead

FEW = 24


@pytest.fixture(scope="module")
def shared() -> RewardHead:
    """The head of many who like what is high in the first feature."""
    features, liked = drawn(200)
    return reward_head.fit(features, labels(liked))


def someone(number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Answers with the thumbs of a person who wants that too, and as much what the second says."""
    features, _ = drawn(number, seed)
    return features, (features[:, 0] + features[:, 1] > 0).float()


def found(head: RewardHead, features: Tensor, liked: Tensor) -> float:
    value = auc(head.mean(features), liked > 0.5)
    assert value is not None
    return value


def test_who_differs_is_foretold_better_than_by_the_shared_head_or_from_scratch(
    shared: RewardHead,
) -> None:
    unseen, truth = someone(300, seed=100)
    own, alone = list[float](), list[float]()
    for seed in (1, 2, 3):
        features, liked = someone(FEW, seed)
        own.append(found(adapt(shared, features, labels(liked)).head, unseen, truth))
        alone.append(found(reward_head.fit(features, labels(liked)), unseen, truth))
    assert statistics.fmean(own) > found(shared, unseen, truth) + 0.05
    assert statistics.fmean(own) > statistics.fmean(alone) + 0.02


def test_thumbs_without_meaning_are_not_learnt_by_heart(shared: RewardHead) -> None:
    features, _ = drawn(FEW, seed=1)
    coin = (torch.rand(FEW, generator=torch.Generator().manual_seed(6)) > 0.5).float()
    scores = adapt(shared, features, labels(coin)).head.mean(drawn(100, seed=2)[0])
    assert float((scores - coin.mean()).abs().mean()) < 0.25


def test_who_agrees_with_all_the_others_is_not_moved_away_from_them(shared: RewardHead) -> None:
    features, liked = drawn(FEW, seed=1)
    personal = adapt(shared, features, labels(liked))
    unseen, truth = drawn(300, seed=2)
    assert found(personal.head, unseen, truth) > found(shared, unseen, truth) - 0.02


def test_the_head_is_the_shared_one_calibrated_and_what_was_added(shared: RewardHead) -> None:
    features, liked = someone(FEW, seed=1)
    personal = adapt(shared, features, labels(liked))
    assert personal.moved_F.any()
    rest = personal.head.weight_FK - personal.moved_F[:, None]
    slopes = rest[:, 0].div(shared.weight_FK[:, 0])[shared.weight_FK[:, 0].abs() > 0.1]
    assert float(slopes.std()) < 1e-3
    assert float(slopes.mean()) > 0


def test_unseen_scores_come_from_heads_that_did_not_know_the_thumb(shared: RewardHead) -> None:
    features, liked = someone(FEW, seed=1)
    before = adapt(shared, features, labels(liked)).unseen_N
    other = liked.clone()
    other[0] = 1 - other[0]
    after = adapt(shared, features, labels(other)).unseen_N
    # Only the penalty, which all thumbs choose, could carry a thumb over; here it stays.
    assert torch.allclose(after[0], before[0], atol=1e-4)
    assert not torch.allclose(after[1:], before[1:], atol=1e-4)

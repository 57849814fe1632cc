import pytest
import torch
from torch import Tensor

from training.reward_head import Labels, RewardHead, auc, evaluate, fit


def labels(targets: Tensor, pairs: Tensor | None = None) -> Labels:
    rows = len(targets)
    couples = torch.zeros(0, 2, dtype=torch.long) if pairs is None else pairs
    total = max(rows, int(couples.max()) + 1 if len(couples) else 0)
    return Labels(
        targets=targets,
        weights=torch.ones(rows),
        rows=torch.arange(rows),
        pairs=couples,
        pair_weights=torch.ones(len(couples)),
        groups=[f"c{i}" for i in range(total)],
    )


def drawn(number: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features of which one direction decides what is liked."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(number, 16, generator=generator)
    return features, (features[:, 0] > 0).float()


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


def test_the_four_figures_match_a_table_made_by_hand() -> None:
    # liked: 1 1 1 0 0; said: 1 1 0 1 0 -> 2 hits, 3 said, 3 liked, 3 right
    scores = torch.tensor([0.9, 0.8, 0.2, 0.7, 0.1])
    table = evaluate(lambda _: scores, scores, labels(torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])))
    assert table["accuracy"] == pytest.approx(3 / 5)
    assert table["precision"] == pytest.approx(2 / 3)
    assert table["recall"] == pytest.approx(2 / 3)
    assert table["f1"] == pytest.approx(2 / 3)
    assert table["auc"] == pytest.approx(5 / 6)


def test_auc_equals_a_count_over_all_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 5, (30,), generator=generator).float()
    liked = torch.rand(30, generator=generator) > 0.5
    total = wins = 0.0
    for i in range(30):
        for j in range(30):
            if liked[i] and not liked[j]:
                total += 1
                wins += 1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0
    assert auc(scores, liked) == pytest.approx(wins / total)


def test_figures_without_meaning_are_left_empty() -> None:
    table = evaluate(lambda f: torch.zeros(len(f)), torch.zeros(2, 1), labels(torch.ones(2)))
    assert table["auc"] is None
    assert table["precision"] is None
    assert table["pair_accuracy"] is None


def test_the_shares_of_tokens_sum_to_the_score_and_follow_their_terms() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, 6, 4, generator=generator)
    mask = torch.tensor([[0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0]]).bool()
    weight = torch.randn(4, generator=generator)
    head = RewardHead(torch.rand(4), torch.rand(4) + 0.5, weight, torch.tensor(0.3), 0.01)
    found = head.shares(features, mask)
    for row in range(3):
        inside = features[row][mask[row]]
        score = float(head.score(inside.mean(0)))
        assert float(found[row].sum()) == pytest.approx(score, abs=1e-5)
        terms = [float(head.logit(one) - head.bias) for one in inside]
        start = float(torch.sigmoid(head.bias))
        for term, share in zip(terms, found[row][mask[row]], strict=True):
            expected = (start + (score - start) * term / (sum(terms) / len(terms))) / len(terms)
            assert float(share) == pytest.approx(expected, abs=1e-5)
    assert not found[~mask].any()


def test_answers_that_say_nothing_get_the_head_s_starting_score() -> None:
    head = RewardHead(torch.zeros(2), torch.ones(2), torch.ones(2), torch.tensor(0.3), 0.01)
    found = head.shares(torch.zeros(1, 4, 2), torch.ones(1, 4, dtype=torch.bool))
    assert float(found.sum()) == pytest.approx(float(torch.sigmoid(torch.tensor(0.3))), abs=1e-6)

import pytest
import torch

from tests.training.labelled import labels
from training.rankings import auc, evaluate


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

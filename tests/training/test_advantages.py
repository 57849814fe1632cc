import pytest
import torch

from training.advantages import (
    centred,
    gae,
    less_at_the_end,
    masked_mean,
    repeated,
    whiten,
    worn,
)

MASK = torch.tensor([[False, True, True, False], [False, False, True, True]])


def test_advantages_equal_a_loop_written_out() -> None:
    generator = torch.Generator().manual_seed(0)
    reward, value = torch.randn(2, 3, 7, generator=generator)
    mask = torch.zeros(3, 7, dtype=torch.bool)
    for row, (start, end) in enumerate([(1, 5), (2, 7), (3, 4)]):
        mask[row, start:end] = True
    found = gae(reward * mask, value * mask, mask, 0.9, 0.8)
    for row, (start, end) in enumerate([(1, 5), (2, 7), (3, 4)]):
        for t in range(start, end):
            expected = 0.0
            for k in range(t, end):
                after = float(value[row, k + 1]) if k + 1 < end else 0.0
                delta = float(reward[row, k]) + 0.9 * after - float(value[row, k])
                expected += (0.9 * 0.8) ** (k - t) * delta
            assert float(found[row, t]) == pytest.approx(expected, abs=1e-5)
    assert not found[~mask].any()


def test_what_is_taken_off_is_taken_off_the_last_token() -> None:
    found = less_at_the_end(torch.ones(2, 4), torch.tensor([0.25, 0.5]), MASK)
    assert found.tolist() == [[1, 1, 0.75, 1], [1, 1, 1, 0.5]]


def test_a_score_counts_beside_the_other_candidates_of_its_prompt() -> None:
    generator = torch.Generator().manual_seed(0)
    mask = torch.ones(4, 5, dtype=torch.bool).tril(2)
    shares = torch.rand(4, 5, generator=generator) * mask
    found = centred(shares, mask, 2)
    scores = shares.sum(1)
    for row, mean in enumerate([scores[:2].mean()] * 2 + [scores[2:].mean()] * 2):
        assert float(found[row].sum()) == pytest.approx(float(scores[row] - mean), abs=1e-6)
        for t in range(5):
            less = float(mean) / int(mask[row].sum()) if mask[row, t] else 0.0
            assert float(found[row, t]) == pytest.approx(float(shares[row, t]) - less, abs=1e-6)
    assert torch.equal(centred(shares, mask, 1), shares)


def test_advantages_without_variance_become_zero_and_never_nan() -> None:
    mask = torch.ones(2, 3, dtype=torch.bool)
    assert torch.equal(whiten(torch.full((2, 3), 0.7), mask), torch.zeros(2, 3))


def test_whitened_advantages_have_mean_0_and_variance_1_inside_the_mask() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    found = whiten(torch.randn(2, 3, generator=torch.Generator().manual_seed(0)), mask)
    assert float(found[mask].mean()) == pytest.approx(0, abs=1e-6)
    assert float(found[mask].std()) == pytest.approx(1, abs=1e-5)
    assert float(found[0, 2]) == 0


def test_a_mean_counts_answer_tokens_only() -> None:
    assert float(masked_mean(torch.tensor([[9.0, 1, 2, 9], [9, 9, 3, 6]]), MASK)) == 3


def test_three_tokens_in_a_row_that_come_again_are_marked_where_they_end() -> None:
    ids = torch.tensor([[9, 1, 2, 3, 1, 2, 3, 1, 4], [1, 2, 3, 1, 2, 3, 7, 7, 7]])
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[1, :3] = False  # the prompt's words may come again
    mask[1, 8] = False
    found = repeated(ids, mask)
    assert found[0].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0]
    assert found[1].tolist() == [0] * 9


def test_pairs_wear_out_with_use_and_their_mean_is_what_distinct_2_lacks() -> None:
    ids = torch.tensor([[9, 5, 6, 7, 5, 6], [9, 9, 5, 6, 8, 0]])
    mask = torch.tensor([[0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0]]).bool()
    found = worn(ids, mask)
    third = 1 / 3  # 5 6 comes three times
    expected = torch.tensor([[0, 0, 1 - third, 0, 0, 1 - third], [0, 0, 0, 1 - third, 0, 0]])
    assert torch.allclose(found, expected)
    pairs, distinct = 6, 4
    assert float(found.sum() / pairs) == pytest.approx(1 - distinct / pairs)

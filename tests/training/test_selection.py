import torch

from tests.training.labelled import labels
from training import selection


def test_penalty_and_calibration_are_chosen_on_a_sample_of_many() -> None:
    number = selection.SAMPLE + 100
    pairs = torch.arange(200).reshape(-1, 2)
    given = labels(torch.rand(number), pairs)
    few, kept = selection._sample(torch.arange(number)[:, None].float(), given)
    assert len(few) <= selection.SAMPLE
    assert len(kept.groups) == len(few)
    told = {f"c{int(row)}": float(t) for row, t in zip(given.rows, given.targets, strict=True)}
    for row, target in zip(kept.rows.tolist(), kept.targets.tolist(), strict=True):
        assert told[kept.groups[row]] == target
        assert kept.groups[row] == f"c{int(few[row])}"
    assert (few[kept.pairs[:, 1], 0] - few[kept.pairs[:, 0], 0] == 1).all()

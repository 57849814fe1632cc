"""Whether what people said goes with their answers more than it would by chance.

A permutation test (Ojala and Garriga 2010, JMLR 11): what was said is dealt out anew among the same
answers, and each time it is asked how likely it is, by the measure that gains are found by. A few
ratings fit something whatever they are; that isn't yet a taste to learn.
Knows features and what was said of them, not what becomes of a head.

Shapes: N answers, F features.
"""

from dataclasses import replace

import torch
from torch import Tensor

from training.form import FORMS
from training.relevance import enough, evidence
from training.reward_head import RewardHead
from training.ridge import Labels, space_of

DEALS = 19
"""Times that it is dealt out anew."""


def chance(head: RewardHead, features_NF: Tensor, labels: Labels) -> float:
    """Return how often labels dealt out by chance are as likely as those that `head` was fitted to."""
    space = space_of(head.plain(features_NF), [form in head.wanted for form in FORMS])
    labels = enough(labels)  # only then do all deals have the same targets
    said = evidence(space, labels)
    dealt = [evidence(space, _dealt(labels, seed)) for seed in range(DEALS)]
    return (1 + sum(one >= said for one in dealt)) / (1 + DEALS)


def _dealt(labels: Labels, seed: int) -> Labels:
    """Return each target with its weight for another answer, and pairs decided by a coin."""
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels.rows), generator=draw)
    turned = torch.randint(2, (len(labels.pairs), 1), generator=draw).bool()
    return replace(
        labels,
        targets=labels.targets[order],
        weights=labels.weights[order],
        pairs=torch.where(turned, labels.pairs.flip(1), labels.pairs),
    )

"""The policy that the head's word on every token asks for, learnt before any answer is drawn.

Where the worth of each next token is known beforehand, so is the policy that earns most within a
bound on KL to the base: pi(v) ~ base(v)^sharpness * exp(worth(v) / price), at the price of a nat that
just uses up the bound (the E-step of MPO: Abdolmaleki et al. 2018, arXiv:1806.06920). The policy is
fitted to it on the tokens of rated answers (the M-step), over the whole vocabulary, so that nothing
is left to chance: what a word is worth, PPO's few draws would tell it only roughly. PPO goes on from
there with what must be drawn to be known.
Only the last layer is fitted. It has all that this takes, as the same words are favoured wherever an
answer stands, and more layers would rather learn these answers by heart.
A word that an answer has already is favoured no more: whoever likes some words likes answers that have
them, not one that goes on repeating them. Marks, digits and new lines may come again.
Where a token leads may count too (`training.foresight`): some are worth nothing, and begin what is.
A sharpness above 1 makes up for odd words by being surer of all others, so answers stay natural.
On `training.anchors` it is held to the base as it is: what is answered isn't a matter of style.
Knows neither who rated nor how an exam is sat.

Shapes: B answers, T tokens of prompt and answer, N answer tokens, C likely tokens, D hidden size, V
vocabulary.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from training.anchors import ANCHORS
from training.config import TrainingConfig
from training.foresight import Foresight, likely
from training.kinds import KINDS
from training.policy import Policy, gradient_step
from training.projection import MOST, Places, Tilt, Wanted, divergences
from training.prompts import Answer
from training.rollout import CHUNK, Answers, given
from training.worths import Worths

LOOKED_AT = 256
"""Answer tokens by which the price is found."""
HALVINGS = 16
PRICES = (1e-4, 1e2)
"""Between which the price of a nat lies, in standard deviations of the score."""


@dataclass(frozen=True)
class Seen:
    """Answers as they come to the last layer, and what the base makes of them: run once."""

    ids_BT: Tensor
    mask_BT: Tensor
    below_BTD: Tensor
    base_BTD: Tensor
    likely_BTC: Tensor  # tokens that may come next
    ahead_BTC: Tensor  # and what each of them leads to

    def __len__(self) -> int:
        return len(self.ids_BT)

    def rows(self, index: Tensor) -> "Seen":
        """Return some of the answers, cut to the longest of them."""
        width = int(self.mask_BT[index].any(0).nonzero().max()) + 1
        whole = (self.ids_BT, self.mask_BT, self.below_BTD, self.base_BTD)
        ahead = (self.likely_BTC, self.ahead_BTC)
        return Seen(*(part[index, :width] for part in (*whole, *ahead)))

    @property
    def inside(self) -> Tensor:
        """Where the next token is one of the answer's, BT without the last place."""
        return self.mask_BT[:, 1:]

    @property
    def base_ND(self) -> Tensor:
        """The base's state before each answer token."""
        return self.base_BTD[:, :-1][self.inside]

    @property
    def places(self) -> Places:
        """Where the answer tokens stand."""
        length = int(self.mask_BT.sum(1).max())
        start_B = self.mask_BT.int().argmax(1)
        at_BL = start_B[:, None] + torch.arange(length, device=start_B.device)
        answer_BL = self.ids_BT.gather(1, at_BL.clamp_max(self.ids_BT.shape[1] - 1))
        number_BT = self.mask_BT.cumsum(1)[:, 1:]
        likely_NC, ahead_NC = (
            part[:, :-1][self.inside] for part in (self.likely_BTC, self.ahead_BTC)
        )
        return Places(
            number_BT[self.inside], answer_BL[self.inside.nonzero()[:, 0]], likely_NC, ahead_NC
        )


@torch.no_grad()
def see(policy: Policy, answers: Answers, foresight: Foresight | None = None) -> Seen:
    """Run the layers below the last one, as they are now, and the base's over answers.

    With `foresight` also look what else may come at each place, and where that leads.
    """
    below, base = [], []
    for trunk_BTD in answers.trunk_BTD.split(CHUNK):
        below.append(policy.below_last(trunk_BTD))
        with policy.as_reference():
            base.append(policy.top(trunk_BTD))
    base_BTD = torch.cat(base)
    ahead = likely(policy, answers, base_BTD, foresight)
    return Seen(answers.ids_BT, answers.mask_BT, torch.cat(below), base_BTD, *ahead)


def tilt(policy: Policy, seen: Seen, worths: Worths, config: TrainingConfig) -> Tilt:
    """Return the base bent to what is worth most within `tilt_kl` nats per token of it."""
    base_ND = seen.base_ND
    some = torch.randperm(len(base_ND))[:LOOKED_AT]
    logits_NV, places = policy.logits(base_ND[some]), seen.places.rows(some)
    low, high = map(math.log, PRICES)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        bent = _at(math.exp(middle), worths, policy, config)
        far = float(bent.distance(logits_NV, places).mean()) > config.tilt_kl
        low, high = (middle, high) if far else (low, middle)
    return _at(math.exp(high), worths, policy, config)


def anchors(policy: Policy, config: TrainingConfig) -> Answers:
    """Return the answers on which the policy is to stay as the base is."""
    items = [([{"role": "user", "content": question}], Answer(text)) for question, text in ANCHORS]
    return given(policy, items, config)


def learn(
    policy: Policy, taught: Seen, held: Seen, tilt: Tilt, config: TrainingConfig
) -> list[float]:
    """Fit the policy to the tilted base, and on answers that are `held` to the base as it is.

    Returns the KL of the tilted base to the policy before each step, per token.
    """
    nothing_V = torch.zeros_like(tilt.nats_V)
    as_it_is = Tilt(nothing_V, nothing_V, torch.zeros(config.max_answer + 1), tilt.stops)
    trained, found = policy.last_parameters, list[float]()
    optimiser = torch.optim.AdamW(trained, lr=config.tilt_rate, weight_decay=0.0)
    for rows in _batches(len(taught), config):
        left = min(1.0, 2 - 2 * len(found) / config.tilt_steps)
        optimiser.param_groups[0]["lr"] = config.tilt_rate * left
        far = _loss(policy, taught.rows(rows), tilt)
        some = torch.randperm(len(held))[: config.rated_batch]
        loss = far + _loss(policy, held.rows(some), as_it_is)
        gradient_step(optimiser, loss, trained, config.grad_norm)
        found.append(float(far.detach()))
    return found


def _at(price: float, worths: Worths, policy: Policy, config: TrainingConfig) -> Tilt:
    nats_V = (worths.words_V / price).clamp(-MOST, MOST)
    words_V = policy.base.kinds_VC[:, KINDS.index("letters")] > 0
    return Tilt(
        nats_V.to(policy.base.device),
        torch.where(words_V, nats_V.clamp_max(0), nats_V).to(policy.base.device),
        (worths.ending_T / price).clamp(-MOST, MOST).to(policy.base.device),
        sorted(policy.base.stop_ids),
        config.tilt_sharpness,
        price,
    )


def _batches(size: int, config: TrainingConfig) -> Iterator[Tensor]:
    """Yield row numbers for each step: every answer comes before any comes again."""
    needed = config.tilt_steps * config.rated_batch
    rounds = [torch.randperm(size) for _ in range(-(-needed // size))]
    yield from torch.cat(rounds)[:needed].split(config.rated_batch)


def _loss(policy: Policy, seen: Seen, tilt: Tilt) -> Tensor:
    """Return the mean KL of what `seen` is tilted to, to the policy."""
    own_ND = policy.last(seen.below_BTD)[:, :-1][seen.inside]
    wanted = Wanted(seen.base_ND, seen.places, tilt)
    head = policy.base.model.get_output_embeddings()
    return divergences(own_ND, wanted, head, policy.plain_temperature).mean()

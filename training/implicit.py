"""What people's gestures say about answers they didn't rate. Pure: knows no database and no model.

The weight of a gesture is its log-likelihood ratio, log P(gesture | liked) / P(gesture | disliked),
counted on answers that carry a thumb too. An answer's score is r = tanh(sum of weights / 2), which
is 2 P(liked) - 1 under even odds and independent gestures. Nothing is learnt from scores that
haven't foretold thumbs which they had not seen.

Departure from the usual naive Bayes: the share of liked answers stays out of r. It is no news about
any one answer, and where most thumbs are up it would turn what was regenerated into something liked.
It is in the chances of the reliability curve, which are held against how many were liked.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage.transcripts import Transcript
from training.calibration import ENOUGH, Calibration, Foretold, calibrate
from training.gestures import DWELL, EVENTS, Clues, Gestures, compare, gestures

PRIORS = {
    "copy": 0.3,
    "snippet": 0.2,
    "regenerate": -0.4,  # as REGENERATED in targets
    "undo": -0.2,  # a rephrasing, with nothing to judge whether the answer was to blame
    "stop": -0.1,  # as leaving early
    "thank": 0.4,
    "complain": -0.5,
    "rephrase": -0.3,
    "resend": -0.3,  # as undoing, and the question wasn't dropped
    DWELL: 0.1,  # for each standard deviation
}
"""What r a gesture by itself comes to before anything was counted; a thumb is 1. From published
chats, as far as there are any (Chai, arXiv:2303.06135; IFLLM, arXiv:2606.20482)."""
STRENGTH = 10.0
"""How many counted gestures weigh as much as the prior. With ten a regeneration is bad with nine
chances in ten before any is counted: the priors' signs are believed, their sizes hardly."""
CAP = 0.6
"""Highest |r|: no gesture is worth a thumb."""
PER_RATER = 8
"""Labels that one rater's gestures may give; at the cap all together weigh less than five thumbs."""
LEAST = 0.05
"""Lowest |r| of a label: learning from one costs as much as from a thumb."""
FOLDS = 5


@dataclass(frozen=True)
class Implicit:
    """What came of counting. `labels` is r by answer, and empty unless thumbs bear it out."""

    calibration: Calibration
    weights: dict[str, float]
    labels: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return self.calibration.as_json() | {"weights": self.weights}


def learn(transcripts: Iterable[Transcript]) -> Implicit:
    """Weigh gestures by thumbs, hold the scores against thumbs they haven't seen, and label the rest.

    Thumbs in held-out conversations count as well: they come to ten numbers about gestures, and to
    none about what any answer says.
    """
    clues = compare([one for t in transcripts for one in gestures(t)])
    judged = [c for c in clues if c.answer.liked is not None]
    calibration = calibrate(_unseen(judged))
    known = weights(judged)
    labels = _labels(clues, known) if calibration.trusted else {}
    return Implicit(calibration, known, labels)


def weights(judged: Sequence[Clues]) -> dict[str, float]:
    """Return the log-likelihood ratio of each gesture, shrunk to its prior.

    By Bayes that of an event is logit P(liked | event) - logit P(liked), and the share of liked
    answers with the event has a Beta prior. So rare events keep their prior, however many more
    answers are liked than disliked. Looks are normal with deviation 1 among liked and disliked
    answers; a look's weight is the difference of the means.
    """
    base = _logit(_share_liked(judged))
    found = {}
    for event in EVENTS:
        liked = [bool(c.answer.liked) for c in judged if event in c.answer.events]
        expected = STRENGTH * _sigmoid(base + _ratio(event))
        found[event] = _logit((sum(liked) + expected) / (len(liked) + STRENGTH)) - base
    return found | {DWELL: _look_weight(judged)}


def score(clues: Clues, known: dict[str, float]) -> float:
    """Return r of an answer, from -CAP to CAP."""
    r = math.tanh(sum(known[name] * size for name, size in clues.beyond.items()) / 2)
    return min(CAP, max(-CAP, r))


def _look_weight(judged: Sequence[Clues]) -> float:
    looks = [(c.beyond[DWELL], c.answer.liked) for c in judged if DWELL in c.beyond]
    middle = sum(z for z, _ in looks) / max(len(looks), 1)

    def mean(prior: float, *, liked: bool) -> float:
        found = [z for z, this in looks if this is liked]
        return (sum(found) + STRENGTH * (middle + prior)) / (len(found) + STRENGTH)

    half = _ratio(DWELL) / 2
    return mean(half, liked=True) - mean(-half, liked=False)


def _unseen(judged: Sequence[Clues]) -> list[Foretold]:
    """Score each rated answer with weights counted on other people's answers alone."""
    units = _units([c.answer for c in judged])
    fold_of = {unit: place % FOLDS for place, unit in enumerate(sorted(set(units)))}
    folds = [fold_of[unit] for unit in units]
    found = []
    for fold in range(FOLDS):
        rest = [c for c, other in zip(judged, folds, strict=True) if other != fold]
        known, base = weights(rest), _logit(_share_liked(rest))
        for one, unit in zip(judged, units, strict=True):
            if fold_of[unit] == fold:
                r = score(one, known)
                chance = _sigmoid(base + 2 * math.atanh(r))
                found.append(Foretold(r, chance, bool(one.answer.liked), unit))
    return found


def _units(answers: Sequence[Gestures]) -> list[str]:
    """Return whose each answer is: the rater, or what is smaller where there are few of them."""
    raters = [a.rater for a in answers]
    conversations = [a.conversation for a in answers]
    questions = [a.question for a in answers]
    enough = (u for u in (raters, conversations) if len(set(u)) >= ENOUGH)
    return next(enough, questions)


def _labels(clues: Sequence[Clues], known: dict[str, float]) -> dict[str, float]:
    """Score the answers that nothing else was said about: of each rater those that say most."""
    scores: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for one in clues:
        r = score(one, known)
        if abs(r) >= LEAST and not one.answer.spoken:
            scores[one.answer.rater].append((r, one.answer.message))
    strongest = (sorted(rs, key=lambda r: (-abs(r[0]), r[1]))[:PER_RATER] for rs in scores.values())
    return {message: r for rs in strongest for r, message in rs}


def _share_liked(judged: Sequence[Clues]) -> float:
    return (sum(bool(c.answer.liked) for c in judged) + 1) / (len(judged) + 2)


def _ratio(name: str) -> float:
    """Return the log-likelihood ratio at which a gesture by itself comes to its prior."""
    return 2 * math.atanh(PRIORS[name])


def _logit(share: float) -> float:
    return math.log(share / (1 - share))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))

"""What people said and did, as weighted targets to learn from. Pure: knows no database and no model.

A rating is a target of 1 or 0; scores are one in between, and beside a rating their mean with it.
An edit and a choice make pairs, and so does a regenerated draft when its successor was kept. Explicit
feedback overrides what a signal suggests: only answers that nobody spoke of have targets by gestures
(`training.implicit`), and only training sees these. However much one person says, it stays one
person's view.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from storage.models import Message
from storage.transcripts import Transcript
from training.form import words
from training.gestures import regenerated
from training.prompts import OWN_END, Answer, Turn

REGENERATED = 0.4
"""Weight of "asked again and stayed with the new draft", where a choice weighs 1: the prior for a
regeneration from published chats (Chai, arXiv:2303.06135, uses it as a label by itself)."""
BOTH_BAD = 0.5
"""Weight of each of two drafts that were both called bad."""
MOST_OF_ONE = 3.0
"""How much one rater counts at most, in opinions of the median rater: a flood is one person's view."""
NO_FLOOD = 0.1
"""Share of what all others said that is none: beside many who rate once, whoever comes back isn't cut."""
FEWEST_RATERS = 3
RUN = 4
"""Questions of a conversation that stand or fall together where it is parted."""
UNSAID = Answer("", ended=False)
"""What broke off before its first word: there is nothing to judge."""
IMPLICIT = "implicit"
"""Source of the targets that nobody spoke out."""


class TooLittle(Exception):
    """There isn't enough feedback to learn from yet."""


@dataclass(frozen=True)
class Place:
    """Where an answer was given: its conversation, the question, which run of `RUN` that is in, to whom."""

    conversation: str
    question: str
    run: int = 0
    at: float = 0.0
    """When the answer was given, in seconds."""
    rater: str = ""


@dataclass(frozen=True)
class Rated:
    """One answer with what was thought of it, from 0 to 1."""

    turns: list[Turn]
    answer: Answer
    target: float
    weight: float
    place: Place
    source: str


@dataclass(frozen=True)
class Pair:
    """Two answers to the same turns, one of which was preferred."""

    turns: list[Turn]
    chosen: Answer
    rejected: Answer
    weight: float
    place: Place
    source: str


@dataclass(frozen=True)
class Prompt:
    """Turns that end with a person's, to be answered again."""

    turns: list[Turn]
    place: Place

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """What is the same where others ask the same."""
        return tuple((turn["role"], turn["content"]) for turn in self.turns)


@dataclass(frozen=True)
class Targets:
    """Everything there is to learn from."""

    rated: list[Rated] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)

    @property
    def labels(self) -> int:
        """How many opinions there are; a pair counts as one."""
        return len(self.rated) + len(self.pairs)

    @property
    def weight(self) -> float:
        """What all opinions weigh together."""
        return sum(r.weight for r in self.rated) + sum(p.weight for p in self.pairs)

    def newest(self, number: int) -> "Targets":
        """Return the opinions of the newest answers, in order; what nobody spoke out gives way first."""
        opinions: list[Rated | Pair] = [*self.rated, *self.pairs]
        opinions.sort(key=lambda one: (one.source != IMPLICIT, one.place.at))
        kept = opinions[-number:]
        return replace(
            self,
            rated=[one for one in kept if isinstance(one, Rated)],
            pairs=[one for one in kept if isinstance(one, Pair)],
        )

    def parted(self, inside: Callable[[Place], bool]) -> tuple["Targets", "Targets"]:
        """Return the opinions of answers that were given inside, and all others."""
        sides = Targets(), Targets()
        for rated in self.rated:
            sides[not inside(rated.place)].rated.append(rated)
        for pair in self.pairs:
            sides[not inside(pair.place)].pairs.append(pair)
        return sides

    @property
    def places(self) -> list[Place]:
        """Where the answers were given that there is an opinion of."""
        return [r.place for r in self.rated] + [p.place for p in self.pairs]

    @property
    def said(self) -> list[Rated]:
        """Return the answers that people spoke of."""
        return [r for r in self.rated if r.source != IMPLICIT]


NOTHING: Mapping[str, float] = {}


def build(
    transcripts: Iterable[Transcript], implied: Mapping[str, float] = NOTHING, fewest: int = 1
) -> Targets:
    """Turn what was said in some conversations into targets; the newest of each kind counts.

    `implied` is what gestures say of answers by id, from -1 to 1. Its targets come first. What a
    rater said counts from the `fewest` opinions on.
    """
    targets = Targets()
    quiet: list[Rated] = []
    raters: list[tuple[str, int, int]] = []
    for transcript in transcripts:
        quiet.extend(_implied(transcript, implied))
        rated = [r for r in _rated(transcript) if r.answer != UNSAID]
        pairs = [p for p in _pairs(transcript) if len({p.chosen, p.rejected} - {UNSAID}) == 2]
        targets.rated.extend(rated)
        targets.pairs.extend(pairs)
        targets.prompts.extend(_prompts(transcript, implied))
        raters.append((transcript.rater, len(rated), len(pairs)))
    _share_out(targets, raters, fewest)
    targets.rated[:0] = quiet
    return targets


def _share_out(targets: Targets, raters: Sequence[tuple[str, int, int]], fewest: int) -> None:
    """Let each rater's opinions weigh their share; `raters` gives, in order, whose opinions are whose.

    Those of raters with less than the `fewest` are left out.
    """
    said: Counter[str] = Counter()
    for rater, rated, pairs in raters:
        said[rater] += rated + pairs
    share = _shares({rater: count for rater, count in said.items() if count >= fewest})
    of_rated = [share.get(rater, 0.0) for rater, rated, _ in raters for _ in range(rated)]
    of_pairs = [share.get(rater, 0.0) for rater, _, pairs in raters for _ in range(pairs)]
    targets.rated[:] = [
        replace(r, weight=r.weight * part)
        for r, part in zip(targets.rated, of_rated, strict=True)
        if part
    ]
    targets.pairs[:] = [
        replace(p, weight=p.weight * part)
        for p, part in zip(targets.pairs, of_pairs, strict=True)
        if part
    ]


def _shares(said: Mapping[str, int]) -> dict[str, float]:
    """Return what share of a rater's opinions counts, by how many there are: `MOST_OF_ONE`.

    Of two people nobody can tell which of them speaks for the others, so that takes three.
    """
    if len(said) < FEWEST_RATERS:
        return dict.fromkeys(said, 1.0)
    usual, total = MOST_OF_ONE * median(said.values()), sum(said.values())
    return {
        rater: min(1.0, max(usual, NO_FLOOD * (total - count)) / count)
        for rater, count in said.items()
    }


def lengths_liked(targets: Targets) -> tuple[float, float]:
    """Return how short and how long liked answers are, beside the mean of all rated ones.

    The shortest and the longest tenth don't count. Without any liked answer it is (1, 1).
    """
    liked = [_words(r.answer) for r in targets.said if r.target >= 0.5]
    liked += [_words(p.chosen) for p in targets.pairs]
    rest = [_words(r.answer) for r in targets.said if r.target < 0.5]
    rest += [_words(p.rejected) for p in targets.pairs]
    if not sum(liked):
        return 1.0, 1.0
    mean = (sum(liked) + sum(rest)) / (len(liked) + len(rest))
    ordered, tenth = sorted(liked), len(liked) // 10
    return ordered[tenth] / mean, ordered[-1 - tenth] / mean


def _words(answer: Answer) -> int:
    return len(words(answer.text))


def place(transcript: Transcript, answer: Message) -> Place:
    """Return where an answer was given."""
    before = transcript.asked_before(answer)
    at = answer.created_at.timestamp()
    question = answer.parent_id or answer.id
    return Place(answer.conversation_id, question, before // RUN, at, transcript.rater)


def given(message: Message) -> Answer:
    """Return an answer as the model gave it."""
    broken_off = not message.text and message.stop_reason is None  # or not begun yet
    return Answer(message.text, message.stop_reason in OWN_END and not broken_off)


def _rated(transcript: Transcript) -> Iterable[Rated]:
    ratings, scores, messages = transcript.ratings(), transcript.scores(), transcript.messages
    for mid, value in ratings.items():
        target = 1.0 if value > 0 else 0.0
        target = (target + scores[mid]) / 2 if mid in scores else target
        yield _opinion(transcript, messages[mid], given(messages[mid]), target, "rating")
    for mid in scores:
        if mid not in ratings:
            yield _opinion(transcript, messages[mid], given(messages[mid]), scores[mid], "scores")
    for mid, text in transcript.edits().items():
        yield _opinion(transcript, messages[mid], Answer(text), 1.0, "edit")
    for both, choice in transcript.choices().items():
        if choice.verdict == "both_bad":
            for mid in sorted(both - set(ratings)):
                yield _opinion(transcript, messages[mid], given(messages[mid]), 0.0, "both_bad")


def _opinion(
    transcript: Transcript, message: Message, answer: Answer, target: float, source: str
) -> Rated:
    weight = BOTH_BAD if source == "both_bad" else 1.0
    return Rated(
        transcript.prompt(message), answer, target, weight, place(transcript, message), source
    )


def _pairs(transcript: Transcript) -> Iterable[Pair]:
    messages = transcript.messages
    for mid, text in transcript.edits().items():
        yield _pair(transcript, Answer(text), messages[mid], 1.0, "edit")
    for choice in transcript.choices().values():
        if choice.verdict == "better" and choice.other_id:
            chosen = given(messages[choice.message_id])
            yield _pair(transcript, chosen, messages[choice.other_id], 1.0, "choice")
    for old, kept in regenerated(transcript):
        yield _pair(transcript, given(kept), old, REGENERATED, "regenerate")


def _pair(
    transcript: Transcript, chosen: Answer, rejected: Message, weight: float, source: str
) -> Pair:
    turns = transcript.prompt(rejected)
    return Pair(turns, chosen, given(rejected), weight, place(transcript, rejected), source)


def _implied(transcript: Transcript, implied: Mapping[str, float]) -> Iterable[Rated]:
    """Yield what gestures say: a target of P(liked) under even odds, weighing what it is sure of."""
    for answer in transcript.answers():
        r = implied.get(answer.id)
        if r is not None:
            turns, target = transcript.prompt(answer), (1 + r) / 2
            where = place(transcript, answer)
            yield Rated(turns, given(answer), target, abs(r), where, IMPLICIT)


def _prompts(transcript: Transcript, implied: Mapping[str, float]) -> Iterable[Prompt]:
    """Yield each question that was answered, once; where nothing was said, those with a target."""
    answers = transcript.answers()
    if not transcript.feedback:
        answers = [answer for answer in answers if answer.id in implied]
    first = {answer.parent_id: answer for answer in reversed(answers)}
    for answer in first.values():
        yield Prompt(transcript.prompt(answer), place(transcript, answer))

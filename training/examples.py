"""Targets in the forms that TRL's trainers take: answers liked or not, better ones beside worse.

TRL's losses know no weights, so what someone's behaviour only suggests is left out. Pure: knows no
tokens and no trainer.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from training.prompts import Answer, Turn
from training.targets import IMPLICIT, Targets, TooLittle

DONE = (IMPLICIT, "regenerate")
"""Sources of what people didn't say outright."""

Key = tuple[tuple[str, str], ...]
"""Turns, such that the same question asked twice is one."""


@dataclass(frozen=True)
class Opinion:
    """An answer that was liked or wasn't."""

    turns: list[Turn]
    answer: Answer
    liked: bool


@dataclass(frozen=True)
class Preference:
    """Two answers to the same turns, one of them better."""

    turns: list[Turn]
    chosen: Answer
    rejected: Answer


def opinions(targets: Targets) -> list[Opinion]:
    """Return each answer once; what a thumb says of it outweighs what a choice implies."""
    found: dict[tuple[str, Answer], Opinion] = {}
    for rated in targets.rated:
        if rated.source not in DONE:
            key = (rated.place.question, rated.answer)
            found[key] = Opinion(rated.turns, rated.answer, rated.target >= 0.5)
    for pair in targets.pairs:
        if pair.source not in DONE:
            for answer, liked in ((pair.chosen, True), (pair.rejected, False)):
                one = Opinion(pair.turns, answer, liked)
                found.setdefault((pair.place.question, answer), one)
    return list(found.values())


def preferences(targets: Targets) -> list[Preference]:
    """Return each pair once: choices and edits, then liked beside disliked answers to the same turns.

    Between answers to different questions nobody ever chose, so those make no pair.
    """
    found: dict[tuple[Key, Answer, Answer], Preference] = {}
    for pair in targets.pairs:
        if pair.source not in DONE:
            key = (_key(pair.turns), pair.chosen, pair.rejected)
            found[key] = Preference(pair.turns, pair.chosen, pair.rejected)
    for made in _from_thumbs(targets):
        asked = _key(made.turns)
        if (asked, made.rejected, made.chosen) not in found:  # a choice outweighs two thumbs
            found.setdefault((asked, made.chosen, made.rejected), made)
    return list(found.values())


def _from_thumbs(targets: Targets) -> Iterator[Preference]:
    """Put each rated answer beside one of the other kind; all with all would let one question rule."""
    liked: dict[Key, list[Answer]] = defaultdict(list)
    disliked: dict[Key, list[Answer]] = defaultdict(list)
    for rated in targets.rated:
        if rated.source not in DONE:
            side = liked if rated.target >= 0.5 else disliked
            side[_key(rated.turns)].append(rated.answer)
    for key, better in liked.items():
        worse = disliked.get(key, [])
        turns = [{"role": role, "content": content} for role, content in key]
        for i in range(max(len(better), len(worse)) if worse else 0):
            chosen, rejected = better[i % len(better)], worse[i % len(worse)]
            if chosen != rejected:
                yield Preference(turns, chosen, rejected)


def check(targets: Targets, update: str) -> None:
    """Refuse what `update` can't learn from.

    Raises:
        TooLittle: with what is missing.
    """
    kinds = {opinion.liked for opinion in opinions(targets)}
    if update == "kto" and len(kinds) < 2:
        raise TooLittle("KTO needs liked and disliked answers; all ratings say the same.")
    if update == "sft" and True not in kinds:
        raise TooLittle("SFT needs liked answers to imitate, and there is none.")
    if update == "dpo" and not preferences(targets):
        raise TooLittle(
            "DPO needs pairs: a choice, an edit, or a liked and a disliked answer to the same question."
        )


def _key(turns: list[Turn]) -> Key:
    return tuple((turn["role"], turn["content"]) for turn in turns)

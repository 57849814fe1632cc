"""What people did with each answer, beside what they usually do. Pure: knows no database and no weight.

Gestures are what the service and `hitl_chat/signals.py` store: copying, asking again, undoing,
stopping, time on the screen, and whether the next message thanks, complains or asks the same. How
far people scrolled, how soon they wrote again and whether they left is stored and says nothing
here: every conversation ends with leaving. Answers that broke off are left out, and asking again
after a stop says nothing.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from storage.models import Message, Signal
from storage.transcripts import Transcript

WORDED = ("thank", "complain", "rephrase", "resend")
"""What the next message comes to."""
EVENTS = ("copy", "snippet", "regenerate", "undo", "stop", *WORDED)
DWELL = "dwell"
UNBROKEN = ("eos", "length")
"""Stop reasons of answers that neither their person nor a fault broke off."""
WHOLE = 0.5
"""Share of an answer's characters from which on copying is a copy, not a snippet."""
CLIP = 2.0
"""Standard deviations beyond which a look is no longer or shorter: someone left the room."""
TINY = 1e-6


@dataclass(frozen=True)
class Gestures:
    """What one person did with one answer, and what they said about it."""

    message: str
    question: str
    conversation: str
    rater: str
    words: int
    events: frozenset[str]  # of EVENTS
    dwell_ms: float  # on the screen; 0 if unknown
    liked: bool | None  # by their thumb, if they gave one
    spoken: bool  # whether feedback or a pair says something about it already


@dataclass(frozen=True)
class Clues:
    """Gestures, and how far each goes beyond this person's usual: an event's mean, a look's z."""

    answer: Gestures
    beyond: dict[str, float]


def gestures(transcript: Transcript) -> Iterator[Gestures]:
    """Yield the answers that somebody did something with; looking is doing."""
    signals: dict[str, list[Signal]] = defaultdict(list)
    for signal in transcript.signals:
        signals[signal.message_id].append(signal)
    ratings, spoken = transcript.ratings(), _spoken(transcript)
    for answer in transcript.answers():
        done = signals[answer.id]
        if done and answer.stop_reason in (*UNBROKEN, "stop"):
            yield Gestures(
                message=answer.id,
                question=answer.parent_id or answer.id,
                conversation=answer.conversation_id,
                rater=done[0].rater_id,
                words=len(answer.text.split()),
                events=frozenset(_events(answer, done)),
                dwell_ms=sum(s.amount or 0.0 for s in done if s.kind == "dwell_ms"),
                liked=ratings[answer.id] > 0 if answer.id in ratings else None,
                spoken=answer.id in spoken,
            )


def regenerated(transcript: Transcript) -> Iterator[tuple[Message, Message]]:
    """Find drafts that were asked again, with the later one that the person went on from."""
    ratings = transcript.ratings()
    parents = {m.parent_id for m in transcript.messages.values()}
    for mid in sorted({s.message_id for s in transcript.signals if s.kind == "regenerate"}):
        old = transcript.messages[mid]
        if ratings.get(mid, -1) > 0 or old.stop_reason not in UNBROKEN:
            continue  # liked all the same, or asked again because it broke off
        later = [d for d in transcript.drafts(old) if d.created_at > old.created_at]
        kept = [d for d in later if d.id in parents]
        if kept:
            yield old, kept[-1]


def compare(answers: Sequence[Gestures]) -> list[Clues]:
    """Put each answer's gestures beside what the same person usually does.

    So whoever always copies says nothing by it, and of whoever was seen once nothing is known.
    """
    who = [answer.rater for answer in answers]
    looks = attention(answers)
    beyond = {e: centred([float(e in a.events) for a in answers], who) for e in EVENTS}
    clues = []
    for place, answer in enumerate(answers):
        look = {DWELL: looks[answer.message]} if answer.message in looks else {}
        clues.append(Clues(answer, {e: beyond[e][place] for e in EVENTS} | look))
    return clues


def attention(answers: Sequence[Gestures]) -> dict[str, float]:
    """Return how much longer each answer was looked at than its length and its reader explain.

    That is the residual of log time on log words, both centred by rater (the fixed effects
    estimator: what one reader's pace explains is nobody else's slope), in standard deviations.
    """
    timed = [a for a in answers if a.dwell_ms >= 1]
    who = [a.rater for a in timed]
    time = centred([math.log(a.dwell_ms) for a in timed], who)
    length = centred([math.log1p(a.words) for a in timed], who)
    slope = _dot(time, length) / max(_dot(length, length), TINY)
    rest = [t - slope * n for t, n in zip(time, length, strict=True)]
    freedom = max(1, len(timed) - len(set(who)) - 1)
    deviation = math.sqrt(_dot(rest, rest) / freedom)
    if deviation < TINY:  # length explains everything
        return dict.fromkeys((a.message for a in timed), 0.0)
    return {
        a.message: min(CLIP, max(-CLIP, r / deviation)) for a, r in zip(timed, rest, strict=True)
    }


def centred(values: Sequence[float], groups: Sequence[str]) -> list[float]:
    """Return each value less the mean of its group."""
    members: dict[str, list[float]] = defaultdict(list)
    for value, group in zip(values, groups, strict=True):
        members[group].append(value)
    means = {group: sum(found) / len(found) for group, found in members.items()}
    return [value - means[group] for value, group in zip(values, groups, strict=True)]


def _events(answer: Message, done: Sequence[Signal]) -> Iterator[str]:
    resent = any(signal.kind == "resend" for signal in done)  # undoing was the way to that
    for signal in done:
        if signal.kind == "copy":
            whole = (signal.amount or 0.0) >= WHOLE * len(answer.text)
            yield "copy" if whole else "snippet"
        elif signal.kind == "regenerate" and answer.stop_reason in UNBROKEN:
            yield "regenerate"
        elif signal.kind in ("stop", *WORDED) or (signal.kind == "undo" and not resent):
            yield signal.kind


def _spoken(transcript: Transcript) -> set[str]:
    """Return the answers that a word was said about, even one taken back, or that lost a pair."""
    said = {m for f in transcript.feedback for m in (f.message_id, f.other_id) if m}
    return said | {old.id for old, _ in regenerated(transcript)}


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))

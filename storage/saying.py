"""What people say on purpose, checked, and about no answer yet. Knows no session and whose it is."""

from collections.abc import Mapping, Sequence

from storage import guidelines
from storage.models import Feedback

MAX_COMMENT = 2_000
REASONS = (
    "Wrong facts",
    "Didn't follow the request",
    "Too long",
    "Too short",
    "Style or tone",
    "Other",
)
VERDICTS = ("better", "tie", "both_bad")


def new_rating(value: int, reasons: Sequence[str] = (), comment: str = "") -> Feedback:
    """Return a rating.

    Raises:
        ValueError: a value, reason or comment that can't be taken.
    """
    if type(value) is not int or value not in (1, -1, 0):  # True and 1.0 are no ratings
        raise ValueError(f"The rating is {value!r}. Use 1, -1, or 0 to take it back.")
    row = Feedback(kind="rating", value=value)
    if value:
        row.reasons = _reasons(reasons)
        row.comment = _comment(comment)
    return row


def new_scores(guideline: str, scores: Mapping[str, int]) -> Feedback:
    """Return scores.

    Raises:
        ValueError: a guideline, criterion or score that there isn't.
    """
    given = _scores(guideline, scores)
    return Feedback(kind="scores", guideline=guideline, scores=given or None)


def new_edit(text: str) -> Feedback:
    """Return an edit.

    Raises:
        ValueError: the text is empty.
    """
    wanted = _storable(text, "The edited answer")
    if not wanted.strip():
        raise ValueError("The edited answer is empty. Write the answer that you wanted.")
    return Feedback(kind="edit", text=wanted)


def new_choice(verdict: str) -> Feedback:
    """Return a choice, still without what it was made against.

    Raises:
        ValueError: an unknown verdict.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"The verdict is {verdict!r}. Use one of {', '.join(VERDICTS)}.")
    return Feedback(kind="choice", verdict=verdict)


def storable(text: str) -> str:
    """Return text as every database takes it: no NUL, no halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _reasons(reasons: Sequence[str]) -> list[str]:
    if isinstance(reasons, str) or not isinstance(reasons, Sequence):
        raise ValueError("The reasons are not a list.")  # noqa: TRY004 - what a user gave
    for reason in reasons:
        if reason not in REASONS:
            raise ValueError(f"Unknown reason {reason!r}. Use some of: {'; '.join(REASONS)}.")
    return list(dict.fromkeys(reasons))


def _scores(name: object, scores: object) -> dict[str, int]:
    guideline = guidelines.KNOWN.get(name) if isinstance(name, str) else None
    if guideline is None:
        raise ValueError(f"Unknown guideline {name!r}. Use one of {', '.join(guidelines.KNOWN)}.")
    if not isinstance(scores, Mapping):
        raise ValueError("The scores are not by criterion.")  # noqa: TRY004 - what a user gave
    for criterion, value in scores.items():
        if criterion not in guideline.criteria:
            known = ", ".join(guideline.criteria)
            raise ValueError(f"Unknown criterion {criterion!r}. Use some of {known}.")
        if type(value) is not int or not guidelines.LOWEST <= value <= guidelines.HIGHEST:
            raise ValueError(f"The score is {value!r}. Use a whole number from 1 to 5.")
    return dict(scores)


def _comment(comment: str) -> str:
    text = _storable(comment, "The comment").strip()
    if len(text) > MAX_COMMENT:
        raise ValueError(
            f"The comment has {len(text):,} characters; the limit is {MAX_COMMENT:,}. Shorten it."
        )
    return text


def _storable(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise ValueError(f"{what} is not text.")  # noqa: TRY004 - what a user gave
    return storable(text)

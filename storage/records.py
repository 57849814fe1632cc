"""One record for each answer, with all that is known of it: raw, and as Argilla takes it. Pure."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from storage.models import Feedback, Message
from storage.names import pseudonym
from storage.transcripts import Transcript

Row = dict[str, Any]

SCHEMA: dict[str, Any] = {
    "message": "string",
    "conversation": "string",
    "rater": "string",
    "created_at": "time",
    "prompt": [{"role": "string", "content": "string"}],
    "answer": "string",
    "drafts": [{"message": "string", "answer": "string", "version": "string"}],
    "feedback": [
        {
            "kind": "string",
            "value": "int",
            "reasons": ["string"],
            "comment": "string",
            "text": "string",
            "other": "string",
            "verdict": "string",
            "scores": "string",
            "guideline": "string",
            "created_at": "time",
        }
    ],
    "signals": [{"kind": "string", "amount": "float", "created_at": "time"}],
    "version": "string",
    "base": "string",
    "engine": "string",
    "sampling": "string",
    "seed": "int",
    "prompt_tokens": "int",
    "completion_tokens": "int",
    "first_token_ms": "float",
    "duration_ms": "float",
    "stop_reason": "string",
}
"""The types of `everything`, for files that state them."""


def everything(t: Transcript, answers: Sequence[Message]) -> Iterator[Row]:
    """Yield each answer with all that is known of it.

    Nothing in the lists is null, and sampling settings and scores, which differ between engines and
    tasks, are JSON texts: readers could not settle on a type otherwise.
    """
    rater = pseudonym(t.rater)
    for answer in answers:
        yield {
            "message": answer.id,
            "conversation": t.conversation,
            "rater": rater,
            "created_at": answer.created_at,
            "prompt": t.prompt(answer),
            "answer": answer.text,
            "drafts": [
                {"message": m.id, "answer": m.text, "version": m.version or ""}
                for m in t.drafts(answer)
            ],
            "feedback": [_feedback(f) for f in t.said_of(answer)],
            "signals": [
                {"kind": x.kind, "amount": x.amount or 0.0, "created_at": x.created_at}
                for x in t.done_with(answer)
            ],
            "version": answer.version,
            "base": answer.base,
            "engine": answer.engine,
            "sampling": _json(answer.sampling),
            "seed": answer.seed,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "first_token_ms": answer.first_token_ms,
            "duration_ms": answer.duration_ms,
            "stop_reason": answer.stop_reason or "",
        }


def argilla(t: Transcript, answers: Sequence[Message]) -> Iterator[Row]:
    """Yield the answers that somebody spoke of as Argilla's records.

    Fields are `prompt` (chat) and `answer` (text); questions are `rating` (like or dislike),
    `reasons` (several labels), `comment` and `correction` (texts), and each criterion (1 to 5).
    """
    rater = str(uuid.UUID(pseudonym(t.rater)))
    edits = t.edits()
    for answer in answers:
        said = _said(t, answer)
        if answer.id in edits:
            said["correction"] = edits[answer.id]
        if said:
            yield {
                "id": answer.id,
                "fields": {"prompt": t.prompt(answer), "answer": answer.text},
                "metadata": {
                    "conversation": t.conversation,
                    "version": answer.version or "",
                    "created_at": answer.created_at,
                },
                "suggestions": {},
                "responses": {
                    question: [{"value": value, "user_id": rater, "status": "submitted"}]
                    for question, value in said.items()
                },
                "vectors": {},
            }


def _said(t: Transcript, answer: Message) -> dict[str, Any]:
    """Return what the newest rating and scores of an answer say, by question."""
    newest = {f.kind: f for f in t.said_of(answer)}
    said: dict[str, Any] = dict(newest["scores"].scores or {}) if "scores" in newest else {}
    rating = newest.get("rating")
    if rating and rating.value:
        said["rating"] = "like" if rating.value > 0 else "dislike"
        if rating.reasons:
            said["reasons"] = rating.reasons
        if rating.comment:
            said["comment"] = rating.comment
    return said


def _feedback(f: Feedback) -> Row:
    return {
        "kind": f.kind,
        "value": f.value or 0,
        "reasons": f.reasons or [],
        "comment": f.comment or "",
        "text": f.text or "",
        "other": f.other_id or "",
        "verdict": f.verdict or "",
        "scores": _json(f.scores),
        "guideline": f.guideline or "",
        "created_at": f.created_at,
    }


def _json(values: dict[str, Any] | None) -> str:
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode() if values else "{}"

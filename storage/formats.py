"""What each data set format makes of a conversation. Pure: knows no database and no file.

Columns are exactly the readers' own, TRL's and OpenAI's in their conversational forms. Each form is
given a conversation and those of its answers that it may speak of.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from storage import records, transcripts, trees
from storage.consent import Purpose
from storage.models import Message
from storage.transcripts import Transcript, Turn

Row = dict[str, Any]
Answers = Sequence[Message]


@dataclass(frozen=True)
class Format:
    """One form of the feedback; `rows` gives it for one conversation.

    `kind` is how the rows lie in the file. Where rows carry no ids, equal ones are written once.
    """

    sentence: str
    rows: Callable[[Transcript, Answers], Iterator[Row]]
    read: Callable[[Session, Purpose], Iterator[Transcript]] = transcripts.read_rated
    kind: str = "jsonl"
    has_ids: bool = False


# TRL


def preference(t: Transcript, answers: Answers) -> Iterator[Row]:
    """Yield better and worse answers to one prompt.

    The better one was chosen, or is what the person edited the other into, or is the draft they
    liked beside one they disliked. Where they compared two drafts, thumbs don't say it again.
    """
    seen = set()
    for answer, better, worse in _pairs(t, answers):
        key = (answer.parent_id, better, worse)
        if better != worse and worse.strip() and key not in seen:
            seen.add(key)
            yield {"prompt": t.prompt(answer), "chosen": _said(better), "rejected": _said(worse)}


def implicit_preference(t: Transcript, answers: Answers) -> Iterator[Row]:
    """Yield the same pairs as whole conversations."""
    for row in preference(t, answers):
        yield {side: row["prompt"] + row[side] for side in ("chosen", "rejected")}


def unpaired(t: Transcript, answers: Answers) -> Iterator[Row]:
    """Yield answers with whether the person liked them; what they wrote themselves, they like."""
    ratings, edits = t.ratings(), t.edits()
    for answer in answers:
        if answer.id in ratings:
            yield _unpaired(t, answer, answer.text, liked=ratings[answer.id] > 0)
        if answer.id in edits:
            yield _unpaired(t, answer, edits[answer.id], liked=True)


def prompt_completion(t: Transcript, answers: Answers) -> Iterator[Row]:
    """Yield answers worth imitating: the liked ones and the edited ones."""
    for row in unpaired(t, answers):
        if row.pop("label"):
            yield row


def prompt_only(t: Transcript, answers: Answers) -> Iterator[Row]:
    """Yield what people asked, once however many drafts it has."""
    for answer in {a.parent_id: a for a in answers}.values():
        yield {"prompt": t.prompt(answer)}


def language_modeling(t: Transcript, answers: Answers) -> Iterator[Row]:
    """Yield whole conversations that end with an answer worth imitating."""
    for row in prompt_completion(t, answers):
        yield {"messages": row["prompt"] + row["completion"]}


# OpenAI


def openai_fine_tuning(t: Transcript, answers: Answers) -> Iterator[Row]:
    """Yield the same conversations; only their last answer is to be learnt."""
    for row in prompt_completion(t, answers):
        before = [m if m["role"] == "user" else {**m, "weight": 0} for m in row["prompt"]]
        yield {"messages": [*before, {**row["completion"][0], "weight": 1}]}


def openai_preference(t: Transcript, answers: Answers) -> Iterator[Row]:
    """Yield better and worse answers as OpenAI's preference fine-tuning takes them."""
    for row in preference(t, answers):
        yield {
            "input": {"messages": row["prompt"], "tools": [], "parallel_tool_calls": True},
            "preferred_output": row["chosen"],
            "non_preferred_output": row["rejected"],
        }


FORMATS: dict[str, Format] = {
    "trl-preference": Format(
        "prompt, chosen, rejected: for TRL's DPO, CPO, ORPO and reward trainers", preference
    ),
    "trl-preference-implicit": Format(
        "chosen, rejected, the prompt within both: for TRL's reward trainer", implicit_preference
    ),
    "trl-unpaired": Format("prompt, completion, label: for TRL's KTO and BCO trainers", unpaired),
    "trl-prompt-completion": Format(
        "prompt, completion: liked and edited answers, for TRL's SFT trainer", prompt_completion
    ),
    "trl-prompt-only": Format(
        "prompt: what people asked, for TRL's GRPO, RLOO and online DPO trainers",
        prompt_only,
        read=transcripts.read_all,
    ),
    "trl-language-modeling": Format(
        "messages: conversations up to a liked or edited answer, for TRL's SFT trainer",
        language_modeling,
    ),
    "openai-fine-tuning": Format(
        "messages with weights: liked and edited answers, for OpenAI's fine-tuning",
        openai_fine_tuning,
    ),
    "openai-preference": Format(
        "input, preferred_output, non_preferred_output: for OpenAI's preference fine-tuning",
        openai_preference,
    ),
    "openassistant": Format(
        "trees of messages with labels and rankings, as Open Assistant's tools read them",
        trees.trees,
        read=transcripts.read_all,
        has_ids=True,
    ),
    "argilla": Format(
        "records with responses, for Argilla's records.from_json",
        records.argilla,
        kind="json",
        has_ids=True,
    ),
    "jsonl": Format(
        "every answer with its drafts, feedback, signals, version and timings",
        records.everything,
        read=transcripts.read_all,
        has_ids=True,
    ),
    "parquet": Format(
        "the same as Parquet",
        records.everything,
        read=transcripts.read_all,
        kind="parquet",
        has_ids=True,
    ),
}


def file_name(name: str) -> str:
    """Return what a file in this format is usually called."""
    return f"{name}.{FORMATS[name].kind}"


def _pairs(t: Transcript, answers: Answers) -> Iterator[tuple[Message, str, str]]:
    """Yield (an answer to the prompt, the better text, the worse text)."""
    choices, ratings, edits = t.choices(), t.ratings(), t.edits()
    spoken_of = {answer.id for answer in answers}
    for choice in choices.values():
        both = {choice.message_id, choice.other_id or ""}
        if choice.verdict == "better" and both <= spoken_of:
            chosen = t.messages[choice.message_id]
            yield chosen, chosen.text, t.messages[choice.other_id or ""].text
    for answer in answers:
        if answer.id in edits:
            yield answer, edits[answer.id], answer.text
        if ratings.get(answer.id, 0) > 0:
            for draft in t.drafts(answer):
                compared = frozenset((answer.id, draft.id)) in choices
                if draft.id in spoken_of and ratings.get(draft.id, 0) < 0 and not compared:
                    yield answer, answer.text, draft.text


def _unpaired(t: Transcript, answer: Message, text: str, *, liked: bool) -> Row:
    return {"prompt": t.prompt(answer), "completion": _said(text), "label": liked}


def _said(text: str) -> list[Turn]:
    return [{"role": "assistant", "content": text}]

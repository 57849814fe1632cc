"""The single steps of the service, each inside one transaction. Knows no engine and no settings."""

from datetime import timedelta

from sqlalchemy.orm import Session

from hitl_chat import followups, reading, signals
from hitl_chat.signals import Observed
from hitl_chat.trial import WORSE
from storage import adapters, conversations, feedback
from storage.conversations import NotYours
from storage.home import Home
from storage.models import BASE_VERSION, Conversation, Message, now
from storage.saying import storable


def checked(text: str, what: str, limit: int) -> str:
    """Return the text as it can be stored, or raise a ValueError that says what to do."""
    if not isinstance(text, str):
        raise ValueError(f"{what} is not text.")  # noqa: TRY004 - what a user gave
    text = storable(text)
    if not text.strip():
        raise ValueError(f"{what} is empty. Type something first.")
    if len(text) > limit:
        raise ValueError(
            f"{what} has {len(text):,} characters; the limit is {limit:,}. Shorten it, "
            "or send it in parts."
        )
    return text


def say(session: Session, rater: str, conversation_id: str, text: str) -> Message:
    """Store a question, or find it if it stands there unanswered already."""
    conversation = conversations.owned(session, rater, conversation_id)
    if conversation.head_id:
        head = session.get_one(Message, conversation.head_id)
        if head.role == "user" and head.text == text:
            return head
    _follow_up(session, rater, conversation, text)
    return conversations.say(session, conversation, text)


def _follow_up(session: Session, rater: str, conversation: Conversation, text: str) -> None:
    """Leave on the answer above what writing this says about it, and when."""
    replaced = conversations.newest_reply(session, conversation, conversation.head_id)
    if replaced:  # something was asked here before, and undone: what counts is its answer
        answer = conversations.newest_reply(session, conversation, replaced.id)
        alike = followups.likeness(text, replaced.text)
        if answer and alike >= followups.ALIKE:
            feedback.signal(session, rater, answer.id, followups.RESEND, alike)
        return
    answer = session.get(Message, conversation.head_id) if conversation.head_id else None
    if answer is None or answer.role != "assistant":
        return
    over = answer.created_at + timedelta(milliseconds=answer.duration_ms or 0.0)
    pause = max(0.0, (now() - over).total_seconds() * 1000)
    feedback.signal(session, rater, answer.id, followups.FOLLOW_UP, pause)
    question = session.get_one(Message, answer.parent_id)
    tone = followups.tone(text)
    if tone:
        feedback.signal(session, rater, answer.id, tone)
    if followups.rephrases(text, question.text):
        alike = followups.likeness(text, question.text)
        feedback.signal(session, rater, answer.id, followups.REPHRASE, alike)


def question_of(session: Session, rater: str, message: str) -> Message:
    """Return the question above an answer, leaving a `regenerate` signal on that answer."""
    target = conversations.owned_message(session, rater, message)
    if target.role == "user":
        return target
    feedback.signal(session, rater, target.id, "regenerate")
    return session.get_one(Message, target.parent_id)


def pick(session: Session, rater: str, message: str) -> None:
    """Show a draft with the newest branch under it."""
    picked = conversations.owned_message(session, rater, message)
    conversation = session.get_one(Conversation, picked.conversation_id)
    conversations.set_head(session, conversation, reading.newest_leaf(session, picked))


def choose(session: Session, rater: str, chosen: str, rejected: str, verdict: str) -> None:
    """Store a choice; a better draft takes the place of the other one on the page."""
    feedback.choose(session, rater, chosen, rejected, verdict)
    better = conversations.owned_message(session, rater, chosen)
    conversation = session.get_one(Conversation, better.conversation_id)
    if verdict == "better" and conversation.head_id == rejected:
        conversations.set_head(session, conversation, chosen)


def roll_back(
    session: Session, home: Home, version: str | None = None, reason: str | None = None
) -> str:
    """Serve an earlier version, unless its files were cleared away."""
    target = adapters.roll_back(session, version, reason)
    if target != BASE_VERSION and not (home.adapters / target).is_dir():
        raise ValueError(f"Version '{target}' has no folder any more. Name another one.")
    return target


def end_trial(session: Session, home: Home) -> str | None:
    """Do what people decided about the version on trial; returns it in words, or None.

    Weighs their ratings anew: since someone looked, another version may have come.
    """
    standing = reading.standing(session)
    if standing is None or standing.outcome is None:
        return None
    if standing.outcome == WORSE:
        roll_back(session, home, standing.trial.against, standing.sentence)
    else:
        adapters.keep(session, standing.sentence)
    return standing.sentence


def undo(session: Session, rater: str, conversation_id: str) -> str:
    """Move the head before the last question; returns its text, or none."""
    conversation = conversations.owned(session, rater, conversation_id)
    branch = conversations.branch(session, conversation)
    places = [place for place, message in enumerate(branch) if message.role == "user"]
    if not places:
        return ""
    question = branch[places[-1]]
    for answer in branch[places[-1] + 1 :]:
        feedback.signal(session, rater, answer.id, "undo")
    conversations.set_head(session, conversation, question.parent_id)
    return question.text


def store_signal(session: Session, rater: str, one: Observed) -> None:
    """Store a browser signal about an answer; nobody looks at one longer than it exists.

    How much of it came into view is stored when that grew.
    """
    try:
        message = conversations.owned_message(session, rater, one.message_id)
    except NotYours:
        return
    if message.role != "assistant":
        return
    amount = one.amount
    if one.kind == signals.DWELL and amount is not None:
        age = (now() - message.created_at).total_seconds() * 1000
        amount = min(amount, age - feedback.amount_of(session, message.id, one.kind))
        if amount <= 0:
            return
    if one.kind == signals.REACH and amount is not None:
        told = feedback.most_of(session, message.id, one.kind)
        if amount <= told:
            return
    feedback.signal(session, rater, message.id, one.kind, amount)

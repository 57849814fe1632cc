"""What a person can do, one method each. Knows no Gradio and no HTTP.

Every id that comes in is checked to belong to the rater before anything happens. Methods that
return an iterator do nothing until it is asked for its first item.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hitl_chat import reading, steps
from hitl_chat.accounts import Accounts
from hitl_chat.answers import Answers, Draft, StillAnswering
from hitl_chat.asking import Asking
from hitl_chat.engines.protocol import Engine, Sampling, Turn
from hitl_chat.explainer import Explainer
from hitl_chat.fleeting import Fleeting
from hitl_chat.identity import BadToken, Identity
from hitl_chat.loop import Loop
from hitl_chat.opinions import Opinions
from hitl_chat.personal import Personal
from hitl_chat.reading import Shown
from hitl_chat.settings import Settings
from storage import consent, conversations, feedback
from storage.consent import Agreed
from storage.conversations import NotYours
from storage.database import Database, NotStorable
from storage.models import Message, new_id

__all__ = ["BadToken", "Draft", "NotYours", "Service", "Shown", "Started", "StillAnswering"]

log = logging.getLogger(__name__)

MAX_TEXT = 8_000


@dataclass(frozen=True)
class Started:
    """A fresh conversation, and the token that stands for its rater in every later call."""

    rater: str
    conversation: str
    token: str


class Service:
    """The chat; what is said of it is the `opinions'`, and what becomes of that the `loop`'s."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        settings: Settings,
        *,
        train_after: int,
        heldout_share: float = 0.0,
        explainer: Explainer | None = None,
    ) -> None:
        """Without an `explainer` nobody is told which words the reward head likes."""
        self.identity = Identity(settings.secret)
        self._database = database
        sampling = Sampling(
            temperature=settings.temperature, max_new_tokens=settings.max_new_tokens
        )
        self._answers = Answers(database, engine, sampling, settings.trial_share)
        self.loop = Loop(database, engine, settings, train_after)
        self.opinions = Opinions(database, self.identity, heldout_share, explainer)
        self.personal = Personal(database, settings.home)
        self.accounts = Accounts(database, self.identity)
        self._fleeting = Fleeting()
        self._asking = Asking(settings.home.head, settings.comparisons)

    # Who

    def start(self, token: str | None = None) -> Started:
        """Open a conversation, for the rater of `token` or, without one, for a new rater.

        Raises:
            BadToken: the token isn't one of ours.
        """
        known = self.rater(token) if token else None

        def work(session: Session) -> tuple[str, str]:
            stored = known and conversations.has_rater(session, known)
            rater = known if known and stored else conversations.add_rater(session).id
            return rater, conversations.start(session, rater).id

        try:
            if known and not self.personal.may_store(known):
                rater, conversation = known, self._fleeting.start(known)
            else:
                rater, conversation = self._database.write(work)
        except NotStorable as error:
            log.warning("A conversation is not stored. %s", error)
            rater = known or new_id()
            conversation = self._fleeting.start(rater)
        return Started(rater, conversation, self.identity.sign_rater(rater))

    def rater(self, token: str) -> str:
        """Return whom a token stands for.

        Raises:
            BadToken: forged, mangled, made for something else, or of a rater who is gone.
        """
        rater = self.identity.verify_rater(token)
        with self._database.read() as session:
            if not conversations.has_rater(session, rater) and not self._fleeting.knows(rater):
                raise BadToken
        return rater

    def has(self, rater: str, conversation: str) -> bool:
        """Tell whether a conversation is this rater's; one in memory goes when the app ends."""
        try:
            self._check(rater, conversation)
        except NotYours:
            return False
        return True

    def resume(self, rater: str) -> str | None:
        """Return the rater's latest conversation that has messages, if any."""
        with self._database.read() as session:
            latest = conversations.latest(session, rater)
            return latest.id if latest and latest.head_id else None

    # Chat

    def ask(self, rater: str, conversation: str, text: str) -> Iterator[Draft]:
        """Store the question, then stream an answer to it; the last draft is `done`.

        Where nothing may or can be stored, both are kept in memory alone, and the draft says so.

        Raises:
            ValueError: the text is empty or too long; nothing is stored.
            NotYours: the conversation isn't this rater's.
            StillAnswering: an answer is being written there already.
            EngineBusy: too many people wait; the question is stored and unanswered: asking the
                same again, or `regenerate` with its id, answers it without a second copy. In
                memory none is kept.
        """
        for drafts in self._ask(rater, conversation, text, count=1):
            yield drafts[0]

    def compare(self, rater: str, conversation: str, text: str) -> Iterator[list[Draft]]:
        """As `ask`, with two drafts of the same version side by side; the first is shown later."""
        yield from self._ask(rater, conversation, text, count=2)

    def regenerate(self, rater: str, message: str) -> Iterator[Draft]:
        """Stream another draft beside an answer, or the first one to a question without any.

        Raises:
            NotYours, StillAnswering, EngineBusy: as `ask`.
        """
        with self._database.read() as session:
            conversation = conversations.owned_message(session, rater, message).conversation_id
        with self._answers.claim(conversation) as live:
            question = self._database.write(lambda s: steps.question_of(s, rater, message))
            for drafts in self._answers.stream(live, question, self._turns(question)):
                yield drafts[0]

    def again(self, rater: str, message: str) -> Draft:
        """Answer the same question once more, to be looked at beside what is shown.

        Unlike `regenerate` it says nothing about the answer, and the page stays as it is.

        Raises:
            NotYours, StillAnswering, EngineBusy: as `ask`.
        """
        with self._database.read() as session:
            given = conversations.owned_message(session, rater, message)
            question = session.get_one(Message, given.parent_id) if given.parent_id else given
        with self._answers.claim(given.conversation_id) as live:
            return self._answers.again(live, question, self._turns(question))

    def stop(self, rater: str, conversation: str) -> None:
        """End what is being written; the streams finish by themselves, with reason `stop`.

        The signal holds how many characters there were by then.
        """
        self._check(rater, conversation)
        stopped = [draft for draft in self._answers.stop(conversation) if draft.stored]

        def work(session: Session) -> None:
            for answer in stopped:
                feedback.signal(session, rater, answer.message, "stop", len(answer.text))

        if stopped:
            self._database.write(work)

    def answering(self, rater: str, conversation: str) -> bool:
        """Tell whether an answer is still being written in a conversation."""
        self._check(rater, conversation)
        return self._answers.busy(conversation)

    def undo(self, rater: str, conversation: str) -> str:
        """Take the last question and its answer off the page; returns the question's text.

        Both stay stored. An empty conversation gives an empty text.
        """
        if self._fleeting.holds(rater, conversation) and self._fleeting.rows(conversation):
            return self._fleeting.undo(conversation)
        return self._database.write(lambda s: steps.undo(s, rater, conversation))

    def pick_draft(self, rater: str, message: str) -> None:
        """Show this draft, with whatever was said after it last time."""
        self._database.write(lambda s: steps.pick(s, rater, message))

    def show(self, rater: str, conversation: str) -> list[Shown]:
        """Return what the page shows of a conversation, in order."""
        here = self._fleeting.holds(rater, conversation)
        later = self._fleeting.rows(conversation) if here else []
        try:
            with self._database.read() as session:
                rows = reading.shown(session, conversations.owned(session, rater, conversation))
        except NotYours:
            if not here:
                raise
            rows = []
        if later:  # an answer that could be opened and not closed is among these
            rows = [row for row in rows if row.text or row.role == "user"]
        return [*rows, *later]

    def asks(self, rater: str, conversation: str, shown: Sequence[Shown]) -> bool:
        """Tell whether to ask for another draft beside the last answer of what `show` returned.

        That teaches most where the reward head's members differ; who doesn't agree to training is
        never asked.
        """
        if not self._asking.may(shown):
            return False
        with self._database.read() as session:
            learns = consent.given(session, rater).train
        return learns and self._asking.asks(conversation, shown)

    # Their own data

    def agree(self, rater: str, agreed: Agreed) -> dict[str, Any]:
        """Store what someone agrees to; without `store`, what there is of them is erased.

        Raises:
            ValueError: not yes or no.
        """
        if not agreed.store:
            self._end(rater)
        return self.personal.agree(rater, agreed)

    def erase(self, rater: str) -> dict[str, Any]:
        """Erase someone, wherever they are kept; returns the versions that learned from them."""
        self._end(rater)
        return self.personal.erase(rater)

    def forget(self, rater: str) -> None:
        """Let go of someone who was erased by another process."""
        self._end(rater)

    # Inside

    def _ask(self, rater: str, conversation: str, text: str, count: int) -> Iterator[list[Draft]]:
        asked = steps.checked(text, "The message", MAX_TEXT)
        self._check(rater, conversation)
        with self._answers.claim(conversation) as live:
            question = self._say(rater, conversation, asked)
            kept = None if question else self._fleeting.ask(rater, conversation, asked)
            try:
                turns = self._turns(question) if question else self._said(rater, conversation)
                yield from self._answers.stream(live, question, turns, count)
            finally:
                if kept and not live:  # no row says that it still waits for its answer
                    self._fleeting.take_back(conversation, kept)
                for draft in [answer.draft() for answer in live[:1]]:
                    erased = not question and not self._fleeting.holds(rater, conversation)
                    if not draft.stored and not erased:
                        self._fleeting.answer(rater, conversation, draft)

    def _say(self, rater: str, conversation: str, text: str) -> Message | None:
        """Store a question; None where it may or can be kept in memory alone."""
        if not self._fleeting.holds(rater, conversation):
            try:
                return self._database.write(lambda s: steps.say(s, rater, conversation, text))
            except NotStorable as error:
                log.warning("A question is not stored. %s", error)
        return None

    def _check(self, rater: str, conversation: str) -> None:
        """Raise NotYours unless the conversation is this rater's."""
        if not self._fleeting.holds(rater, conversation):
            with self._database.read() as session:
                conversations.owned(session, rater, conversation)

    def _end(self, rater: str) -> None:
        """End what is being written to someone, and forget what is only in memory."""
        with self._database.read() as session:
            theirs = conversations.of(session, rater)
        for conversation in theirs:
            self._answers.stop(conversation)
        self._fleeting.forget(rater)
        self.opinions.forget()

    def _said(self, rater: str, conversation: str) -> list[Turn]:
        """Return what was said where it ends in memory."""
        return reading.merged((row.role, row.text) for row in self.show(rater, conversation))

    def _turns(self, question: Message) -> list[Turn]:
        with self._database.read() as session:
            return reading.turns(session, session.get_one(Message, question.id))

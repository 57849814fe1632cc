"""What people say of answers and do about them, and what became of it. Knows no Gradio and no HTTP.

Every id that comes in is checked to belong to the rater before anything happens.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from hitl_chat import signals, steps, tracing
from hitl_chat.explainer import Explainer, Look
from hitl_chat.identity import BadToken, Identity
from storage import consent, conversations, feedback
from storage.database import Database

MAX_EDIT = 32_000


class Opinions:
    """Feedback, explicit and implicit."""

    def __init__(
        self,
        database: Database,
        identity: Identity,
        heldout_share: float,
        explainer: Explainer | None,
    ) -> None:
        """Without an `explainer` nobody is told which words the reward head likes."""
        self._database = database
        self._identity = identity
        self._heldout_share = heldout_share
        self.explainer = explainer

    def rate(
        self, rater: str, message: str, value: int, reasons: Sequence[str] = (), comment: str = ""
    ) -> None:
        """Rate an answer 1 or -1; 0 takes it back.

        Raises:
            ValueError: a value, reason or comment that can't be taken.
            NotYours: the message isn't this rater's.
        """
        self._database.write(
            lambda s: feedback.rate(s, rater, message, value, tuple(reasons), comment)
        )

    def score(self, rater: str, message: str, guideline: str, scores: Mapping[str, int]) -> None:
        """Score an answer by the criteria of a guideline; no scores take them back.

        Raises:
            ValueError: a guideline, criterion or score that there isn't.
            NotYours: the message isn't this rater's.
        """
        self._database.write(lambda s: feedback.score(s, rater, message, guideline, scores))

    def edit(self, rater: str, message: str, text: str | None) -> None:
        """Store the answer that the rater wanted, which the page shows from now on; None undoes that.

        Raises:
            ValueError: the text is empty or too long.
            NotYours: the message isn't this rater's.
        """
        if text is None:
            self._database.write(lambda s: feedback.take_back_edit(s, rater, message))
            return
        wanted = steps.checked(text, "The edited answer", MAX_EDIT)
        self._database.write(lambda s: feedback.edit(s, rater, message, wanted))

    def choose(self, rater: str, chosen: str, rejected: str, verdict: str) -> None:
        """Say which of two drafts is better (`better`), or `tie`, or `both_bad`.

        Raises:
            ValueError: an unknown verdict, or not two drafts of one answer.
            NotYours: a message isn't this rater's.
        """
        self._database.write(lambda s: steps.choose(s, rater, chosen, rejected, verdict))

    def trace(self, rater: str, message: str) -> dict[str, Any]:
        """Return what became of what was said about an answer, as plain values.

        Raises:
            NotYours: the message isn't this rater's.
        """
        with self._database.read() as session:
            mine = conversations.owned_message(session, rater, message)
            return tracing.trace(session, mine, self._heldout_share)

    def explain(self, rater: str, message: str) -> dict[str, Any]:
        """Return what the reward head makes of each word of an answer, as plain values.

        `state` is done, or how it stands; while it is `working`, ask again.

        Raises:
            NotYours: the message isn't this rater's.
        """
        with self._database.read() as session:
            conversations.owned_message(session, rater, message)
        look = self.explainer.look(message) if self.explainer else Look("no_trainer")
        return {"state": look.state, "seconds": look.seconds, "told": look.told}

    def forget(self) -> None:
        """Keep nothing in memory of what was told about answers: somebody was erased."""
        if self.explainer:
            self.explainer.forget()

    def page_token(self, rater: str) -> str:
        """Return what a page needs to send signals: it proves a page load, and ages."""
        return self._identity.sign_page(rater)

    def take_beacon(self, body: object) -> None:
        """Take in a browser's batch of signals: `{"token", "seq", "dwell", "events"}`.

        A batch that came before, and messages that aren't the rater's, are passed over.

        Raises:
            BadToken: the page token isn't valid or too old.
            ValueError: the body isn't a batch.
        """
        claims = self._identity.verify_page(signals.token_of(body))
        batch = signals.read(body, claims.age_ms)

        def work(session: Session) -> None:
            if not conversations.has_rater(session, claims.rater):
                raise BadToken
            if not consent.given(session, claims.rater).store:
                return
            if feedback.first_time(session, claims.page, batch.seq, claims.rater):
                for one in batch.observed:
                    steps.store_signal(session, claims.rater, one)

        self._database.write(work)

"""Answers while they are written: each has a row from its first moment and is closed whatever comes.

Knows no rater and no page. One conversation writes one answer (or one pair) at a time.
"""

import logging
import secrets
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import cast

from sqlalchemy.orm import Session

from hitl_chat import trial
from hitl_chat.engines.protocol import Engine, Reply, Sampling, Turn
from storage import conversations
from storage.database import Database, DatabaseBusy, NotStorable
from storage.models import Conversation, Message, new_id

log = logging.getLogger(__name__)

ENGINE_REASONS = ("eos", "length", "error")
"""Ends that the engine itself came to; other ones (stop, closed) are people's."""
STORE_TRIES = 5


class StillAnswering(RuntimeError):
    """A second question came before the first was answered; shown to the person."""

    def __init__(self) -> None:
        super().__init__("An answer is still being written here. Wait for it or press Stop.")


@dataclass(frozen=True)
class Draft:
    """What a page shows of one answer right now; `stop_reason` is set once it is `done`.

    `ahead` is how many others wait before it, while it waits for its turn. One that isn't `stored`
    has an id that no row has.
    """

    message: str
    text: str
    version: str
    ahead: int = 0
    done: bool = False
    stop_reason: str | None = None
    stored: bool = True


class LiveAnswer:
    """One answer with its row, or without any. Closing it twice is harmless; the first reason stays."""

    def __init__(self, database: Database | None, message: str, reply: Reply) -> None:
        self.message = message
        self.reply = reply
        self.stopped = threading.Event()
        self._database = database
        self._final: Draft | None = None
        self._closing = threading.Lock()

    @property
    def over(self) -> bool:
        """Whether the engine has nothing more to say."""
        return self.reply.stop_reason is not None

    def draft(self) -> Draft:
        """Return what there is so far."""
        reply = self.reply
        stored = self._database is not None
        return self._final or Draft(
            self.message, reply.text, reply.version, reply.ahead, stored=stored
        )

    def close(self, reason: str) -> Draft:
        """Store the answer as it stands; what the engine itself ended keeps the engine's reason."""
        with self._closing:
            if self._final is None:
                if self.reply.stop_reason in ENGINE_REASONS:
                    reason = self.reply.stop_reason
                text, version = self.reply.text, self.reply.version
                stored = self._store(text, reason)
                self._final = Draft(
                    self.message, text, version, done=True, stop_reason=reason, stored=stored
                )
            return self._final

    def _store(self, text: str, reason: str) -> bool:
        """Store the answer; False where it can't be, which the person is told."""
        if self._database is None:
            return False
        database, reply = self._database, self.reply

        def work(session: Session) -> None:
            conversations.close_answer(
                session,
                self.message,
                text=text,
                stop_reason=reason,
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                first_token_ms=reply.first_token_ms,
                duration_ms=reply.duration_ms,
            )

        for attempt in range(1, STORE_TRIES + 1):
            try:
                database.write(work)
            except NotStorable as error:
                log.warning("An answer is not stored. %s", error)
                return False
            except DatabaseBusy:  # the text exists only here: a moment's patience saves it
                if attempt == STORE_TRIES:
                    raise
                time.sleep(0.1 * attempt)
            else:
                break
        return True


class Answers:
    """Opens, streams and closes answers."""

    def __init__(
        self, database: Database, engine: Engine, sampling: Sampling, share: float = 1.0
    ) -> None:
        """`share` of the conversations get a version on trial, the others the one before it."""
        self._share = share
        self._database = database
        self._engine = engine
        self._sampling = sampling
        self._live: dict[str, list[LiveAnswer]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def claim(self, conversation: str) -> Iterator[list[LiveAnswer]]:
        """Hold the conversation for one stream; yields the list that `stream` fills.

        Raises:
            StillAnswering: it is held, and the engine still works for it.
        """
        mine: list[LiveAnswer] = []
        with self._lock:
            old = self._live.get(conversation)
            if old is not None and not _over(old):
                raise StillAnswering
            self._live[conversation] = mine
        try:
            for answer in old or []:  # a page that vanished left a whole answer unread
                answer.close("closed")
            yield mine
        finally:
            with self._lock:
                if self._live.get(conversation) is mine:
                    del self._live[conversation]

    def busy(self, conversation: str) -> bool:
        """Tell whether a stream holds the conversation, and the engine still works for it."""
        with self._lock:
            live = self._live.get(conversation)
            return live is not None and not _over(live)

    def stop(self, conversation: str) -> list[Draft]:
        """Ask the streams of a conversation to end; returns what there is of their answers."""
        with self._lock:
            live = list(self._live.get(conversation, []))
        for answer in live:
            answer.stopped.set()
        return [answer.draft() for answer in live]

    def again(self, live: list[LiveAnswer], question: Message, turns: list[Turn]) -> Draft:
        """Write one more answer to `question` beside what is shown; what is shown stays."""
        *_, (draft,) = self.stream(live, question, turns, shown=False)
        return draft

    def stream(
        self,
        live: list[LiveAnswer],
        question: Message | None,
        turns: list[Turn],
        count: int = 1,
        *,
        shown: bool = True,
    ) -> Iterator[list[Draft]]:
        """Write `count` answers to `question` side by side; if `shown`, the page shows the first one.

        Without a question that is stored, the answers aren't either.

        However this ends (done, stopped, closed by the caller, an error), every row is closed.
        """
        with ExitStack() as stack:
            apart = question and not trial.takes_part(question.conversation_id, self._share)
            streams, replies = self._begin(turns, count, {"beside": True} if apart else {})
            for stream in streams:
                stack.callback(stream.close)
            live.extend(self._opened(question, replies, shown=shown))
            reason = "error"
            try:
                pending = list(zip(streams, live, strict=True))
                while pending:
                    reason = "closed"  # what it is if the caller goes away at this yield
                    yield [answer.draft() for answer in live]
                    reason = "error"
                    pending = [p for p in pending if _advance(*p)]
                reason = "closed"  # unless the engine gave another: it was shut down
            finally:
                final = _close_all(streams, live, reason)
        yield final

    def _begin(
        self, turns: list[Turn], count: int, which: dict[str, bool]
    ) -> tuple[list[Generator[Reply, None, None]], list[Reply]]:
        """Start the replies; drafts that are compared must come from the same version."""
        while True:
            streams = []
            try:
                for _ in range(count):
                    seed = secrets.randbelow(2**31)
                    stream = self._engine.stream(turns, self._sampling, seed, **which)
                    streams.append(cast("Generator[Reply, None, None]", stream))
                replies = [next(stream) for stream in streams]
            except BaseException:
                for stream in streams:
                    stream.close()
                raise
            if len({reply.version for reply in replies}) == 1:
                return streams, replies
            for stream in streams:  # a swap fell right between the two
                stream.close()

    def _opened(
        self, question: Message | None, replies: list[Reply], *, shown: bool
    ) -> list[LiveAnswer]:
        if question is not None:
            try:
                return self._open(question, replies, shown=shown)
            except NotStorable as error:
                log.warning("An answer is not stored. %s", error)
        return [LiveAnswer(None, new_id(), reply) for reply in replies]

    def _open(self, question: Message, replies: list[Reply], *, shown: bool) -> list[LiveAnswer]:
        def work(session: Session) -> list[str]:
            conversation = session.get_one(Conversation, question.conversation_id)
            return [
                conversations.open_answer(
                    session,
                    conversation,
                    question,
                    version=reply.version,
                    base=self._engine.base,
                    engine=self._engine.name,
                    sampling=self._sampling.as_json(),
                    seed=reply.seed,
                    shown=shown and place == 0,
                ).id
                for place, reply in enumerate(replies)
            ]

        ids = self._database.write(work)
        return [LiveAnswer(self._database, i, r) for i, r in zip(ids, replies, strict=True)]


def _over(live: list[LiveAnswer]) -> bool:
    """Tell whether the engine has nothing more to say; it has before the first answer is open."""
    return bool(live) and all(answer.over for answer in live)


def _advance(stream: Generator[Reply, None, None], answer: LiveAnswer) -> bool:
    """Wait for the next piece; returns whether more may come."""
    return next(stream, None) is not None and not answer.over and not answer.stopped.is_set()


def _close_all(
    streams: list[Generator[Reply, None, None]], live: list[LiveAnswer], reason: str
) -> list[Draft]:
    """Stop the engine first, so that what is stored is all there will ever be."""
    with ExitStack() as stack:  # one row that can't be stored doesn't keep the other from it
        for stream, answer in zip(streams, live, strict=True):
            ended = "stop" if answer.stopped.is_set() else reason
            stack.callback(answer.close, ended)
            stack.callback(stream.close)
    return [answer.draft() for answer in live]

"""The chat page's events in, service calls, updates out. Knows no layout and no table.

What the page shows is always read back from the service: a browser may hold old or forged rows.
"""

import html
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import gradio as gr
from sqlalchemy.exc import SQLAlchemyError

from hitl_chat.door import Door
from hitl_chat.limits import ANSWER, FEEDBACK
from hitl_chat.outward import CLEAR_ERRORS
from hitl_chat.pacing import Pace
from hitl_chat.service import BadToken, Draft, NotYours, Service, Shown, StillAnswering
from hitl_chat.visitors import Visitor, Visitors, Who, aside_of, parts_of
from storage import guidelines
from storage.database import DatabaseBusy
from storage.saying import REASONS

log = logging.getLogger(__name__)

Turns = list[dict[str, Any]]
WRITING = {"writing": True}
RECENT = 40
"""Messages that a page shows of a long conversation until it asks for all: Gradio draws every one
of them anew with each word."""


class Handlers:
    """One method for each thing that a person does on the page."""

    def __init__(self, service: Service, door: Door, pace: Pace, signals_path: str) -> None:
        self._service = service
        self._door = door
        self._visitors = Visitors(service, door)
        self._pace = pace
        self._signals_path = signals_path

    def load(self, who: Who, profile: gr.OAuthProfile | None) -> tuple[Any, Any, Any]:
        """A page was opened: find its rater and conversation again, if there are any.

        A fast visitor's first question may be under way already, and this mustn't undo what it
        told the page: only what the browser can't know is sent.
        """
        kept = who
        try:
            kept = self._visitors.arriving(who, profile)
            token, conversation = parts_of(kept)
            rater = self._service.rater(token)
        except BadToken:
            return gr.skip() if kept == who else kept, gr.skip(), gr.skip()
        except DatabaseBusy as error:
            _warn("Not signed in", error)
            return gr.skip(), gr.skip(), gr.skip()
        try:
            turns = self._turns(rater, conversation)
        except NotYours:
            conversation = self._service.resume(rater) or ""
            turns = self._turns(rater, conversation)
        visitor = Visitor(rater, token, conversation, aside_of(kept))
        known = (token, conversation) == parts_of(who)
        return gr.skip() if known else visitor.kept(), turns or gr.skip(), self._keys(visitor)

    def send(
        self, text: str, who: Who, profile: gr.OAuthProfile | None, request: gr.Request
    ) -> Iterator[tuple[Any, Any, Any, Any]]:
        """A question was sent: show it at once, then its answer as it grows.

        Each update stands if the next one takes its place. Gradio's page changes an update that
        waits to be shown into the next one, where both are dictionaries (skipping is one), and
        what the first alone said is lost: so texts and lists come first, and the rest is said again.
        """
        skip = gr.skip()
        if not text.strip():
            yield skip, skip, skip, skip
            return
        turns: Turns = []
        visitor = None
        try:
            visitor = self._visitors.sending(who, request, profile)
            turns = self._turns(visitor.rater, visitor.conversation)
            if self._answering(visitor.rater, visitor.conversation):
                raise StillAnswering  # noqa: TRY301 - below, what was typed comes back
            self._door.spend(visitor.rater, request, ANSWER)
            visitor = self._visitors.placed(visitor)
            asked = [*turns, {"role": "user", "content": text, "metadata": _metadata("", {})}]
            keys = self._keys(visitor)
            yield [*asked, _pending()], "", [visitor.kept()], keys
            yield [*asked, _pending()], _busy(), skip, keys
            drafts = self._service.ask(visitor.rater, visitor.conversation, text)
            for draft in self._pace.thin(drafts):
                yield [*asked, _growing(draft)], _busy(), skip, keys
        except Exception as error:  # noqa: BLE001 - whatever it is, what was typed comes back
            _warn("Not answered", error)
            now = self._stored(visitor)
            stored = now is not None and _newest(now) != _newest(turns)
            box = skip if stored else gr.Textbox(value=text)
            yield skip if now is None else now, box, skip, skip

    def regenerate(
        self, who: Who, event: gr.EventData, request: gr.Request
    ) -> Iterator[tuple[Any, Any]]:
        """Another draft was asked for, or the first answer to a question that has none."""
        message = str(event._data.get("message"))
        try:
            visitor = self._visitors.sending(who, request, None)
            self._door.spend(visitor.rater, request, ANSWER)
            before = _up_to_question(self._turns(visitor.rater, visitor.conversation), message)
            yield [*before, _pending()], _busy()
            for draft in self._pace.thin(self._service.regenerate(visitor.rater, message)):
                yield [*before, _growing(draft)], _busy()
        except Exception as error:  # noqa: BLE001 - the page goes back to what is stored
            _warn("Not answered", error)

    def settle(self, who: Who) -> tuple[Any, Any]:
        """An answer is over, however it ended: show what is stored, unless another one is written."""
        token, conversation = parts_of(who)
        sends = gr.Textbox(submit_btn=True, stop_btn=False)
        try:
            with suppress(BadToken, NotYours):
                if self._answering(self._service.rater(token), conversation):
                    return gr.skip(), gr.skip()
            return self.show(who), sends
        except Exception as error:  # noqa: BLE001 - whatever it is, questions can be sent again
            _warn("Not shown", error)
            return gr.skip(), sends

    def show(self, who: Who, limit: int | None = RECENT) -> Turns:
        """Read the open conversation back."""
        token, conversation = parts_of(who)
        try:
            return self._turns(self._service.rater(token), conversation, limit)
        except (BadToken, NotYours):
            return []

    def stop(self, who: Who) -> None:
        """Stop was pressed; the stream ends by itself."""
        token, conversation = parts_of(who)
        if conversation:
            with suppress(BadToken, NotYours):  # who isn't at home here has nothing to stop
                self._service.stop(self._service.rater(token), conversation)

    def pick(self, who: Who, event: gr.EventData, request: gr.Request) -> Turns:
        """Another draft of an answer was looked at, or the page wants what is stored, or all of it."""
        message = event._data.get("message")
        if message:
            token, _ = parts_of(who)
            try:
                rater = self._door.enter(token, request, FEEDBACK)
                self._service.pick_draft(rater, str(message))
            except CLEAR_ERRORS as error:
                _warn("Not shown", error)
        return self.show(who, None if event._data.get("all") else RECENT)

    def undo(self, text: str, who: Who, request: gr.Request) -> tuple[Turns, Any]:
        """Take the last question back into the box, unless something is being typed there."""
        token, conversation = parts_of(who)
        asked = ""
        if conversation:
            try:
                rater = self._door.enter(token, request, FEEDBACK)
                asked = self._service.undo(rater, conversation)
            except CLEAR_ERRORS as error:
                _warn("Not undone", error)
        box = gr.skip() if text.strip() or not asked else gr.Textbox(value=asked)
        return self.show(who), box

    def fresh(self, who: Who) -> Who:
        """Start over. The conversation gets its row with its first question."""
        token, conversation = parts_of(who)
        if conversation:
            self.stop(who)
        return Visitor("", token, "", aside_of(who)).kept() if token else None

    def _answering(self, rater: str, conversation: str) -> bool:
        return bool(conversation) and self._service.answering(rater, conversation)

    def _turns(self, rater: str, conversation: str, limit: int | None = RECENT) -> Turns:
        if not conversation:
            return []
        shown = self._service.show(rater, conversation)
        earlier = max(0, len(shown) - limit) if limit else 0
        turns = [_turn(one, {"earlier": earlier}) for one in shown[earlier:-1]]
        asked = self._service.asks(rater, conversation, shown)
        return turns + [_turn(one, {"earlier": earlier, "asked": asked}) for one in shown[-1:]]

    def _stored(self, visitor: Visitor | None) -> Turns | None:
        """Return the turns after an error; None where they can't be told, and the page keeps its own."""
        if visitor is None:
            return None
        with suppress(NotYours, SQLAlchemyError):
            return self._turns(visitor.rater, visitor.conversation)
        return None

    def _keys(self, visitor: Visitor) -> dict[str, Any]:
        """Return what the page's scripts need."""
        return {
            "reasons": list(REASONS),
            "guidelines": [
                {"name": g.name, "task": g.task, "criteria": g.criteria} for g in guidelines.CURRENT
            ],
            "signals": self._signals_path,
            "token": visitor.token,
            "account": visitor.aside is not None,
            "page": self._service.opinions.page_token(visitor.rater),
        }


def _metadata(message: str, facts: dict[str, Any]) -> dict[str, str]:
    """Pack what the page's scripts show under an answer where Gradio keeps its hands off."""
    return {"id": message, "log": json.dumps(facts)}


def _turn(one: Shown, more: dict[str, Any]) -> dict[str, Any]:
    facts = {
        **more,
        "version": one.version,
        "rating": one.rating,
        "drafts": list(one.drafts),
        "place": one.draft_index,
        "edited": one.edited,
        "given": one.given if one.edited else None,
        "ended": one.stop_reason,
        "unstored": not one.stored,
        "said": one.said,
    }
    metadata = _metadata(one.message, facts)
    return {"role": one.role, "content": one.text, "metadata": metadata}


def _growing(draft: Draft) -> dict[str, Any]:
    facts = {
        "version": draft.version,
        "ahead": draft.ahead,
        "unstored": not draft.stored,
        **WRITING,
    }
    metadata = _metadata(draft.message, facts)
    return {"role": "assistant", "content": draft.text, "metadata": metadata}


def _pending() -> dict[str, Any]:
    return {"role": "assistant", "content": "", "metadata": _metadata("", WRITING)}


def _busy() -> gr.Textbox:
    """Return the box while an answer is written; each update says it, see `Handlers.send`."""
    return gr.Textbox(submit_btn=False, stop_btn=True)


def _newest(turns: Turns) -> str:
    return str(turns[-1]["metadata"]["id"]) if turns else ""


def _up_to_question(turns: Turns, message: str) -> Turns:
    """Return the turns before an answer, or up to a question."""
    for place, turn in enumerate(turns):
        if turn["metadata"]["id"] == message:
            return turns[: place + (turn["role"] == "user")]
    return turns


def _warn(title: str, error: Exception) -> None:
    """Show one clear line; what nobody can mend from the page goes to the log."""
    line = str(error)
    if isinstance(error, CLEAR_ERRORS):
        log.info("%s: %s", title, line)
    else:
        log.error("%s: %s", title, error, exc_info=error)
        line = "Something went wrong on the server. Try again shortly."
    gr.Warning(html.escape(line), title=title)

"""Whom a browser speaks for: what it keeps of that, and what signing in and out make of it.

Who signs in goes on as the rater of their account, the same on every device. What the browser kept
until then is put aside in the browser itself and comes back when they sign out.
"""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from hitl_chat.door import Door
from hitl_chat.service import BadToken, Service

Who = dict[str, Any] | list[Any] | None
"""What the browser keeps: the rater's token and the open conversation; signed in, also the same of
before as `aside`. A stream of updates puts it in a list, see `handlers.Handlers.send`. It may be
anything: the browser is the visitor's."""


@dataclass(frozen=True)
class Visitor:
    """Who sends an event, and where; `aside` is None unless they are signed in."""

    rater: str
    token: str
    conversation: str
    aside: Who = None

    def kept(self) -> dict[str, Any]:
        """Return what the browser shall keep."""
        kept: dict[str, Any] = {"token": self.token, "conversation": self.conversation}
        return kept if self.aside is None else {**kept, "aside": self.aside}


class Visitors:
    """Finds out who somebody is, and makes those who are new."""

    def __init__(self, service: Service, door: Door) -> None:
        self._service = service
        self._door = door

    def arriving(self, who: Who, profile: gr.OAuthProfile | None) -> Who:
        """Return what a browser that opens the page shall keep from now on."""
        if profile:
            return self._signed_in(who, str(profile["sub"]))
        aside = aside_of(who)
        return who if aside is None else aside

    def sending(self, who: Who, request: gr.Request, profile: gr.OAuthProfile | None) -> Visitor:
        """Return who sends this, making a rater where there is none any more or yet.

        Their conversation is empty where there is none, until they are `placed`. A session that has
        expired meanwhile signs nobody out before their page is loaded again.

        Raises:
            TooMuch: too many new people come from there.
        """
        kept = self._signed_in(who, str(profile["sub"])) if profile else who
        token, conversation = parts_of(kept)
        aside = aside_of(kept)
        rater = self._rater(token)
        if rater is None:
            if aside:  # the account was erased
                return self.sending(aside, request, None)
            started = self._door.start(request)
            return Visitor(started.rater, started.token, started.conversation)
        there = self._service.has(rater, conversation)
        return Visitor(rater, token, conversation if there else "", aside)

    def placed(self, visitor: Visitor) -> Visitor:
        """Return them in their conversation, or in a new one: the caller has counted what for."""
        if visitor.conversation:
            return visitor
        started = self._service.start(visitor.token)
        return Visitor(started.rater, started.token, started.conversation, visitor.aside)

    def _signed_in(self, who: Who, subject: str) -> Who:
        aside = aside_of(who)
        before = _parts_alone(who) if aside is None else aside
        rater = self._service.accounts.rater(subject, self._rater(parts_of(before)[0]))
        if aside is not None and self._rater(parts_of(who)[0]) == rater:
            return who
        token = self._service.identity.sign_rater(rater)
        return Visitor(rater, token, self._service.resume(rater) or "", before).kept()

    def _rater(self, token: str) -> str | None:
        try:
            return self._service.rater(token)
        except BadToken:
            return None


def parts_of(who: Who) -> tuple[str, str]:
    """Return token and conversation."""
    kept = _plain(who)
    token, conversation = kept.get("token"), kept.get("conversation")
    return (
        token if isinstance(token, str) else "",
        conversation if isinstance(conversation, str) else "",
    )


def aside_of(who: Who) -> Who:
    """Return what was put aside; None unless somebody is signed in."""
    aside = _plain(who).get("aside")
    return _parts_alone(aside) if isinstance(aside, dict) else None


def _plain(who: Who) -> dict[str, Any]:
    kept = who[0] if isinstance(who, list) and who else who
    return kept if isinstance(kept, dict) else {}


def _parts_alone(who: Who) -> dict[str, str]:
    """Leave out what else is there: Gradio's own '__type__', which would make an update of it."""
    token, conversation = parts_of(who)
    return {"token": token, "conversation": conversation}

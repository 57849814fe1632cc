"""Who comes in: the rater of a token, and within which limits. Knows not what they come for.

This machine itself, spoken to without a proxy, has no address: a limit on it would only be in its
owner's way. What one person may do is limited there all the same.
"""

import gradio as gr
from starlette.requests import HTTPConnection

from hitl_chat import signals
from hitl_chat.address import address_of
from hitl_chat.limits import NEWCOMER, SIGNALS, Act, Limits
from hitl_chat.service import Service, Started
from hitl_chat.settings import Settings

ROWS = 5
"""Signals that count as one batch more; what a reader does in ten seconds is seldom as many."""


class Door:
    """Every call that costs or pollutes comes by here."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self._proxies = settings.proxies
        self._limits = Limits(settings.person_limit, settings.address_limit)

    def enter(self, token: str, request: gr.Request, act: Act, cost: int = 1) -> str:
        """Return the rater of a token, who may do this now.

        Raises:
            BadToken: it stands for nobody.
            TooMuch: they have to wait.
        """
        rater = self._service.rater(token)
        self.spend(rater, request, act, cost)
        return rater

    def spend(self, rater: str, request: gr.Request, act: Act, cost: int = 1) -> None:
        """Count an act of a rater whom the caller knows.

        Raises:
            TooMuch: they have to wait.
        """
        self._limits.spend(act, rater, self.address(request), cost)

    def start(self, request: gr.Request) -> Started:
        """Open a conversation for a new rater.

        Raises:
            TooMuch: so many came from there that the next one has to wait.
        """
        self._limits.spend(NEWCOMER, None, self.address(request))
        return self._service.start()

    def signal(self, body: object) -> None:
        """Count a browser's batch of signals, more if it holds many.

        Every open page sends some, so they count only by person.

        Raises:
            BadToken, ValueError: as `Service.take_beacon`.
            TooMuch: there were too many.
        """
        claims = self._service.identity.verify_page(signals.token_of(body))
        rows = len(signals.read(body, claims.age_ms).observed)
        self._limits.spend(SIGNALS, claims.rater, None, cost=1 + rows // ROWS)

    def address(self, request: gr.Request | HTTPConnection) -> str | None:
        """Return the address that somebody is counted by, if any."""
        # Where the peer is this machine, uvicorn has put the header's last hop in its place already.
        peer = request.client.host if request.client else ""
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        return address_of(peer, forwarded, self._proxies)

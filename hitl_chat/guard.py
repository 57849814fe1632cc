"""Who may reach what over HTTP, and the headers every answer carries. Knows no table and no page.

Gradio echoes any Origin as allowed, so requests that another site's page makes are refused here,
before Gradio sees them.
"""

import hmac
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hitl_chat.limits import GUESS, Limits

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
FORWARDED = ("x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip", "via")
TAKING = ("upload", "process_recording", "deep_link")
"""Where Gradio writes to disk what anybody sends; no page of ours takes files or gives such links."""
POLICY = (
    "default-src 'self'; "
    # Gradio evaluates its templates and sets styles inline; nothing else is given away by these.
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    # No remote images: an address that a model writes would be fetched with what was said in it.
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self' https://huggingface.co"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
GUESSES = 10
"""Wrong passwords that one address may give in a minute."""
CALLER: ContextVar[str | None] = ContextVar("caller", default=None)
"""The address of a request to the owner's page: Gradio asks about a password and tells no more."""


class Refused(ValueError):
    """The caller isn't known to be the owner; shown to the caller."""


class Guard:
    """ASGI middleware: refuses what other sites' pages ask for, and files; adds the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403 or 404."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _carries_files(scope["path"]):
            refusal = PlainTextResponse("Files are neither taken nor fetched here.\n", 404)
            await refusal(scope, receive, send)
        elif _foreign(scope["method"], Headers(scope=scope)):
            refusal = PlainTextResponse("Refused: this came from another site's page.\n", 403)
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send))


class Owner:
    """Decides whether a request comes from the owner.

    With a password, whoever knows it. Without one, only a browser or program on this very machine:
    the server listens on loopback, was addressed as such, and no proxy stands in between. A proxy
    need not show in what it passes on, so where there is one it has to be told (`proxies`).
    """

    def __init__(self, password: str | None, host: str, proxies: int = 0) -> None:
        self.password = password
        self._local = host in LOOPBACK and not proxies
        self._guesses = Limits(0, GUESSES)

    def knows(self, password: str, address: str | None = None) -> bool:
        """Return whether this is the password, in the time that any guess takes.

        Raises:
            TooMuch: so many wrong ones came from this address that even a right one has to wait.
        """
        self._guesses.spend(GUESS, None, address)
        expected = self.password or ""
        given = password.encode("utf-8", "replace")
        right = bool(expected) and hmac.compare_digest(given, expected.encode())
        if right:
            self._guesses.spend(GUESS, None, address, cost=-1)  # it was no guess
        else:
            log.warning("Somebody gave a wrong password for the owner's.")
        return right

    def check(self, headers: Mapping[str, str], address: str | None = None) -> None:
        """Accept the request or say what is missing.

        Raises:
            Refused: it may be anyone.
            TooMuch: as `knows`.
        """
        if self.password:
            given = headers.get("x-admin-password")
            if not (given and self.knows(given, address)):
                raise Refused("Only the owner may do this. Send the header X-Admin-Password.")
        elif not self.is_local(headers):
            raise Refused(
                "Only the owner may do this. Set HITL_ADMIN_PASSWORD and start again, "
                "or use it on the machine itself."
            )

    def is_local(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request was made on this machine."""
        host, origin = headers.get("host", ""), headers.get("origin")
        # The origin is where a browser has the page from, whatever a proxy makes of Host.
        named = [host] if origin is None else [host, _netloc(origin)]
        here = all(_host(netloc) in LOOPBACK for netloc in named)
        return self._local and here and not any(name in headers for name in FORWARDED)


class OwnerOnly:
    """ASGI middleware for the owner's page while it has no password: only this machine sees it.

    With a password, the page's own login decides.
    """

    def __init__(
        self, app: ASGIApp, owner: Owner, address: Callable[[HTTPConnection], str | None]
    ) -> None:
        self._app = app
        self._owner = owner
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        local = False
        if scope["type"] == "http":
            local = self._owner.is_local(Headers(scope=scope))
            CALLER.set(self._address(HTTPConnection(scope)))
        if self._owner.password or local or scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        message = (
            "The owner's page needs a password here. Set HITL_ADMIN_PASSWORD and start again.\n"
        )
        await PlainTextResponse(message, 403)(scope, receive, send)


def _foreign(method: str, headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is not None and _netloc(origin) != headers.get("host", "").lower():
        return True
    return site is not None and method not in SAFE_METHODS


def _carries_files(path: str) -> bool:
    """Tell whether Gradio would take a file there, or hand out one that it fetches from elsewhere.

    What it fetches would count as ours: a page there could speak for whoever follows a link to it, and
    an image in an answer could carry off what was said, past the policy above.
    """
    # A route also takes its path with a newline behind it, and so is sent on by one with a slash.
    return "://" in path or path.rstrip("/\n").rpartition("/")[2] in TAKING


def _netloc(origin: str) -> str:
    """Return what a browser would name in Host; of what is no origin, nothing."""
    return origin.partition("://")[2].lower()


def _host(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sending

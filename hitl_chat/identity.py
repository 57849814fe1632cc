"""Who is rating: a signed id. Knows no table; whether the rater still exists is asked elsewhere.

A token is `claims.mac`. Its purpose is part of what is signed, so a page's token, which travels
in beacons, can't be used to speak for the rater. `session_hash` is chosen by the browser and
proves nothing; it is not used.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PAGE_MAX_AGE = 86_400.0
"""Seconds after which a page that was never reloaded sends signals in vain."""
MAX_TOKEN = 1_024


class BadToken(ValueError):
    """A token is forged, mangled or for something else; shown to the caller."""

    def __init__(self) -> None:
        super().__init__("This token is not valid. Reload the page, or call /start for a new one.")


@dataclass(frozen=True)
class PageClaims:
    """What a page's token says: whose page, which load of it, and how long ago that was."""

    rater: str
    page: str
    age_ms: float


class Identity:
    """Signs and verifies tokens with one secret."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock

    def sign_rater(self, rater: str) -> str:
        """Return the token that stands for a rater. It doesn't age: it lives in the browser."""
        return self._sign("rater", {"r": rater})

    def verify_rater(self, token: str) -> str:
        """Return the rater of a token.

        Raises:
            BadToken: it isn't one of ours.
        """
        return str(self._verify("rater", token)["r"])

    def account(self, subject: str, turn: int) -> str:
        """Return the id of the rater who signs in as `subject`; `turn` counts those before it."""
        signed = f"account.{turn}.{subject}".encode("utf-8", "replace")
        return hmac.new(self._secret, signed, hashlib.sha256).hexdigest()[:32]

    def sign_page(self, rater: str) -> str:
        """Return a token for one load of a page."""
        return self._sign("page", {"r": rater, "p": secrets.token_hex(8), "iat": self._clock()})

    def verify_page(self, token: str) -> PageClaims:
        """Return what a page's token says.

        Raises:
            BadToken: it isn't one of ours, or is too old.
        """
        claims = self._verify("page", token)
        age = self._clock() - claims["iat"]
        if not 0 <= age < PAGE_MAX_AGE:
            raise BadToken
        return PageClaims(claims["r"], claims["p"], age * 1000)

    def _sign(self, purpose: str, claims: dict[str, Any]) -> str:
        part = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{part}.{self._mac(purpose, part)}"

    def _verify(self, purpose: str, token: str) -> dict[str, Any]:
        part, dot, given = token[:MAX_TOKEN].partition(".")
        expected = self._mac(purpose, part)
        # As bytes: compare_digest refuses text that isn't ASCII, and callers send anything.
        if not dot or not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            raise BadToken
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return claims

    def _mac(self, purpose: str, part: str) -> str:
        signed = f"{purpose}.{part}".encode("utf-8", "replace")
        return _encode(hmac.new(self._secret, signed, hashlib.sha256).digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

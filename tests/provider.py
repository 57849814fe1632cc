"""A small OpenID provider in place of Hugging Face: whoever comes is `person`, and agrees."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, CLIENT_SECRET = "the-space", "known to the Space alone"
KEY = b"signs what the provider says of people"


class Provider:
    """What is said of whom; `person` may change between two sign-ins."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.person = {"sub": "1" * 24, "preferred_username": "ada", "name": "Ada"}
        self._asked: dict[str, str] = {}  # the nonce of each code

    @property
    def env(self) -> dict[str, str]:
        """What a Space with `hf_oauth: true` has in its environment."""
        return {
            "SYSTEM": "spaces",
            "SPACE_ID": "me/chat",
            "OAUTH_CLIENT_ID": CLIENT,
            "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
            "OAUTH_SCOPES": "openid profile",
            "OPENID_PROVIDER_URL": self.address,
        }

    def configuration(self) -> dict[str, Any]:
        """Where the rest is."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "id_token_signing_alg_values_supported": ["HS256"],
        }

    def agree(self, asked: dict[str, str]) -> str:
        """Return where a person goes who agreed."""
        code = secrets.token_hex(8)
        self._asked[code] = asked["nonce"]
        return f"{asked['redirect_uri']}&{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: dict[str, str]) -> dict[str, Any]:
        """Return what the app is told; a code works once."""
        told = {
            **self.person,
            "profile": f"{self.address}/{self.person['preferred_username']}",
            "picture": f"{self.address}/picture.png",
            "iss": self.address,
            "aud": CLIENT,
            "iat": int(time.time()),
            "exp": int(time.time()) + 3600,
            "nonce": self._asked.pop(given["code"]),
        }
        return {
            "access_token": "opaque",
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": "openid profile",
            "id_token": _signed(told),
        }


@contextmanager
def serving() -> Iterator[Provider]:
    """Run a provider on a free port until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, asked = urlsplit(self.path).path, _values(urlsplit(self.path).query)
            if path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.agree(asked))
                self.end_headers()
            elif path == "/keys":
                self._answer({"keys": [{"kty": "oct", "kid": "1", "k": _encode(KEY)}]})
            else:
                self._answer(provider.configuration())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(provider.token(_values(body.decode())))

        def _answer(self, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield provider
    server.shutdown()
    server.server_close()


def _values(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _signed(claims: dict[str, Any]) -> str:
    head = _encode(json.dumps({"alg": "HS256", "kid": "1"}).encode())
    part = f"{head}.{_encode(json.dumps(claims).encode())}"
    return f"{part}.{_encode(hmac.new(KEY, part.encode(), hashlib.sha256).digest())}"


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

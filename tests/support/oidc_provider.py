"""
An OpenID Connect provider on loopback: discovery, authorization code with PKCE, RS256, end of session.

It refuses what a provider must refuse (tested in tests/unit/test_oidc_provider.py), and lies on demand: *fault* is
`nonce` (an ID token for another login), `key` (signed by somebody else), or ''.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

METADATA = "/.well-known/openid-configuration"
CLIENT, SECRET = "touchstone", "the-secret-of-the-client"
KEY_BITS, KEY = 2048, {"kid": "one", "use": "sig", "alg": "RS256"}
TOKEN_S = 300


@dataclass
class Provider:
    """One issuer: who can log in (claims by `sub`), where to send them back, and what it was asked."""

    people: dict[str, dict[str, Any]]
    redirect_uris: set[str] = field(default_factory=set)
    issuer: str = ""
    fault: str = ""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key = RSAKey.generate_key(KEY_BITS, KEY)
        self._other = RSAKey.generate_key(KEY_BITS, KEY)

    def metadata(self) -> dict[str, Any]:
        """What discovery says."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> dict[str, Any]:
        """The public half of what it signs with."""
        return dict(KeySet([self._key]).as_dict(private=False))

    def problem(self, asked: dict[str, str]) -> str:
        """Why a request to authorize is refused; '' when it is not."""
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") not in self.redirect_uris:
            return "no such client, or not its redirect URI"
        if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
            return "not a request for a code of OpenID Connect"
        if not asked.get("state") or not asked.get("nonce"):
            return "no state or no nonce"
        if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            return "no proof key"
        return ""

    def code(self, asked: dict[str, str], who: str) -> str:
        """A code for *who*, good for one exchange."""
        code = token_urlsafe(24)
        self.codes[code] = {**asked, "who": who}
        return code

    def exchange(self, form: dict[str, str], client: tuple[str, str]) -> tuple[int, dict[str, Any]]:
        """The tokens for a code, or the error that the standard has for what is wrong."""
        if client != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        proof = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or proof != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        token = self.id_token(asked["who"], asked["nonce"])
        self.tokens.append(token)
        return 200, {
            "access_token": token_urlsafe(24),
            "token_type": "Bearer",
            "expires_in": TOKEN_S,
            "id_token": token,
        }

    def id_token(self, who: str, nonce: str) -> str:
        """An ID token for *who*, as honest as *fault* allows."""
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": who, "iat": int(time.time()), "exp": int(time.time()) + TOKEN_S,
            "nonce": "another" if self.fault == "nonce" else nonce,
        }  # fmt: skip
        key = self._other if self.fault == "key" else self._key
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims | self.people[who], key)


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *_: Any) -> None:
        """Keep quiet; `asked` has it."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.provider.asked.append(self.path)
        match url.path:
            case path if path == METADATA:
                self._say(200, json.dumps(self.provider.metadata()), "application/json")
            case "/keys":
                self._say(200, json.dumps(self.provider.keys()), "application/json")
            case "/authorize":
                self._authorize(asked)
            case "/end" if asked.get("post_logout_redirect_uri") in self.provider.redirect_uris:
                self._send_to(asked["post_logout_redirect_uri"])
            case _:
                self._say(404, "not here", "text/plain")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        self.provider.asked.append(self.path)
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        name, _, secret = b64decode(given).decode().partition(":") if kind == "Basic" else ("", "", "")
        fields = {name: values[0] for name, values in form.items()}
        status, said = self.provider.exchange(fields, (unquote(name), unquote(secret)))
        self._say(status, json.dumps(said), "application/json")

    def _authorize(self, asked: dict[str, str]) -> None:
        """Ask who it is, by a link each; whoever has chosen goes back with a code."""
        who = asked.pop("who", "")
        if problem := self.provider.problem(asked):
            self._say(400, problem, "text/plain")
        elif who == "nobody":
            self._send_to(f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}")
        elif who in self.provider.people:
            answer = {"code": self.provider.code(asked, who), "state": asked["state"]}
            self._send_to(f"{asked['redirect_uri']}?{urlencode(answer)}")
        else:
            links = (
                f'<p><a href="/authorize?{escape(urlencode({**asked, "who": one}))}">{escape(one)}</a></p>'
                for one in (*self.provider.people, "nobody")
            )
            self._say(200, f"<h1>Who are you?</h1>{''.join(links)}", "text/html")

    def _send_to(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _say(self, status: int, body: str, kind: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def provided(provider: Provider, port: int = 0) -> Iterator[Provider]:
    """*provider*, listening until the end of the block; its `issuer` says where."""
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

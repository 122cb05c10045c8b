"""Where people land after a login, whose cookie counts, how long a socket is heard, what is added to answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from dashboard import login
from dashboard.login_routes import LoginRoutes, cookie_claims, place_of
from schemas.login import Login
from tests.unit.test_login_identity import CLAIMS, LOGIN, NOW
from touchstone.system_clock import SystemClock

OURS = "https://touchstone.acme.example"
GIVEN = Login.model_validate(LOGIN)
SECRET = str(LOGIN["cookie_secret"])


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (f"{OURS}/", "/"),
        (f"{OURS}/incident?id=inc-0123456789ab", "/incident?id=inc-0123456789ab"),
        (f"{OURS}/incidents?severity=P1&severity=P0&of=a%20b#x", "/incidents?severity=P1&severity=P0&of=a%20b"),
        ("https://TOUCHSTONE.acme.example/sla", "/sla"),
        ("", "/"),
        (OURS, "/"),
        ("https://evil.example/sla", "/"),
        (f"{OURS}.evil.example/sla", "/"),
        (f"{OURS}@evil.example/sla", "/"),
        ("http://touchstone.acme.example/sla", "/"),
        (f"{OURS}//evil.example", "/"),
        (f"{OURS}/\\evil.example", "/"),
        (f"{OURS}/auth/logout", "/"),
        (f"{OURS}/oauth2callback?code=1", "/"),
        (f"{OURS}/sla?a=\r\nSet-Cookie: x", "/"),
        (f'{OURS}/sla?a="><script>', "/"),
        (f"{OURS}/sla?{'a' * 1500}", "/"),
        ("https://[", "/"),
    ],
)
def test_people_land_on_a_page_of_ours_and_nowhere_else(address: str, place: str) -> None:
    """With its filters; whatever else an address says."""
    assert place_of(address, OURS) == place


def test_a_cookie_counts_that_was_signed_here_for_this_address() -> None:
    """No other: not another secret's, not another cookie's, not another address's."""
    claims = {"origin": OURS, "email": "ana@acme.example"}

    def cookies(secret: str, name: str, content: object) -> dict[str, str]:
        return {USER_COOKIE_NAME: create_signed_value(secret, name, json.dumps(content)).decode()}

    assert cookie_claims(cookies(SECRET, USER_COOKIE_NAME, claims), GIVEN) == claims
    for held in (
        {},
        {USER_COOKIE_NAME: "x"},
        cookies("d" * 32, USER_COOKIE_NAME, claims),
        cookies(SECRET, "_streamlit_xsrf", claims),
        cookies(SECRET, USER_COOKIE_NAME, claims | {"origin": "https://other.example"}),
        cookies(SECRET, USER_COOKIE_NAME, [OURS]),
    ):
        assert cookie_claims(held, GIVEN) == {}


def asked(
    path: str, status: int, headers: list[tuple[bytes, bytes]], *, held: bytes = b"", **changes: Any
) -> list[Message]:
    """What comes out for a GET of *path*, when Streamlit answers with *status* and *headers*."""

    async def streamlit(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"Authentication error"})

    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    where, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": where,
        "query_string": query.encode(),
        "headers": [(b"cookie", held)],
    }
    asyncio.run(LoginRoutes(streamlit, Login.model_validate(LOGIN | changes))(scope, receive, send))
    return said


class HandClock(SystemClock):
    """Says the time that it is set to."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """That time."""
        return self.at


@pytest.fixture
def clock() -> Iterator[HandClock]:
    """At NOW, and the one that sessions end by."""
    clock = HandClock(NOW)
    login.keep_time_by(clock)
    yield clock
    login.keep_time_by(SystemClock())


def cookie(**claims: Any) -> bytes:
    """The header of a browser in which ana has logged in, with these changes."""
    content = json.dumps(CLAIMS | {"origin": OURS} | claims)
    return f"{USER_COOKIE_NAME}={create_signed_value(SECRET, USER_COOKIE_NAME, content).decode()}".encode()


class Socket:
    """One to Streamlit, which keeps what it hears and the protocol that it is asked for."""

    def __init__(self, held: bytes) -> None:
        self.heard: list[str] = []
        self.sent: list[Message] = []
        self.protocol = b""
        headers = [(b"cookie", held), (b"sec-websocket-protocol", b"streamlit, token, old-session")]
        self._scope = {"type": "websocket", "path": "/_stcore/stream", "headers": headers}

    def run(self, *steps: Callable[[], None]) -> Socket:
        """A message after each of *steps*."""
        left = iter(steps)

        async def receive() -> Message:
            step = next(left, None)
            if step is None:
                return {"type": "websocket.disconnect", "code": 1000}
            step()
            return {"type": "websocket.receive", "bytes": b"rerun"}

        async def send(message: Message) -> None:
            self.sent.append(message)

        asyncio.run(LoginRoutes(self._streamlit, GIVEN)(self._scope, receive, send))
        return self

    async def _streamlit(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.protocol = dict(scope["headers"])[b"sec-websocket-protocol"]
        while True:
            message = await receive()
            self.heard.append(message["type"])
            if message["type"] == "websocket.disconnect":
                return


def nothing() -> None:
    """Happens."""


def test_a_socket_is_heard_for_as_long_as_its_login_lasts(clock: HandClock) -> None:
    """No part of a page is drawn over it afterwards, whatever the browser at its other end goes on asking for."""

    def late() -> None:
        clock.at = NOW + timedelta(hours=1)

    socket = Socket(cookie()).run(nothing, nothing, late, nothing)
    assert socket.heard == ["websocket.receive", "websocket.receive", "websocket.disconnect"]
    assert socket.sent == [{"type": "websocket.close", "code": 1008}]
    assert socket.protocol == b"streamlit, token, old-session"


def test_logging_out_closes_every_socket_of_that_login_and_of_no_other(clock: HandClock) -> None:
    """In other tabs and browsers that hold the cookie; the next login of the same person is another."""

    def out() -> None:
        login.end(CLAIMS | {"nonce": "one"})

    assert Socket(cookie(nonce="one")).run(nothing, out).heard == ["websocket.receive", "websocket.disconnect"]
    assert Socket(cookie(nonce="two")).run(nothing, nothing).heard[:2] == ["websocket.receive"] * 2
    asked("/auth/logout", 302, [], held=cookie(nonce="two"))
    assert Socket(cookie(nonce="two")).run(nothing).protocol == b"streamlit, token"


@pytest.mark.parametrize(
    "held", [b"", cookie(email="eve@evil.example"), cookie(iat=0), cookie(origin="https://x.example")]
)
def test_whoever_is_not_let_in_goes_on_with_no_session(held: bytes, clock: HandClock) -> None:
    """One that was begun with a login has parts of pages, which a browser can ask for by name."""
    socket = Socket(held).run(nothing)

    assert socket.protocol == b"streamlit, token"
    assert socket.heard == ["websocket.receive", "websocket.disconnect"] and socket.sent == []


def test_every_cookie_is_kept_to_tls_where_people_come_by_tls() -> None:
    """Streamlit leaves the flag out; once is enough. And no other page may frame ours."""
    cookies = [(b"set-cookie", b"_streamlit_xsrf=1; Path=/"), (b"set-cookie", b"a=1; Secure"), (b"x", b"y")]

    def set_by(**changes: Any) -> list[bytes]:
        headers = asked("/", 200, cookies, **changes)[0]["headers"]
        assert (b"content-security-policy", b"frame-ancestors 'none'") in headers
        return [value for name, value in headers if name == b"set-cookie"]

    assert set_by() == [b"_streamlit_xsrf=1; Path=/; Secure", b"a=1; Secure"]
    assert set_by(url="http://127.0.0.1:8501") == [b"_streamlit_xsrf=1; Path=/", b"a=1; Secure"]


def test_a_callback_that_logs_nobody_in_says_so_and_takes_its_cookies_away_as_streamlit_does() -> None:
    """A redirect to the first page would say nothing; without any question it is the way back from a logout."""
    empty = [(b"set-cookie", b'_streamlit_user=""; Max-Age=0; Path=/'), (b"location", b"/")]
    start, body = asked("/oauth2callback?state=s&code=c", 302, empty)
    assert start["status"] == 403 and b"You are not logged in" in body["body"] and b"Acme" in body["body"]
    assert next(value for name, value in start["headers"] if name == b"set-cookie").startswith(
        b'_streamlit_user=""; Max-Age=0'
    )

    assert asked("/oauth2callback", 302, empty)[0]["status"] == 302
    full = [(b"set-cookie", b"_streamlit_user=abc; Path=/"), (b"location", b"/")]
    assert asked("/oauth2callback?state=s&code=c", 302, full)[0]["status"] == 302


def test_an_issuer_that_cannot_be_asked_is_named() -> None:
    """With what it is called, escaped; never with what failed inside."""
    start, body = asked("/auth/login?provider=x", 400, [], name="<b>Acme</b>")

    assert start["status"] == 502
    assert b"&lt;b&gt;Acme&lt;/b&gt; cannot be asked who you are" in body["body"]

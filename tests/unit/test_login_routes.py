"""Where people land after a login, whose cookie counts, and what is added to Streamlit's answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from dashboard.login_routes import LoginRoutes, cookie_claims, place_of
from schemas.login import Login
from tests.unit.test_login_identity import LOGIN

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


def asked(path: str, status: int, headers: list[tuple[bytes, bytes]], **login: Any) -> list[Message]:
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
    scope = {"type": "http", "method": "GET", "path": where, "query_string": query.encode(), "headers": []}
    asyncio.run(LoginRoutes(streamlit, Login.model_validate(LOGIN | login))(scope, receive, send))
    return said


def test_every_cookie_is_kept_to_tls_where_people_come_by_tls() -> None:
    """Streamlit leaves the flag out; once is enough."""
    cookies = [(b"set-cookie", b"_streamlit_xsrf=1; Path=/"), (b"set-cookie", b"a=1; Secure"), (b"x", b"y")]

    def set_by(**login: Any) -> list[bytes]:
        return [value for name, value in asked("/", 200, cookies, **login)[0]["headers"] if name == b"set-cookie"]

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

"""For whom, and for which addresses, the reads of a page are begun."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from queue import Queue
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from dashboard import login
from dashboard.read_ahead_route import ReadAhead
from schemas.login import Login
from tests.support.reads_ahead import settle
from tests.unit.test_login_identity import CLAIMS
from tests.unit.test_login_routes import GIVEN, OURS, SECRET
from touchstone.system_clock import SystemClock

BROWSER = (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")


def begun(
    path: str, *headers: tuple[bytes, bytes], query: str = "", method: str = "GET", door: Login | None = None
) -> tuple[str, Mapping[str, str]] | None:
    """What is begun for a request, which is always answered by Streamlit."""
    calls: Queue[tuple[str, Mapping[str, str]]] = Queue()
    answered: list[str] = []

    async def streamlit(scope: Scope, _receive: Receive, _send: Send) -> None:
        answered.append(scope["path"])

    async def receive() -> Message:
        raise AssertionError("nobody reads the request")

    async def send(_: Message) -> None:
        raise AssertionError("Streamlit answers")

    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": list(headers),
        "scheme": "http", "server": ("testserver", 80),
    }  # fmt: skip
    route = ReadAhead(streamlit, door, lambda page, asked: calls.put((page, asked)))
    asyncio.run(route(scope, receive, send))
    assert answered == [path]
    settle()
    return None if calls.empty() else calls.get_nowait()


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/", "", ("status", {})),
        ("/provider", "provider=acme&window=30d", ("provider", {"provider": "acme", "window": "30d"})),
        ("/provider", "provider=%3Cimg%3E&window=", ("provider", {"provider": "<img>"})),
    ],
)
def test_a_browser_that_asks_for_a_page_has_it_read(path: str, query: str, expected: object) -> None:
    """With what its address asks for, unchecked."""
    assert begun(path, BROWSER, query=query) == expected


def test_nothing_is_begun_for_anything_else() -> None:
    """No page, no browser, or nothing asked for."""
    assert begun("/static/js/index.js", BROWSER) is None
    assert begun("/_stcore/health", BROWSER) is None
    assert begun("/first", BROWSER) is None
    assert begun("/provider/x", BROWSER) is None
    assert begun("/provider", (b"accept", b"*/*")) is None
    assert begun("/provider") is None
    assert begun("/provider", BROWSER, method="HEAD") is None


def test_behind_a_login_only_for_whoever_is_let_in() -> None:
    """By the cookie that was signed here; a stranger begins nothing by asking."""
    login.keep_time_by(SystemClock())
    now = SystemClock().now().timestamp()
    claims = {**CLAIMS, "origin": OURS, "exp": now + 600, "iat": now}

    def cookie(secret: str) -> tuple[bytes, bytes]:
        signed = create_signed_value(secret, USER_COOKIE_NAME, json.dumps(claims)).decode()
        return b"cookie", f"{USER_COOKIE_NAME}={signed}".encode()

    assert begun("/provider", BROWSER, door=GIVEN) is None
    assert begun("/provider", BROWSER, cookie("another"), door=GIVEN) is None
    assert begun("/provider", BROWSER, cookie(SECRET), query="provider=acme", door=GIVEN) == (
        "provider",
        {"provider": "acme"},
    )

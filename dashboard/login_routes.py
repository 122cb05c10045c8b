"""
What stands before Streamlit's own routes where a login is configured.

Streamlit asks who somebody is when a socket opens, and never again; sends everybody who has logged in to the first
page; says in two words that a login failed; and serves the files of pages and its own figures to whoever asks. Here a
socket is open for as long as its login lasts, people land where they were and read what went wrong, and files need a
login.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from dashboard.identity import Person
from dashboard.login import admitted, end
from dashboard.pages import BARE, CATALOGUE
from schemas.login import CALLBACK_PATH, Login

LOGIN_PATH = "/auth/login"
LOGOUT_PATH = "/auth/logout"
POLICY_VIOLATION = 1008
PAGE_COOKIE = "touchstone_page"
PAGE_COOKIE_S = 900
PLACE_CHARS_MAX = 1500
CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
FILES = ("/media/", "/_stcore/upload_file/")
FAILED = Template(Path(__file__).with_name("static").joinpath("login_failed.html").read_text())


class LoginRoutes:
    """The middleware: one for each process."""

    def __init__(self, app: ASGIApp, login: Login) -> None:
        self._app = app
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let Streamlit answer."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = self._sealed(send)
        request, path = Request(scope, receive), scope["path"]
        if path.startswith(CLOSED):
            await PlainTextResponse("Not Found", status_code=404)(scope, receive, send)
        elif path.startswith(FILES) and not lets_in(request, self._login):
            await PlainTextResponse("Log in first", status_code=403)(scope, receive, send)
        elif path == LOGOUT_PATH:
            end(cookie_claims(request.cookies, self._login))
            await self._app(scope, receive, send)
        elif path == LOGIN_PATH:
            await self._leave(request, send)
        elif path == CALLBACK_PATH:
            await self._arrive(request, send)
        else:
            await self._app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Everything that runs is asked for over a socket: nothing is after a login has ended.

        Whoever is not let in gets a session of their own, which has the door and no part of a page; never an old one.
        """
        claims = cookie_claims(HTTPConnection(scope).cookies, self._login)

        def admits() -> bool:
            return isinstance(admitted(claims, self._login), Person)

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not admits():
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
                return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
            return message

        if admits():
            await self._app(scope, heard, send)
        else:
            await self._app({**scope, "headers": sessionless(scope["headers"])}, receive, send)

    async def _leave(self, request: Request, send: Send) -> None:
        """To the issuer, with the page in mind that was asked for."""
        answer = await self._answer(request)
        if answer.status_code >= 400:
            answer = _failed(
                502, f"{self._login.shown} cannot be asked who you are. It does not answer, or not as it should."
            )
        else:
            place = place_of(request.headers.get("referer", ""), self._login.url)
            answer.set_cookie(
                PAGE_COOKIE, quote(place, safe=""), max_age=PAGE_COOKIE_S, path="/", httponly=True, samesite="lax"
            )
        await answer(request.scope, request.receive, send)

    async def _arrive(self, request: Request, send: Send) -> None:
        """From the issuer, to that page; or a word on why not."""
        place = place_of(self._login.url + unquote(request.cookies.get(PAGE_COOKIE, "")), self._login.url)
        answer = await self._answer(request)
        if _logs_in(answer):
            answer.headers["location"] = place
            answer.delete_cookie(PAGE_COOKIE, path="/")
        elif {"code", "error", "state"} & request.query_params.keys():  # without any the issuer has ended a login
            cookies = [value for name, value in answer.raw_headers if name == b"set-cookie"]
            words = (
                f"What came back from {self._login.shown} does not log anybody in here: it was refused, or was used "
                "before, or belongs to another browser."
            )
            answer = _failed(403, words, place)
            answer.raw_headers.extend((b"set-cookie", value) for value in cookies)
        await answer(request.scope, request.receive, send)

    async def _answer(self, request: Request) -> Response:
        """What Streamlit says, whole: a redirect or a line."""
        said: list[Message] = []

        async def keep(message: Message) -> None:
            said.append(message)

        await self._app(request.scope, request.receive, keep)
        start = next(message for message in said if message["type"] == "http.response.start")
        body = b"".join(message.get("body", b"") for message in said if message["type"] == "http.response.body")
        answer = Response(body, status_code=start["status"])
        answer.raw_headers = list(start["headers"])
        return answer

    def _sealed(self, send: Send) -> Send:
        """*send*, for no frame of another page; and with every cookie kept to TLS where people come by TLS."""
        tls = self._login.url.startswith("https:")

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = "frame-ancestors 'none'"
                cookies = headers.getlist("set-cookie")
                del headers["set-cookie"]
                for cookie in cookies:
                    known = not tls or "; secure" in cookie.lower()
                    headers.append("set-cookie", cookie if known else f"{cookie}; Secure")
            await send(message)

        return sealed


def lets_in(request: HTTPConnection, login: Login) -> bool:
    """Whether whoever sends *request* has logged in, and may see pages."""
    return isinstance(admitted(cookie_claims(request.cookies, login), login), Person)


def place_of(address: str, origin: str) -> str:
    """The page and its filters in *address*, as a path of *origin*; '/' when it names no page of ours."""
    pages = {"/", f"/{BARE}", *(f"/{entry.name}" for entry in CATALOGUE)}
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    place = f"{parts.path}?{parts.query}" if parts.query else parts.path
    ours = f"{parts.scheme}://{parts.netloc.lower()}" == origin and parts.path in pages
    plain = place.isascii() and place.isprintable() and not set(place) & set(' "\\<>')
    return place if ours and plain and len(place) <= PLACE_CHARS_MAX else "/"


def sessionless(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """*headers* of a socket, which carry its protocol, a token and the session to go on with, without that session."""
    return [
        (name, b",".join(value.split(b",")[:2]) if name == b"sec-websocket-protocol" else value)
        for name, value in headers
    ]


def cookie_claims(cookies: Mapping[str, str], login: Login) -> dict[str, Any]:
    """The claims of a cookie that was signed here for this address; none of any other."""
    assert login.cookie_secret is not None, "a login is handed over with its secrets"
    secret = login.cookie_secret.get_secret_value()

    def signed(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies[name].encode("latin-1")) if name in cookies else None

    content = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    claims = json.loads(content) if content else {}
    return claims if isinstance(claims, dict) and claims.get("origin") == login.url else {}


def _logs_in(answer: Response) -> bool:
    """Whether Streamlit gives the cookie of somebody who has logged in; it empties the same one to log out."""
    for cookie in answer.headers.getlist("set-cookie"):
        try:
            morsel = SimpleCookie(cookie).get(USER_COOKIE_NAME)
        except CookieError:
            continue
        if morsel is not None and morsel.value:
            return True
    return False


def _failed(status: int, words: str, place: str = "/") -> Response:
    page = FAILED.substitute(words=escape(words), place=escape(place))
    return HTMLResponse(page, status_code=status, headers={"cache-control": "no-store"})

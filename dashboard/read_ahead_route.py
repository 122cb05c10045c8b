"""Stands before Streamlit's own routes: when a browser asks for a page, what the page reads is begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.login_routes import lets_in
from dashboard.pages import CATALOGUE, FIRST
from dashboard.reading_ahead import begin, read_ahead
from schemas.login import Login

NAMES = frozenset(entry.name for entry in CATALOGUE)


class ReadAhead:
    """The middleware: only for whoever may see pages, and only for browsers, which draw what they ask for."""

    def __init__(
        self, app: ASGIApp, login: Login | None, ahead: Callable[[str, Mapping[str, str]], None] = read_ahead
    ) -> None:
        self._app = app
        self._login = login
        self._ahead = ahead

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streamlit answers, and waits for nothing that is begun."""
        if scope["type"] == "http" and (name := scope["path"].strip("/") or FIRST) in NAMES:
            request = Request(scope)
            browser = request.method == "GET" and "text/html" in request.headers.get("accept", "")
            if browser and (self._login is None or lets_in(request, self._login)):
                begin(self._ahead, name, dict(parse_qsl(request.url.query)))
        await self._app(scope, receive, send)

"""The ASGI application that `touchstone dashboard` runs: the pages, and a line when they can be had."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from dashboard.login_routes import LoginRoutes
from dashboard.pages import CATALOGUE
from dashboard.read_ahead_route import ReadAhead
from dashboard.settings import page_settings
from schemas.login import Login
from schemas.still_memory import leave_still

READY_VARIABLE = "TOUCHSTONE_DASHBOARD_READY"  # "json" or "text": how to say that it is ready
URL_VARIABLE = "TOUCHSTONE_DASHBOARD_URL"
# Imported before the first page is asked for: a cold first page took seconds, a warm one a third of one.
WARM = ("pandas", "pyarrow", "altair", "clickhouse_connect", *(f"dashboard.views.{entry.name}" for entry in CATALOGUE))


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Import what pages need, then say where they are; the socket is bound already."""
    for module in WARM:
        import_module(module)
    # Streamlit collects all garbage after every script: of the modules that are here to stay that took 0.1 s each time.
    leave_still()
    url = os.environ.get(URL_VARIABLE, "")
    match os.environ.get(READY_VARIABLE):
        case "json":
            print(json.dumps({"url": url}, indent=2), flush=True)
        case "text":
            print(f"dashboard: {url}", flush=True)
    yield


def secrets_of(login: Login | None) -> dict[str, Any]:
    """What Streamlit's login reads; handed over in memory, so that no file holds it."""
    if login is None:
        return {}
    assert login.client_secret is not None and login.cookie_secret is not None, "handed over with its secrets"
    return {
        "auth": {
            "redirect_uri": login.redirect_uri,
            "cookie_secret": login.cookie_secret.get_secret_value(),
            "client_id": login.client_id,
            "client_secret": login.client_secret.get_secret_value(),
            "server_metadata_url": login.metadata,
            "client_kwargs": {"scope": " ".join(login.scopes)},
        }
    }


def middleware_of(login: Login | None) -> list[Middleware]:
    """What stands before Streamlit's routes."""
    door = [] if login is None else [Middleware(LoginRoutes, login=login)]
    return [*door, Middleware(ReadAhead, login=login)]


LOGIN = page_settings().login
app = st.App(
    Path(__file__).with_name("app.py"), lifespan=lifespan, secrets=secrets_of(LOGIN), middleware=middleware_of(LOGIN)
)

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

from dashboard.pages import CATALOGUE

READY_VARIABLE = "TOUCHSTONE_DASHBOARD_READY"  # "json" or "text": how to say that it is ready
URL_VARIABLE = "TOUCHSTONE_DASHBOARD_URL"
# Imported before the first page is asked for: a cold first page took seconds, a warm one a third of one.
WARM = ("pandas", "pyarrow", "altair", "clickhouse_connect", *(f"dashboard.views.{entry.name}" for entry in CATALOGUE))


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Import what pages need, then say where they are; the socket is bound already."""
    for module in WARM:
        import_module(module)
    url = os.environ.get(URL_VARIABLE, "")
    match os.environ.get(READY_VARIABLE):
        case "json":
            print(json.dumps({"url": url}, indent=2), flush=True)
        case "text":
            print(f"dashboard: {url}", flush=True)
    yield


app = st.App(Path(__file__).with_name("app.py"), lifespan=lifespan)

"""Reports over HTTP, at /api/v1/reports: which went out, which wait, and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

PATH = "/api/v1/reports"


def routes(reports: Callable[[], Awaitable[list[dict[str, Any]]]]) -> list[web.RouteDef]:
    """The routes of this file; *reports* gives them as JSON values, those of the newest periods first."""

    async def listed(_request: web.Request) -> web.Response:
        body = orjson.dumps({"reports": await reports()}, option=orjson.OPT_UTC_Z)
        return web.Response(body=body, content_type="application/json")

    return [web.get(PATH, listed)]

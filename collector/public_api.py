"""
What may be shown to anybody, where the settings say so: a provider's badge, and the feed of incidents.

Neither holds a secret, an address or a request. Both can be kept for a while by whoever stands between.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from aiohttp import web

from collector.exports import incident_feed
from collector.exports.badge import badge
from schemas.paging import Paging

BADGE = "/api/v1/providers/{provider}/badge.svg"
FEED = incident_feed.PATH
INCIDENTS_MAX = 100
KEPT_S = 60
_BADGE = re.compile(r"^/api/v1/providers/[a-z0-9][a-z0-9._-]{0,62}/badge\.svg$")


class Reads(Protocol):
    """What is shown (blocking reads, run in threads)."""

    def verdict(self, provider: str) -> Any:
        """The last verdict on one provider."""
        ...

    def recent_incidents(self, limit: int) -> Any:
        """The newest incidents."""
        ...

    def now(self) -> datetime:
        """The store's clock."""
        ...


def is_public(path: str) -> bool:
    """Whether *path* is one of this file's, so that no token is asked for where the settings allow it."""
    return path == FEED or _BADGE.match(path) is not None


def routes(reads: Callable[[], Reads], paging: Paging, *, simulated: bool) -> list[web.RouteDef]:
    """The routes of this file."""

    async def badge_of(request: web.Request) -> web.StreamResponse:
        provider = request.match_info["provider"]

        def look() -> str | None:
            verdict = reads().verdict(provider) if is_public(request.path) else None
            return badge(verdict, reads().now(), simulated=simulated) if verdict else None

        drawn = await asyncio.to_thread(look)
        if drawn is None:
            raise web.HTTPNotFound
        return _kept(request, drawn, "image/svg+xml")

    async def feed(request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(lambda: reads().recent_incidents(INCIDENTS_MAX))
        made = incident_feed.feed(
            found, deployment=paging.deployment, dashboard_url=paging.dashboard_url, api_url=paging.api_url
        )
        return _kept(request, made, "application/atom+xml")

    return [web.get(BADGE, badge_of), web.get(FEED, feed)]


def _kept(request: web.Request, made: str, media_type: str) -> web.StreamResponse:
    """*made*, or 304 for who has it already."""
    body = made.encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": f"public, max-age={KEPT_S}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    if tag in (one.strip() for one in request.headers.get("If-None-Match", "").split(",")):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=media_type, charset="utf-8", headers=headers)

"""
What may be shown to anybody, where the settings say so: a provider's badge, and the feed of incidents.

Neither holds a secret, an address or a request. Both can be kept for a while by whoever stands between.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from aiohttp import web

from collector.exports import incident_feed
from collector.exports.badge import badge
from schemas.clock import Clock
from schemas.paging import Paging

T = TypeVar("T")

BADGE = "/api/v1/providers/{provider}/badge.svg"
FEED = incident_feed.PATH
INCIDENTS_MAX = 100
KEPT_S = 60
HELD_S = 10.0
_BADGE = re.compile(r"^/api/v1/providers/[a-z0-9][a-z0-9._-]{0,62}/badge\.svg$")


class Reads(Protocol):
    """What is shown (blocking reads, run in threads)."""

    def latest_verdicts(self) -> Any:
        """The last verdict on every provider."""
        ...

    def recent_incidents(self, limit: int) -> Any:
        """The newest incidents."""
        ...


class Held(Generic[T]):
    """What *load* gave last, for HELD_S: however many ask, the store is asked once at a time, and seldom."""

    def __init__(self, load: Callable[[], T], clock: Clock) -> None:
        self._load, self._clock = load, clock
        self._lock = asyncio.Lock()
        self._last: tuple[float, T] | None = None

    async def value(self) -> T:
        """It; raises StoreError when there is none, or it is too old, and the store cannot say."""
        async with self._lock:
            if self._last is None or self._clock.monotonic() - self._last[0] > HELD_S:
                self._last = self._clock.monotonic(), await asyncio.to_thread(self._load)
            return self._last[1]


def is_public(path: str) -> bool:
    """Whether *path* is one of this file's, so that no token is asked for where the settings allow it."""
    return path == FEED or _BADGE.match(path) is not None


def routes(reads: Callable[[], Reads], paging: Paging, clock: Clock, *, simulated: bool) -> list[web.RouteDef]:
    """The routes of this file."""
    verdicts = Held(lambda: {one.provider: one for one in reads().latest_verdicts()}, clock)
    incidents = Held(lambda: reads().recent_incidents(INCIDENTS_MAX), clock)

    async def badge_of(request: web.Request) -> web.StreamResponse:
        verdict = (await verdicts.value()).get(request.match_info["provider"])
        if verdict is None:
            raise web.HTTPNotFound
        return _kept(request, badge(verdict, clock.now(), simulated=simulated), "image/svg+xml")

    async def feed(request: web.Request) -> web.StreamResponse:
        made = incident_feed.feed(
            await incidents.value(),
            deployment=paging.deployment,
            dashboard_url=paging.dashboard_url,
            api_url=paging.api_url,
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

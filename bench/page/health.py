"""The targets: one loopback server whose every path is healthy, but for the outages that it was told of."""

from __future__ import annotations

import time
from collections.abc import Iterable

from aiohttp import web

from bench.page.outage import Outage
from touchstone.address import free_port

HOST = "127.0.0.1"


class Targets:
    """`/t/SUBJECT` answers 200, in an outage of that subject 503; `cut` makes the ports refuse every connection."""

    def __init__(self, ports: int = 1) -> None:
        self.ports = tuple(free_port() for _ in range(ports))
        self._outages: dict[str, tuple[Outage, ...]] = {}
        self._runner: web.AppRunner | None = None
        self._sites: list[web.TCPSite] = []

    async def start(self) -> None:
        """Begin to answer."""
        app = web.Application()
        app.router.add_get("/t/{subject}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await self.mend()

    async def stop(self) -> None:
        """Answer no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def cut(self) -> None:
        """Refuse every connection, on every port."""
        for site in self._sites:
            await site.stop()
        self._sites = []

    async def mend(self) -> None:
        """Take connections again."""
        assert self._runner is not None and not self._sites
        self._sites = [web.TCPSite(self._runner, HOST, port, reuse_address=True) for port in self.ports]
        for site in self._sites:
            await site.start()

    def plan(self, subject: str, outages: Iterable[Outage]) -> None:
        """*subject* has these outages, on the monotonic clock."""
        self._outages[subject] = tuple(outages)

    def url(self, subject: str) -> str:
        """Where *subject* is asked."""
        return f"http://{HOST}:{self.ports[0]}/t/{subject}"

    async def _answer(self, request: web.Request) -> web.Response:
        now_s = time.monotonic()
        down = any(one.at(now_s) for one in self._outages.get(request.match_info["subject"], ()))
        response = web.Response(text="down\n", status=503) if down else web.Response(text="up\n")
        response.force_close()
        return response

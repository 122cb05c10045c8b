"""A plain HTTP server that keeps connections open, or does not, and counts them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class KeepingServer:
    """Where it listens, which methods came, and over how many connections."""

    def __init__(self) -> None:
        self.url = ""
        self.methods: list[str] = []
        self._seen: set[int] = set()
        self._open: list[web.BaseRequest] = []

    @property
    def connections(self) -> int:
        """How many connections asked for something."""
        return len(self._seen)

    def note(self, request: web.BaseRequest) -> None:
        """A request came."""
        self.methods.append(request.method)
        self._seen.add(id(request.protocol))
        self._open.append(request)

    def drop(self) -> None:
        """Close every connection that was used."""
        for request in self._open:
            if request.transport is not None:
                request.transport.close()


@asynccontextmanager
async def keeping_server(*, keeps: bool = True) -> AsyncIterator[KeepingServer]:
    """Answer `fine` to everything; without *keeps*, close after each answer."""
    served = KeepingServer()

    async def answer(request: web.BaseRequest) -> web.Response:
        served.note(request)
        response = web.Response(text="fine")
        if not keeps:
            response.force_close()
        return response

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield served
    finally:
        await runner.cleanup()

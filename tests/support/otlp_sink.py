"""A collector that only takes observations in: a real OTLP/HTTP endpoint, with a script of how it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.otlp_reading import NO_TARGETS, read_body, unpacked
from collector.passive import TargetIndex
from schemas.observation import Observation


@dataclass(slots=True)
class Sink:
    """Where it listens, what it acknowledged, and how many requests came."""

    url: str = ""
    taken: list[Observation] = field(default_factory=list)
    requests: int = 0


@asynccontextmanager
async def otlp_sink(
    *answers: int, retry_after: str = "0.1", targets: TargetIndex = NO_TARGETS, token: str | None = None
) -> AsyncIterator[Sink]:
    """
    Answer with *answers* first, a status each, and 200 from then on; only 200 keeps what came.

    A delivery that was cut off is sent again, so what is known by its identity is kept once, as the collector does.
    Real traffic is understood when it went to one of *targets*. Who does not show *token* gets 401.
    """
    sink, script = Sink(), list(answers)
    known: set[UUID] = set()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()  # the server has undone gzip
        sink.requests += 1
        shown = token is None or request.headers.get("Authorization") == f"Bearer {token}"
        status = 401 if not shown else script.pop(0) if script else 200
        if status == 200:
            fresh = [one for one in _observations(body, targets) if one.id not in known]
            known.update(one.id for one in fresh)
            sink.taken += fresh
        return web.Response(status=status, headers={"Retry-After": retry_after} if status != 200 else {})

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    async with TestServer(app) as server:
        sink.url = str(server.make_url("/"))
        yield sink


def _observations(body: bytes, targets: TargetIndex) -> Sequence[Observation]:
    reading = read_body(unpacked(body, "", bytes_max=2**24), spans_max=10_000, targets=targets)
    assert not reading.rejected, reading.said
    return [one.observation for one in reading.received]

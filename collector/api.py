"""
The collector over HTTP: OTLP in at /v1/traces, health, verdicts and incidents as JSON at /api/v1, and what people say
about incidents (response_api.py).

Every refusal is JSON that names what was wrong and where. 429 and 503 come with Retry-After. Where there are tokens,
everything but health asks for one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

import orjson
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector import outside_api, response_api
from collector.ingest import Ingest
from collector.tokens import CHALLENGE, Tokens
from collector.waiting_room import Full, TooLarge, WaitingRoom
from schemas import asking
from schemas.batch_order import BatchOrder
from schemas.clock import Clock
from schemas.errors import OutOfOrder, StoreError, StoreRejected, WireError

BODY_S = 30.0  # for a sender to send the whole of it
RETRY_AFTER_S = "1"
LIMIT_MAX = 1000
DAYS = 7
DAYS_MAX = 90
_PROTOBUF = {"application/x-protobuf", "application/protobuf"}
_OPEN = {"/healthz", "/readyz"} | outside_api.OPEN
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Reads(Protocol):
    """What the API shows (blocking reads, run in threads)."""

    def latest_verdicts(self) -> Any:
        """The last verdict on every provider."""
        ...

    def verdict(self, provider: str, at: datetime | None = None) -> Any:
        """The verdict on one provider that held at *at*."""
        ...

    def recent_incidents(self, limit: int) -> Any:
        """The newest incidents."""
        ...

    def now(self) -> datetime:
        """The store's clock."""
        ...

    def beside(self, provider: str, start: datetime, end: datetime, *, confidence: float) -> Any:
        """Our probes of a provider beside real traffic."""
        ...


class Refused(Exception):
    """A parameter that cannot be used."""

    def __init__(self, parameter: str, message: str) -> None:
        self.parameter = parameter
        super().__init__(message)


def application(
    ingest: Ingest,
    reads: Callable[[], Reads],
    ready: Callable[[], Awaitable[bool]],
    desk: response_api.Desk,
    clock: Clock,
    outside: Sequence[web.RouteDef],
    *,
    tokens: Tokens,
    public: Callable[[str], bool],
    body_bytes_max: int,
    confidence: float,
) -> web.Application:
    """The aiohttp application; run it with auto_decompress off. *public*: of which paths no token is asked for."""
    waiting = WaitingRoom(body_bytes_max=body_bytes_max)

    async def take(request: web.Request) -> web.Response:
        if request.content_type not in _PROTOBUF:
            return _refusal(
                415, f"Content-Type {request.content_type[:60]!r} is not taken; send application/x-protobuf"
            )
        with waiting.place() as place:
            try:
                async with asyncio.timeout(BODY_S):
                    body = await place.read(request.content.iter_any(), request.content_length)
                encoding = request.headers.get("Content-Encoding", "").lower()
                reading = await ingest.take(body, encoding, BatchOrder.of(request.headers))
            except Full as error:
                return _refusal(429, str(error), retry=True)
            except TooLarge:
                return _refusal(413, f"the body is larger than {body_bytes_max} bytes")
            except TimeoutError:
                return _refusal(408, f"the body did not come within {BODY_S:g} s")
            except OutOfOrder as error:
                return _refusal(425, str(error))
            except WireError as error:
                return _refusal(400, str(error))
            except StoreRejected as error:
                return _refusal(500, f"the store refused the batch: {error}")
            except StoreError as error:
                return _refusal(503, str(error), retry=True)
        answer = ExportTraceServiceResponse()
        if reading.rejected:
            answer.partial_success.rejected_spans = reading.rejected
            answer.partial_success.error_message = reading.said
        asked = desk.asked({one.flat.vantage for one in reading.received})
        headers = {asking.HEADER: asking.header_of(asked)} if asked else {}
        body = answer.SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf", headers=headers)

    async def verdicts(request: web.Request) -> web.Response:
        _known(request)
        found = await _read(lambda: reads().latest_verdicts())
        return _json([verdict.to_json() for verdict in found])

    async def verdict(request: web.Request) -> web.Response:
        _known(request, "at")
        provider, at = _provider(request), _instant(request, "at")
        found = await _read(lambda: reads().verdict(provider, at))
        if found is None:
            return _refusal(404, f"there is no verdict on {provider!r}" + (f" at {at.isoformat()}" if at else ""))
        return _json(found.to_json())

    async def beside(request: web.Request) -> web.Response:
        _known(request, "days")
        provider, days = _provider(request), _whole(request, "days", DAYS, DAYS_MAX)

        def look() -> Any:
            end = reads().now()
            return reads().beside(provider, end - timedelta(days=days), end, confidence=confidence)

        return _json((await _read(look)).to_json())

    async def incidents(request: web.Request) -> web.Response:
        _known(request, "limit")
        limit = _whole(request, "limit", 100, LIMIT_MAX)
        return _json(await _read(lambda: reads().recent_incidents(limit)))

    async def ingested(request: web.Request) -> web.Response:
        _known(request)
        return _json(ingest.counts())

    async def alive(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def is_ready(_request: web.Request) -> web.Response:
        try:
            good = await ready()
        except StoreError as error:
            return _refusal(503, str(error), retry=True)
        return web.Response(text="ready\n") if good else _refusal(503, "the store does not answer", retry=True)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only who has a token gets past; health may be asked by anybody."""
        is_open = request.path in _OPEN or public(request.path)
        refused = None if is_open else tokens.refusal(request.headers.get("Authorization"))
        if refused is not None:
            return _refusal(401, refused, headers={"WWW-Authenticate": CHALLENGE})
        return await handler(request)

    app = web.Application(middlewares=[_refusals, guard])
    app.router.add_post("/v1/traces", take)
    app.router.add_get("/api/v1/verdicts", verdicts)
    app.router.add_get("/api/v1/verdicts/{provider}", verdict)
    app.router.add_get("/api/v1/beside/{provider}", beside)
    app.router.add_get("/api/v1/incidents", incidents)
    app.router.add_get("/api/v1/ingest", ingested)
    app.router.add_routes(response_api.routes(desk, clock))
    app.router.add_routes(outside)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", is_ready)
    return app


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> Any:
    """Every error as JSON."""
    try:
        return await handler(request)
    except Refused as error:
        return _refusal(400, str(error), parameter=error.parameter)
    except StoreError as error:
        return _refusal(503, str(error), retry=True)
    except web.HTTPException as error:
        return _refusal(error.status, f"{error.reason}: {request.method} {request.path[:200]}")


async def _read(work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work)


def _known(request: web.Request, *names: str) -> None:
    """Refuse a parameter that would have no effect: one of another name, or given again."""
    for name in request.query:
        if name not in names:
            raise Refused(name[:40], f"is no parameter of {request.path[:200]}; known: {', '.join(names) or 'none'}")
        if len(request.query.getall(name)) > 1:
            raise Refused(name, "is given more than once")


def _provider(request: web.Request) -> str:
    provider = request.match_info["provider"]
    if not _NAME.match(provider):
        raise Refused("provider", f"{provider[:80]!r} is not a provider's name")
    return provider


def _whole(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= most:
        raise Refused(name, f"{text[:40]!r} is not a whole number from 1 to {most}")
    return int(text)


def _instant(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(name, f"{text[:40]!r} is not ISO 8601, as 2026-01-31T12:00:00Z") from None
    if at.tzinfo is None or not 1970 < at.year < 2200:
        raise Refused(name, f"{text[:40]!r} needs an offset and a year from 1971 to 2199")
    return at


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value, option=orjson.OPT_UTC_Z), content_type="application/json")


def _refusal(
    status: int,
    message: str,
    *,
    retry: bool = False,
    parameter: str | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> web.Response:
    error = {"message": message} | ({"parameter": parameter} if parameter else {})
    headers = {**headers, **({"Retry-After": RETRY_AFTER_S} if retry else {})}
    return web.Response(
        status=status, body=orjson.dumps({"error": error}), content_type="application/json", headers=headers
    )

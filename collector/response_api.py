"""
Responding over HTTP, at /api/v1: acknowledge, take back, close, claim, silence, plan maintenance, drill.

A body is JSON with its content type, so that no page in somebody's browser can send one unasked. 404 for what is not
there, 409 for what cannot be done with it, 400 with the field's name for what cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from collector.response_bodies import By, Claiming, Closing, Drilling, Suppressing
from collector.vital_signs import VitalSigns, ailments
from schemas import asking
from schemas.clock import Clock
from schemas.response import Command, Suppression, Unsuppress, drill_id

INCIDENT = re.compile(r"^inc-[0-9a-f]{12}$")
SUPPRESSION = re.compile(r"^sup-[0-9a-f]{12}$")
BODY_BYTES_MAX = 16 * 1024

Body = TypeVar("Body", bound=BaseModel)
Answered = tuple[int, dict[str, Any]]


class Desk(Protocol):
    """Who does what people ask."""

    async def respond(self, command: Command) -> str:
        """'' when it is done, else why it is not."""
        ...

    async def vital_signs(self) -> VitalSigns:
        """How the collector itself is."""
        ...

    def asked(self, vantages: Collection[str]) -> frozenset[asking.Subject]:
        """What agents of *vantages* should look at now."""
        ...

    async def told(self, incident: str) -> list[dict[str, Any]]:
        """Who was told of an incident, or will be."""
        ...

    async def suppressions(self) -> Mapping[str, Suppression]:
        """Silences and windows that have not expired."""
        ...

    async def delivery(self) -> dict[str, Any]:
        """How our own pages were delivered, beside the objective for that."""
        ...


class Unusable(Exception):
    """A body or a path that cannot be used."""

    def __init__(self, status: int, parameter: str, message: str) -> None:
        self.status, self.parameter = status, parameter
        super().__init__(message)


def routes(desk: Desk, clock: Clock) -> list[web.RouteDef]:
    """The routes of this file."""

    async def acknowledge(request: web.Request) -> Answered:
        incident, body = _incident(request), await _read(request, By)
        return await done(body.acknowledge(incident), {"incident": incident})

    async def unacknowledge(request: web.Request) -> Answered:
        incident, body = _incident(request), await _read(request, By)
        return await done(body.unacknowledge(incident), {"incident": incident})

    async def close(request: web.Request) -> Answered:
        incident, body = _incident(request), await _read(request, Closing)
        return await done(body.close(incident), {"incident": incident})

    async def claim(request: web.Request) -> Answered:
        body = await _read(request, Claiming)
        return await done(body.claim(), {"provider": body.provider, "key": body.key, "standing": body.standing.value})

    async def suppress(request: web.Request) -> Answered:
        body = await _read(request, Suppressing)
        try:
            command = body.suppress(clock.now())
        except ValueError as error:
            name, _, message = str(error).partition(": ")
            raise Unusable(400, name, message) from None
        return await done(command, plain(command.suppression))

    async def unsuppress(request: web.Request) -> Answered:
        id, body = request.match_info["id"], await _read(request, By)
        if not SUPPRESSION.match(id):
            raise Unusable(400, "id", f"{id[:40]!r} is not the id of a silence or a window: sup- and 12 hex digits")
        return await done(Unsuppress(suppression=id, by=body.by, via=body.via), {"suppression": id})

    async def suppressions(_request: web.Request) -> Answered:
        held = await desk.suppressions()
        now = clock.now()
        return 200, {"suppressions": [plain(one) | {"active": one.active(now)} for _, one in sorted(held.items())]}

    async def deliveries(request: web.Request) -> Answered:
        incident = _incident(request)
        return 200, {"incident": incident, "deliveries": await desk.told(incident)}

    async def delivery(_request: web.Request) -> Answered:
        return 200, await desk.delivery()

    async def health(_request: web.Request) -> Answered:
        signs = await desk.vital_signs()
        ails = ailments(signs)
        return (503 if ails else 200), {"well": not ails, "ailments": ails, "signs": asdict(signs)}

    async def drill(request: web.Request) -> Answered:
        body = await _read(request, Drilling)
        command = body.exercise(clock.now())
        return await done(command, {"incident": drill_id(command), "at": command.at})

    async def done(command: Command, said: dict[str, Any]) -> Answered:
        refused = await desk.respond(command)
        return (200, said) if not refused else (409, {"error": {"message": refused}})

    return [
        web.post("/api/v1/incidents/{id}/acknowledge", _json(acknowledge)),
        web.post("/api/v1/incidents/{id}/unacknowledge", _json(unacknowledge)),
        web.post("/api/v1/incidents/{id}/close", _json(close)),
        web.get("/api/v1/incidents/{id}/deliveries", _json(deliveries)),
        web.post("/api/v1/claims", _json(claim)),
        web.get("/api/v1/suppressions", _json(suppressions)),
        web.post("/api/v1/suppressions", _json(suppress)),
        web.post("/api/v1/suppressions/{id}/end", _json(unsuppress)),
        web.get("/api/v1/delivery", _json(delivery)),
        web.post("/api/v1/drill", _json(drill)),
        web.get("/api/v1/health", _json(health)),
    ]


def plain(suppression: Suppression) -> dict[str, Any]:
    """A suppression as JSON values; durations in seconds."""
    return {
        "id": suppression.id,
        "kind": suppression.kind.value,
        "scope": suppression.scope,
        "owner": suppression.owner,
        "why": suppression.why,
        "starts": suppression.starts,
        "lasts_s": suppression.lasts.total_seconds(),
        "every_s": suppression.every.total_seconds() if suppression.every else None,
        "zone": suppression.zone,
        "expires": suppression.expires,
    }


def _json(
    work: Callable[[web.Request], Awaitable[Answered]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """*work* as a handler: what it gives is sent as JSON, what it cannot use is refused."""

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            status, document = await work(request)
        except Unusable as error:
            status = error.status
            document = {"error": {"message": str(error)} | ({"parameter": error.parameter} if error.parameter else {})}
        body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
        return web.Response(status=status, body=body, content_type="application/json")

    return handler


def _incident(request: web.Request) -> str:
    id = request.match_info["id"]
    if not INCIDENT.match(id):
        raise Unusable(400, "id", f"{id[:40]!r} is not the id of an incident: inc- and 12 hex digits")
    return id


async def _read(request: web.Request, kind: type[Body]) -> Body:
    if request.content_type != "application/json":
        raise Unusable(415, "", f"Content-Type {request.content_type[:60]!r} is not taken; send application/json")
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise Unusable(413, "", f"the body is larger than {BODY_BYTES_MAX} bytes")
    try:
        content = await request.content.read(BODY_BYTES_MAX + 1)
        if len(content) > BODY_BYTES_MAX:
            raise Unusable(413, "", f"the body is larger than {BODY_BYTES_MAX} bytes")
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        named, _, rest = message.partition(": ")
        raise (Unusable(400, where, message) if where or not rest else Unusable(400, named, rest)) from None

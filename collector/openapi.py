"""
The collector's API as an OpenAPI 3.1 document, at /api/v1/openapi.json.

Shapes come from the values that are answered; a test walks the routes and finds one that is missing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from aiohttp import web
from pydantic import TypeAdapter

from collector.judgement.beside import Beside
from collector.judgement.delivery_objective import DeliveryStanding
from collector.response_bodies import By, Claiming, Closing, Drilling, Suppressing
from collector.storage.incident_queries import IncidentRow
from collector.storage.ledger_reads import DeliveryFigures
from collector.storage.ledger_reports import ReportRow
from collector.vital_signs import VitalSigns
from schemas.verdict import Verdict

PATH = "/api/v1/openapi.json"
REF = "#/components/schemas/"
_SAID = (Verdict, Beside, IncidentRow, ReportRow, VitalSigns, DeliveryStanding, DeliveryFigures)
_ASKED = (By, Claiming, Closing, Drilling, Suppressing)
_TEXT: dict[str, Any] = {"type": "string"}
_INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}
_NUMBER: dict[str, Any] = {"type": "number"}

Schema = dict[str, Any]


def routes(version: str) -> list[web.RouteDef]:
    """The route of the document."""

    async def told(_request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(document(version)), content_type="application/json")

    return [web.get(PATH, told)]


@cache
def document(version: str) -> Schema:
    """The whole document, of a collector of *version*."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Touchstone collector",
            "version": version,
            "description": "Times are ISO 8601, UTC. Every refusal is JSON that names what was wrong. Where the "
            "settings have tokens, everything asks for one except what says otherwise.",
        },
        "security": [{"token": []}],
        "paths": {path: dict(methods) for path, methods in _paths().items()},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> Mapping[str, Schema]:
    """Every path with its methods."""
    provider = _parameter("provider", "path", _TEXT)
    incident = _parameter("id", "path", {"type": "string", "pattern": "^inc-[0-9a-f]{12}$"})
    suppression = _parameter("id", "path", {"type": "string", "pattern": "^sup-[0-9a-f]{12}$"})
    about = _object(incident=_TEXT)
    open_to_all: Schema = {"security": []}
    return {
        "/v1/traces": {"post": _traces()},
        "/api/v1/verdicts": {"get": _said("The last verdict on every provider", _list(_ref("Verdict")))},
        "/api/v1/verdicts/{provider}": {
            "get": _said(
                "The verdict on one provider that held at an instant",
                _ref("Verdict"),
                provider,
                _parameter("at", "query", _INSTANT),
                missing="there is no verdict",
            )
        },
        "/api/v1/beside/{provider}": {
            "get": _said(
                "Our probes of a provider beside real traffic",
                _ref("Beside"),
                provider,
                _parameter("days", "query", {"type": "integer", "minimum": 1, "maximum": 90, "default": 7}),
            )
        },
        "/api/v1/incidents": {
            "get": _said(
                "The newest incidents, as they stand",
                _list(_ref("IncidentRow")),
                _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
            )
        },
        "/api/v1/incidents.atom": {"get": _file("The newest incidents as an Atom feed", "application/atom+xml")},
        "/api/v1/incidents/{id}/acknowledge": {"post": _asked("Somebody has an incident", "By", about, incident)},
        "/api/v1/incidents/{id}/unacknowledge": {"post": _asked("Nobody has it after all", "By", about, incident)},
        "/api/v1/incidents/{id}/close": {"post": _asked("A human says that it is over", "Closing", about, incident)},
        "/api/v1/incidents/{id}/deliveries": {
            "get": _said(
                "Who was told of an incident, or will be",
                _object(incident=_TEXT, deliveries=_list(_ref("Delivery"))),
                incident,
            )
        },
        "/api/v1/claims": {
            "post": _asked(
                "A credit was claimed, or the provider answered",
                "Claiming",
                _object(provider=_TEXT, key=_TEXT, standing=_TEXT),
            )
        },
        "/api/v1/suppressions": {
            "get": _said("Silences and windows that have not expired", _object(suppressions=_list(_ref("Active")))),
            "post": _asked("Silence a scope, or plan a maintenance window", "Suppressing", _ref("Suppression")),
        },
        "/api/v1/suppressions/{id}/end": {
            "post": _asked("End a silence or a window", "By", _object(suppression=_TEXT), suppression)
        },
        "/api/v1/delivery": {
            "get": _said("How our own pages are delivered, beside the objective for that", {"allOf": _delivery()})
        },
        "/api/v1/drill": {
            "post": _asked("A marked page by the real path", "Drilling", _object(incident=_TEXT, at=_INSTANT))
        },
        "/api/v1/health": {"get": _health()},
        "/api/v1/ingest": {
            "get": _said("What was taken in and refused since the start", _object(taken=_counts(), rejected=_counts()))
        },
        "/api/v1/reports": {"get": _said("Reports, as they stand", _object(reports=_list(_ref("ReportRow"))))},
        "/api/v1/providers/{provider}/badge.svg": {
            "get": _file("A provider's tier as a badge", "image/svg+xml", provider, missing="there is no verdict")
        },
        PATH: {"get": _said("This document", {"type": "object"})},
        "/api/v1/pagerduty": {"post": open_to_all | _webhook()},
        "/acknowledge": {
            "get": open_to_all | _file("A page with the button of a signed link", "text/html"),
            "post": open_to_all | _file("Somebody pressed it", "text/html"),
        },
        "/healthz": {"get": open_to_all | _file("Whether the process lives", "text/plain")},
        "/readyz": {"get": open_to_all | _file("Whether the store answers", "text/plain")},
    }


def _delivery() -> list[Schema]:
    figures = _object(met={"type": ["boolean", "null"]}, deliveries=_ref("DeliveryFigures"))
    return [_ref("DeliveryStanding"), figures]


def _said(summary: str, answer: Schema, *parameters: Schema, missing: str = "") -> Schema:
    """A GET that answers JSON."""
    responses = {"200": _json("as asked", answer), "400": _refused("a parameter cannot be used"), **_always()}
    if missing:
        responses["404"] = _refused(missing)
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


def _asked(summary: str, body: str, answer: Schema, *parameters: Schema) -> Schema:
    """A POST of JSON that changes something."""
    return {
        "summary": summary,
        "parameters": list(parameters),
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(body)}}},
        "responses": {
            "200": _json("done", answer),
            "400": _refused("the body or the path cannot be read; names the field"),
            "409": _refused("it cannot be done with what is there"),
            "413": _refused("the body is too large"),
            "415": _refused("the body is not application/json"),
            **_always(),
        },
    }


def _file(summary: str, media_type: str, *parameters: Schema, missing: str = "") -> Schema:
    responses: Schema = {"200": {"description": "as asked", "content": {media_type: {"schema": _TEXT}}}, **_always()}
    if missing:
        responses["404"] = _refused(missing)
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


def _traces() -> Schema:
    protobuf: Schema = {"application/x-protobuf": {"schema": {"type": "string", "format": "binary"}}}
    refusals = {"400": "not OTLP", "408": "too slow", "413": "too large", "415": "not protobuf"}
    refusals |= {"425": "a batch that must be taken first has not come", "429": "too many wait"}
    return {
        "summary": "Observations and real traffic as OTLP, protobuf, also gzip; 200 only for what is stored",
        "requestBody": {"required": True, "content": protobuf},
        "responses": {
            "200": {"description": "stored", "content": protobuf},
            **{status: _refused(why) for status, why in refusals.items()},
            "500": _refused("the store refused the batch"),
            **_always(),
        },
    }


def _health() -> Schema:
    answer = _object(well={"type": "boolean"}, ailments=_list(_TEXT), signs=_ref("VitalSigns"))
    said = _said("How the collector itself is", answer)
    said["responses"]["503"] = _json("not well, or a store does not answer", {"anyOf": [answer, _ref("Error")]})
    return said


def _webhook() -> Schema:
    return {
        "summary": "PagerDuty's webhooks, signed; there only where a destination has a webhook_secret",
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {
            "202": {"description": "taken"},
            "400": {"description": "not JSON"},
            "401": {"description": "not signed by PagerDuty"},
            "413": {"description": "too large"},
        },
    }


def _always() -> dict[str, Schema]:
    return {"401": _refused("no token, or none of ours"), "503": _refused("a store does not answer; try again")}


def _refused(why: str) -> Schema:
    return _json(why, _ref("Error"))


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, where: str, schema: Schema) -> Schema:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _ref(name: str) -> Schema:
    return {"$ref": f"{REF}{name}"}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _counts() -> Schema:
    return {"type": "object", "additionalProperties": {"type": "integer"}}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _schemas() -> Schema:
    """The shapes by name: of our own values, and of what is answered under names of its own."""
    said = [(kind.__name__, "serialization", TypeAdapter(kind)) for kind in _SAID]
    asked = [(kind.__name__, "validation", TypeAdapter(kind)) for kind in _ASKED]
    _, made = TypeAdapter.json_schemas([*said, *asked], ref_template=REF + "{model}")  # type: ignore[list-item]
    schemas: Schema = made["$defs"]
    schemas["Beside"]["properties"]["reasons"] = _list(_TEXT)
    for kind in _SAID:
        schemas[kind.__name__]["required"] = sorted(schemas[kind.__name__]["properties"])
    suppression = _object(
        id=_TEXT, kind=_TEXT, scope=_TEXT, owner=_TEXT, why=_TEXT, starts=_INSTANT, lasts_s=_NUMBER,
        every_s=_maybe(_NUMBER), zone=_TEXT, expires=_INSTANT,
    )  # fmt: skip
    active = _object(**suppression["properties"], active={"type": "boolean"})
    delivery = _object(
        seq={"type": "integer"}, change=_TEXT, destination=_TEXT, instead_of=_TEXT, state=_TEXT,
        attempt={"type": "integer"}, status=_maybe({"type": "integer"}), error=_TEXT, delivered_at=_maybe(_INSTANT),
    )  # fmt: skip
    error = _object(message=_TEXT)
    error["properties"]["parameter"] = _TEXT
    named = {"Suppression": suppression, "Active": active, "Delivery": delivery, "Error": _object(error=error)}
    return dict(sorted((schemas | named).items()))

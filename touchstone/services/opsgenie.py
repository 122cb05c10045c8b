"""Opsgenie's Alert API: an alert by its alias is created, acknowledged, closed."""

from __future__ import annotations

from typing import Any

from touchstone.services.reply import Asked, Reply, Service, document_of, listed, mapping, text, units

_UNITS_MAX = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100, "user": 100}
DETAILS_UNITS_MAX = 8000
NOTE_UNITS_MAX = 25_000
TAGS_MAX, TAG_UNITS_MAX = 20, 50
PRIORITIES = {"P1", "P2", "P3", "P4", "P5"}
_ACCEPTED = {"result": "Request will be processed", "took": 0.1, "requestId": "00000000-0000-0000-0000-000000000000"}


def judge(asked: Asked) -> Reply:
    """202; 401 without a key; 422 with what is wrong."""
    if not asked.headers.get("Authorization", "").removeprefix("GenieKey ").strip():
        return Reply(401, {"message": "Could not authenticate", "took": 0.0, "requestId": ""})
    body, alias = mapping(document_of(asked.body)), asked.parts.get("alias")
    errors = _errors(body, created=alias is None)
    if alias is not None and asked.query.get("identifierType") != "alias":
        errors["identifierType"] = "must be alias"
    if errors:
        message = "Request body is not processable. Please check the errors."
        return Reply(422, {"message": message, "errors": errors, "took": 0.0, "requestId": ""})
    said = text(body.get("message")) or text(body.get("note"))
    return Reply(202, _ACCEPTED, alias or text(body.get("alias")), said)


def _errors(body: dict[str, Any], *, created: bool) -> dict[str, str]:
    errors = {name: f"longer than {most}" for name, most in _UNITS_MAX.items() if units(body.get(name)) > most}
    if units(body.get("note")) > NOTE_UNITS_MAX:
        errors["note"] = f"longer than {NOTE_UNITS_MAX}"
    if not created:
        return errors
    if not text(body.get("message")):
        errors["message"] = "Message can not be empty."
    if body.get("priority", "P3") not in PRIORITIES:
        errors["priority"] = "should be one of P1 to P5"
    details = mapping(body.get("details"))
    if sum(units(name) + units(value) for name, value in details.items()) > DETAILS_UNITS_MAX:
        errors["details"] = f"longer than {DETAILS_UNITS_MAX}"
    tags = listed(body.get("tags"))
    if len(tags) > TAGS_MAX or any(units(tag) > TAG_UNITS_MAX for tag in tags):
        errors["tags"] = "too many, or too long"
    return errors


SERVICE = Service("opsgenie", ("/v2/alerts", "/v2/alerts/{alias}/close", "/v2/alerts/{alias}/acknowledge"), judge)

"""An HTTP alert source of incident.io."""

from __future__ import annotations

from touchstone.services.reply import Asked, Reply, Service, document_of, mapping, text


def judge(asked: Asked) -> Reply:
    """202 with the key; 401 without a token; 422 with what is wrong."""
    scheme, _, token = asked.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token.strip():
        return Reply(401, _error("authentication_error", 401, "No authorization material provided in request"))
    event = mapping(document_of(asked.body))
    if not text(event.get("title")):
        return Reply(422, _error("validation_error", 422, "title is required"))
    if event.get("status") not in ("firing", "resolved"):
        return Reply(422, _error("validation_error", 422, "status is not firing or resolved"))
    key = text(event.get("deduplication_key"))
    accepted = {"deduplication_key": key, "message": "Event accepted for processing", "status": "success"}
    return Reply(202, accepted, key, f"{event['status']} {event['title']}")


def _error(kind: str, status: int, message: str) -> dict[str, object]:
    return {"type": kind, "status": status, "request_id": "", "errors": [{"code": kind, "message": message}]}


SERVICE = Service("incidentio", ("/v2/alert_events/http/{source}",), judge)

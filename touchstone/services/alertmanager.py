"""Prometheus Alertmanager's `/api/v2/alerts`, as the real one refuses; tests hold this to the real one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from touchstone.services.reply import Asked, Reply, Service, document_of, mapping, text


def judge(asked: Asked) -> Reply:
    """200 with nothing, or 400 with the words of what is wrong."""
    alerts = document_of(asked.body)
    if not isinstance(alerts, list):
        return Reply(400, {"code": 400, "message": "parsing alerts body failed: it is no list"})
    problem = next((wrong for one in alerts if (wrong := _problem(mapping(one)))), None)
    if problem:
        return Reply(400, problem)
    first = mapping(alerts[0]) if alerts else {}
    key = text(mapping(first.get("labels")).get("incident"))
    return Reply(200, key=key, said=text(mapping(first.get("annotations")).get("summary")))


def _problem(alert: dict[str, Any]) -> str | None:
    labels = mapping(alert.get("labels"))
    if not labels or not all(isinstance(value, str) and value for value in labels.values()):
        return "at least one label pair required"
    try:
        starts, ends = (datetime.fromisoformat(text(alert.get(name))) for name in ("startsAt", "endsAt"))
    except ValueError:
        return "the times are no RFC 3339"
    return "start time must be before end time" if ends < starts else None


SERVICE = Service("alertmanager", ("/api/v2/alerts",), judge)

"""`pagerduty`: Events API v2. One dedup key per incident, triggered and resolved through the same routing key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from collector.paging.request import Request, plain_intent
from schemas.destinations import PagerDuty
from schemas.incident import Severity
from schemas.page import CLOSING, Delivery

SUMMARY_CHARS_MAX = 1024
_SEVERITY = {Severity.P0: "critical", Severity.P1: "error", Severity.P2: "warning", Severity.P3: "info"}


def render(delivery: Delivery, settings: PagerDuty, deployment: str, now: datetime) -> Request:
    """The request of one attempt at *now*."""
    intent = delivery.intent
    event: dict[str, Any] = {
        "routing_key": settings.routing_key.get_secret_value() if settings.routing_key else "",
        "dedup_key": delivery.dedup_key(deployment),
        "event_action": "resolve" if intent.change in CLOSING else "trigger",
    }
    if intent.change not in CLOSING:
        event |= {
            "client": "Touchstone",
            "payload": {
                "summary": intent.summary[:SUMMARY_CHARS_MAX],
                "source": intent.scope.id,
                "severity": _SEVERITY[intent.severity],
                "timestamp": intent.failed_at.isoformat(),
                "component": intent.provider,
                "group": str(intent.scope),
                "class": intent.reason,
                "custom_details": plain_intent(delivery, deployment, now),
            },
        }
    body = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    return Request(settings.url, {"Content-Type": "application/json"}, body, settings.timeout)


def accepted(status: int) -> bool:
    """The API answers 202."""
    return 200 <= status < 300

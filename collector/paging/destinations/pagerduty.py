"""`pagerduty`: Events API v2. One dedup key per incident, triggered and resolved through the same routing key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from collector.paging.plain_text import clean, cut
from collector.paging.request import Request, plain_intent
from collector.paging.screen import Screen, closes, screen_of
from schemas.destinations import PagerDuty, PagerDutyChanges
from schemas.incident import Change, Severity
from schemas.page import Delivery
from schemas.paging import Paging

SUMMARY_SIZE_MAX = 1024
EVENT_BYTES_MAX = 512 * 1024
_SEVERITY = {Severity.P0: "critical", Severity.P1: "error", Severity.P2: "warning", Severity.P3: "info"}


def render(delivery: Delivery, settings: PagerDuty, paging: Paging, now: datetime) -> Request:
    """The request of one attempt at *now*."""
    intent = delivery.intent
    event: dict[str, Any] = {
        "routing_key": key_of(settings),
        "dedup_key": delivery.dedup_key(paging.deployment),
        "event_action": _action(delivery),
    }
    if event["event_action"] == "trigger":
        screen = screen_of(delivery, paging, now)
        event |= {
            "client": "Touchstone",
            **({"client_url": screen.dashboard} if screen.dashboard else {}),
            "links": links_of(screen),
            "payload": {
                "summary": cut(screen.title, SUMMARY_SIZE_MAX),
                "source": intent.scope.id,
                "severity": _SEVERITY[intent.severity],
                "timestamp": intent.failed_at.isoformat(),
                "component": intent.provider or intent.scope.id,
                "group": str(intent.scope),
                "class": clean(intent.reason) or intent.signal.value,
                "custom_details": plain_intent(delivery, paging.deployment, now),
            },
        }
    return posted(event, settings)


def links_of(screen: Screen) -> list[dict[str, str]]:
    """Where to look and what to follow; PagerDuty has a button of its own to acknowledge."""
    places = {"Dashboard": screen.dashboard, "Runbook": screen.runbook}
    return [{"href": address, "text": name} for name, address in places.items() if address]


def key_of(settings: PagerDuty | PagerDutyChanges) -> str:
    """The routing key as the API wants it."""
    return settings.routing_key.get_secret_value() if settings.routing_key else ""


def posted(event: dict[str, Any], settings: PagerDuty | PagerDutyChanges) -> Request:
    """*event* on its way."""
    body = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    return Request(settings.url, {"Content-Type": "application/json"}, body, settings.timeout)


def _action(delivery: Delivery) -> str:
    if closes(delivery.intent):
        return "resolve"
    return "acknowledge" if delivery.intent.change is Change.ACKNOWLEDGED else "trigger"

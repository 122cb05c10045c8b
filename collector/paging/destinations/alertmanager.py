"""
`alertmanager`: Prometheus Alertmanager's `/api/v2/alerts`.

Its labels are an alert's identity, so those of an incident never change, except the severity: when that may have
changed, the alert is ended under the other ones. `endsAt` lies far ahead while it fires, instead of re-sending.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson

from collector.paging.request import Request
from collector.paging.screen import Screen, screen_of
from schemas.destinations import Alertmanager
from schemas.incident import Change, PageIntent, Severity
from schemas.page import Delivery
from schemas.paging import Paging

PATH = "/api/v2/alerts"
ALERTNAME = "TouchstoneIncident"
_MAY_CHANGE_SEVERITY = {Change.PROMOTED, Change.RAISED}


def render(delivery: Delivery, settings: Alertmanager, paging: Paging, now: datetime) -> Request | None:
    """The request of one attempt at *now*; Alertmanager knows no acknowledgement."""
    intent = delivery.intent
    if intent.change is Change.ACKNOWLEDGED:
        return None
    screen = screen_of(delivery, paging, now)
    over = min(now, intent.resolved_at or intent.at)
    ends = over if screen.over else now + timedelta(seconds=settings.lasts)
    alerts = [_alert(intent, intent.severity, screen, paging, ends)]
    if screen.over or intent.change in _MAY_CHANGE_SEVERITY:
        alerts += [_alert(intent, other, screen, paging, over) for other in Severity if other != intent.severity]
    headers = {"Content-Type": "application/json"}
    if settings.bearer is not None:
        headers["Authorization"] = f"Bearer {settings.bearer.get_secret_value()}"
    body = orjson.dumps(alerts)
    return Request(settings.url.rstrip("/") + PATH, headers, body, settings.timeout, settings.tls.ca_file)


def _alert(intent: PageIntent, severity: Severity, screen: Screen, paging: Paging, ends: datetime) -> dict[str, Any]:
    labels = {
        "alertname": ALERTNAME,
        "deployment": paging.deployment,
        "incident": intent.incident,
        "provider": intent.provider,
        "severity": severity.value,
        "signal": intent.signal.value,
    }
    facts = "\n".join(f"{name}: {value}" for name, value in screen.facts)
    annotations = {"summary": screen.title, "description": facts, "scope": str(intent.scope)}
    annotations |= {f"{name.lower()}_url": address for name, address in screen.links}
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": annotations,
        "startsAt": min(intent.failed_at, ends).isoformat(),
        "endsAt": ends.isoformat(),
        **({"generatorURL": screen.dashboard} if screen.dashboard else {}),
    }

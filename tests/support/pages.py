"""Intents, deliveries and paging settings made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.incident import Change, IncidentState, Level, PageIntent, Scope, Severity, Signal
from schemas.page import Delivery
from schemas.paging import Paging

NOW = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the published test vector's
ROUTING_KEY = "0123456789abcdef0123456789abcdef"

PAGING = Paging.model_validate(
    {
        "deployment": "prod",
        "destinations": {
            "hook": {"kind": "webhook", "url": "http://127.0.0.1:1/hook", "secret": SECRET},
            "on-call": {"kind": "pagerduty", "url": "http://127.0.0.1:1/v2/enqueue", "routing_key": ROUTING_KEY},
            "quiet": {"kind": "webhook", "url": "http://127.0.0.1:1/quiet"},
        },
        "routes": {"P0": ["on-call", "hook"], "P1": ["hook"]},
    }
)


def intent(change: Change = Change.OPENED, severity: Severity = Severity.P0, seq: int = 1, **more: Any) -> PageIntent:
    """The wish to say that acme is down."""
    plain: dict[str, Any] = {
        "incident": "inc-0123456789ab",
        "seq": seq,
        "change": change,
        "signal": Signal.HARD_DOWN,
        "severity": severity,
        "state": IncidentState.RESOLVED if change is Change.RESOLVED else IncidentState.OPEN,
        "provider": "acme",
        "scope": Scope(Level.PROVIDER, "acme"),
        "summary": "P0 provider acme is down (connect_refused): 3 of 5 clusters down",
        "reason": "connect_refused",
        "rule": "3 of 5 clusters down",
        "failed_at": NOW - timedelta(seconds=5),
        "opened_at": NOW - timedelta(seconds=1),
        "at": NOW,
    }
    return PageIntent(**plain | more)


def delivery(wish: PageIntent | None = None, destination: str = "hook", **more: Any) -> Delivery:
    """*wish* on its way to *destination*."""
    return Delivery(**{"intent": wish or intent(), "destination": destination, "next_attempt_at": NOW} | more)

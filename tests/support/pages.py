"""Intents, deliveries and paging settings made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.destinations import Destination
from schemas.incident import Change, Evidence, IncidentState, Level, PageIntent, Scope, Severity, Signal
from schemas.page import Delivery
from schemas.paging import Paging

NOW = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the published test vector's
ROUTING_KEY = "0123456789abcdef0123456789abcdef"

PAGING = Paging.model_validate(
    {
        "deployment": "prod",
        "private_addresses": True,
        "destinations": {
            "hook": {"kind": "webhook", "url": "http://127.0.0.1:1/hook", "secret": SECRET},
            "on-call": {"kind": "pagerduty", "url": "http://127.0.0.1:1/v2/enqueue", "routing_key": ROUTING_KEY},
            "quiet": {"kind": "webhook", "url": "http://127.0.0.1:1/quiet"},
        },
        "routes": {"P0": ["on-call", "hook"], "P1": ["hook"]},
    }
)
EVIDENCE = Evidence(
    certainty="6 of 6 requests failed within 3.5 s, from 2 vantages",
    affected=("acme/us-east/chat", "acme/us-west/chat"),
    affected_n=2,
    watched_n=5,
    last_good_at=NOW - timedelta(seconds=15),
    observations=("7d9f2c1e-5b0a-5f6e-8c3d-2a1b4c5d6e7f",),
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


def settings_of(base: str = "http://127.0.0.1:1", mark: str = "s3cr3t-mark", **more: Any) -> dict[str, dict[str, Any]]:
    """
    Settings of a destination of every kind, at the paths of `touchstone receiver` below *base*.

    Every secret holds *mark*; *more* goes into each.
    """
    key = f"{mark}-0123456789abcdef"
    host, _, port = base.partition("://")[2].rpartition(":")
    made: dict[str, dict[str, Any]] = {
        "webhook": {"url": f"{base}/webhook", "secret": signing_secret(mark), "previous_secret": SECRET},
        "pagerduty": {"url": f"{base}/v2/enqueue", "routing_key": key},
        "pagerduty_changes": {"url": f"{base}/v2/change/enqueue", "routing_key": key},
        "slack": {"url": f"{base}/services/T000/B000/{key}"},
        "teams": {"url": f"{base}/workflows/1/triggers/manual/paths/invoke?api-version=1&sig={key}"},
        "discord": {"url": f"{base}/api/webhooks/1/{key}"},
        "email": {
            "smtp_host": host,
            "smtp_port": int(port),
            "security": "plain",
            "sender": "touchstone@example.com",
            "to": ["on-call@example.com", "lead@example.com"],
        },
        "alertmanager": {"url": base, "bearer": key},
        "opsgenie": {"url": f"{base}/v2/alerts", "api_key": key},
        "incidentio": {"url": f"{base}/v2/alert_events/http/01HZ", "token": key},
        "apprise": {"url": f"json://{host}:{port}/{key}"},
    }
    return {kind: {"kind": kind, **settings, **more} for kind, settings in made.items()}


def signing_secret(mark: str) -> str:
    """A secret of the right form in which *mark* stands in clear; it is of the letters of base64."""
    key = mark.replace("-", "+").ljust(32, "A")
    return f"whsec_{key}"


def every_kind(base: str = "http://127.0.0.1:1", mark: str = "s3cr3t-mark", **more: Any) -> Paging:
    """Paging with a destination of every kind, named by it."""
    return Paging.model_validate(
        {
            "deployment": "prod",
            "private_addresses": True,
            "dashboard_url": "https://touchstone.example",
            "api_url": "https://collector.example",
            "link_secret": "a-secret-that-signs-links",
            "runbooks": {"default": "https://wiki.example/down"},
            "destinations": settings_of(base, mark),
        }
        | more
    )


def destination_of(kind: str, paging: Paging) -> Destination:
    """The settings of the destination that is named by its *kind*."""
    return paging.destinations[kind]

"""What PagerDuty tells us: whose it is, what it asks, and what is passed over."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.pagerduty_webhook import command_in, verified
from schemas.response import Acknowledge, Close, Unacknowledge

BODY = b'{"event": {}}'
USER = {"id": "P1", "type": "user_reference", "summary": "Ana Example"}
INCIDENT = "inc-0123456789ab"


def event(kind: str, *, key: Any = f"prod:{INCIDENT}", agent: Any = USER) -> dict[str, Any]:
    """A webhook's body, as documented."""
    return {
        "event": {
            "id": "01BY", "event_type": kind, "resource_type": "incident", "occurred_at": "2026-11-26T12:00:00Z",
            "agent": agent, "data": {"id": "Q1", "type": "incident", "status": "acknowledged", "incident_key": key},
        }
    }  # fmt: skip


def signed(secret: str) -> str:
    """The signature of BODY."""
    return "v1=" + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("header", "right"),
    [
        (signed("one"), True),
        (f"{signed('old')},{signed('one')}", True),
        (f"{signed('old')}, {signed('two')}", True),
        (signed("old"), False),
        (signed("one").removeprefix("v1="), False),
        ("v1=", False),
        ("", False),
        ("v1=\u00e9", False),
    ],
)
def test_a_body_is_taken_only_with_a_signature_of_ours(header: str, right: bool) -> None:
    """Of any of our secrets, wherever it stands in the header."""
    assert verified(("one", "two"), BODY, header) is right
    assert not verified((), BODY, header)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("incident.acknowledged", Acknowledge(incident=INCIDENT, by="Ana Example", via="pagerduty")),
        ("incident.unacknowledged", Unacknowledge(incident=INCIDENT, by="Ana Example", via="pagerduty")),
        (
            "incident.resolved",
            Close(incident=INCIDENT, by="Ana Example", via="pagerduty", why="resolved in PagerDuty"),
        ),
        ("incident.triggered", None),
        ("incident.annotated", None),
    ],
)
def test_what_a_person_did_there_is_done_here(kind: str, command: object) -> None:
    """Acknowledged, given back, resolved; other events ask nothing."""
    assert command_in(event(kind), "prod") == command


@pytest.mark.parametrize(
    "document",
    [
        event("incident.acknowledged", key=f"other:{INCIDENT}"),
        event("incident.acknowledged", key="prod:something"),
        event("incident.acknowledged", key=None),
        event("incident.resolved", agent={"type": "service_reference", "summary": "Touchstone"}),
        event("incident.resolved", agent=None),
        {"event": []},
        [],
        None,
    ],
)
def test_what_is_not_ours_or_not_a_person_is_passed_over(document: object) -> None:
    """Another deployment's, another tool's, our own event that came back, nonsense."""
    assert command_in(document, "prod") is None


@given(st.text(max_size=300))
def test_a_name_is_one_short_line(name: str) -> None:
    """Whatever somebody is called there."""
    command = command_in(event("incident.acknowledged", agent=USER | {"summary": name}), "prod")

    assert command is not None
    assert 0 < len(command.by) <= 80 and command.by.isprintable()

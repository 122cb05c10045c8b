"""What the pages show is what happens: payloads are those that are sent, snippets run, named files and tests exist."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from collector.paging.catalog import DESTINATIONS
from collector.paging.request import Letter, Notice, Request
from schemas.incident import Change, Evidence, IncidentState, Level, PageIntent, Scope, Severity, Signal
from schemas.page import Delivery
from schemas.paging import Paging
from tests.docs.test_documentation import DOCS, PAGES, blocks, named
from tests.support.compose import ROOT

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = AT.replace(second=5)
OPENED = Delivery(
    intent=PageIntent(
        incident="inc-3f9a1c07be52",
        seq=1,
        change=Change.OPENED,
        signal=Signal.HARD_DOWN,
        severity=Severity.P0,
        state=IncidentState.OPEN,
        provider="acme",
        scope=Scope(Level.PROVIDER, "acme"),
        summary="P0 provider acme is down (connect_refused): "
        "2 of 5 clusters down, 1 more failing (at least 3 within 60 s)",
        reason="connect_refused",
        rule="2 of 5 clusters down, 1 more failing (at least 3 within 60 s)",
        failed_at=AT,
        opened_at=AT.replace(second=3, microsecond=500_000),
        at=AT.replace(second=4, microsecond=500_000),
        evidence=Evidence(
            certainty="6 of 6 requests failed within 3.5 s, from 2 vantages",
            affected=("acme/us-east/chat", "acme/us-west/chat"),
            affected_n=2,
            watched_n=5,
            last_good_at=AT.replace(hour=11, minute=59, second=50),
            observations=("7d9f2c1e-5b0a-5f6e-8c3d-2a1b4c5d6e7f",),
        ),
    ),
    destination="on-call",
    next_attempt_at=NOW,
)
PAGING = Paging.model_validate(
    {
        "deployment": "production",
        "dashboard_url": "https://touchstone.example",
        "api_url": "https://collector.example",
        "link_secret": "a-secret-of-the-documentation",
        "runbooks": {"hard_down": "https://wiki.example/provider-down"},
        "destinations": {
            "webhook": {"kind": "webhook", "url": "https://hooks.example/page", "secret": SECRET},
            "pagerduty": {"kind": "pagerduty", "routing_key": "..."},
            "pagerduty_changes": {"kind": "pagerduty_changes", "routing_key": "..."},
            "slack": {"kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/..."},
            "teams": {"kind": "teams", "url": "https://example.logic.azure.com/workflows/1/triggers/?sig=..."},
            "discord": {"kind": "discord", "url": "https://discord.com/api/webhooks/1/..."},
            "email": {
                "kind": "email",
                "smtp_host": "smtp.example.com",
                "sender": "touchstone@example.com",
                "to": ["on-call@example.com"],
            },
            "alertmanager": {"kind": "alertmanager", "url": "https://alertmanager.example"},
            "opsgenie": {"kind": "opsgenie", "api_key": "..."},
            "incidentio": {
                "kind": "incidentio",
                "url": "https://api.incident.io/v2/alert_events/http/01HZ",
                "token": "...",
            },
            "apprise": {"kind": "apprise", "url": "ntfy://on-call"},
        },
    }
)
SETTINGS: Mapping[str, Any] = PAGING.destinations
POSTED = [kind for kind in DESTINATIONS if kind not in {"email", "apprise"}]


def posted(kind: str, delivery: Delivery = OPENED) -> Request:
    """What a kind posts."""
    request = DESTINATIONS[kind].render(delivery, SETTINGS[kind], PAGING, NOW)
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize("kind", POSTED)
def test_the_payload_on_the_page_is_the_payload_that_is_sent(kind: str) -> None:
    """Every field, of the page that opens an incident."""
    shown = blocks((DOCS / "destinations" / f"{kind}.md").read_text(), "json")

    assert [json.loads(block) for block in shown] == [json.loads(posted(kind).body)]


def test_the_mail_on_the_page_is_the_mail_that_is_sent() -> None:
    """Its headers, and its text."""
    letter = DESTINATIONS["email"].render(OPENED, SETTINGS["email"], PAGING, NOW)
    assert isinstance(letter, Letter)
    mail = message_from_bytes(letter.content, policy=default)
    text = mail.get_body(("plain",))
    assert text is not None
    headers = [f"{name}: {value}" for name, value in mail.items() if name not in {"MIME-Version", "Content-Type"}]
    shown = blocks((DOCS / "destinations/email.md").read_text(), "text")

    assert shown == ["\n".join([*headers, "", *text.get_content().splitlines()])]


def test_the_notice_on_the_page_is_the_notice_that_is_sent() -> None:
    """Title, kind and text."""
    notice = DESTINATIONS["apprise"].render(OPENED, SETTINGS["apprise"], PAGING, NOW)
    assert isinstance(notice, Notice)
    shown = blocks((DOCS / "destinations/apprise.md").read_text(), "text")

    assert shown == [f"{notice.title} ({notice.kind})\n\n{notice.text}"]


def test_a_pagerduty_resolve_holds_what_the_page_says() -> None:
    """Three fields and no payload, for both changes that close."""
    for change in (Change.RESOLVED, Change.ABSORBED):
        closing = replace(OPENED, intent=replace(OPENED.intent, change=change))
        event = json.loads(posted("pagerduty", closing).body)

        assert set(event) == {"routing_key", "dedup_key", "event_action"}
        assert event["event_action"] == "resolve"


def test_the_signature_check_on_the_page_takes_the_genuine_and_nothing_else() -> None:
    """The snippet is run against a request of ours."""
    shown = blocks((DOCS / "destinations/webhook.md").read_text(), "python")
    names: dict[str, Any] = {}
    exec("\n".join(shown), names)
    is_genuine: Callable[[str, dict[str, str], bytes], bool] = names["is_genuine"]
    sent = posted("webhook")

    assert is_genuine(SECRET, sent.headers, sent.body)
    assert not is_genuine(SECRET, sent.headers, sent.body + b" ")
    assert not is_genuine(SECRET, sent.headers | {"webhook-timestamp": "1"}, sent.body)


def places(page: Path) -> Iterator[str]:
    """The files, folders and tests of the repository that a page names in code spans, placeholders left out."""
    rooms = "schemas|probes|collector|dashboard|simulator|touchstone|bench|tests|docs|examples|deploy|locks"
    for span in re.findall(r"`([^`\n]+)`", page.read_text()):
        if re.fullmatch(rf"(?:{rooms})/[\w./-]*(?:::\w+)?", span):
            yield span


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_file_that_a_page_names_exists(page: Path) -> None:
    """A test named with `::` too."""
    for place in places(page):
        file, _, test = place.partition("::")
        assert (ROOT / file).exists(), place
        assert not test or f"def {test}(" in (ROOT / file).read_text(), place

"""What the pages show is what happens: payloads are those that are sent, snippets run, named files and tests exist."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.paging.catalog import DESTINATIONS
from schemas.destinations import PagerDuty, Webhook
from schemas.incident import Change, IncidentState, Level, PageIntent, Scope, Severity, Signal
from schemas.page import Delivery
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
    ),
    destination="on-call",
    next_attempt_at=NOW,
)
SETTINGS: dict[str, Any] = {
    "webhook": Webhook.model_validate({"kind": "webhook", "url": "https://hooks.example/page", "secret": SECRET}),
    "pagerduty": PagerDuty.model_validate({"kind": "pagerduty", "routing_key": "..."}),
}


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_the_payload_on_the_page_is_the_payload_that_is_sent(kind: str) -> None:
    """Every field, of the page that opens an incident."""
    shown = blocks((DOCS / "destinations" / f"{kind}.md").read_text(), "json")
    sent = DESTINATIONS[kind].render(OPENED, SETTINGS[kind], "production", NOW)

    assert [json.loads(block) for block in shown] == [json.loads(sent.body)]


def test_a_pagerduty_resolve_holds_what_the_page_says() -> None:
    """Three fields and no payload, for both changes that close."""
    for change in (Change.RESOLVED, Change.ABSORBED):
        closing = replace(OPENED, intent=replace(OPENED.intent, change=change))
        event = json.loads(DESTINATIONS["pagerduty"].render(closing, SETTINGS["pagerduty"], "production", NOW).body)

        assert set(event) == {"routing_key", "dedup_key", "event_action"}
        assert event["event_action"] == "resolve"


def test_the_signature_check_on_the_page_takes_the_genuine_and_nothing_else() -> None:
    """The snippet is run against a request of ours."""
    shown = blocks((DOCS / "destinations/webhook.md").read_text(), "python")
    names: dict[str, Any] = {}
    exec("\n".join(shown), names)
    is_genuine: Callable[[str, dict[str, str], bytes], bool] = names["is_genuine"]
    sent = DESTINATIONS["webhook"].render(OPENED, SETTINGS["webhook"], "production", NOW)

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

"""What each destination is sent: the keys its receiver asks for, within its sizes, the secret nowhere else."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from collector.paging.catalog import DESTINATIONS
from collector.paging.destinations import pagerduty, webhook
from collector.paging.request import Request
from collector.paging.signing import verified
from schemas.destinations import PagerDuty, Webhook
from schemas.errors import TouchstoneError
from schemas.incident import Change, Severity
from tests.support.pages import NOW, PAGING, ROUTING_KEY, SECRET, delivery, intent

HOOK, ON_CALL = PAGING.destinations["hook"], PAGING.destinations["on-call"]
OPENING = [Change.OPENED, Change.PROMOTED, Change.REOPENED]
CLOSING = [Change.RESOLVED, Change.ABSORBED]
DETAILS = {
    "incident", "dedup_key", "seq", "change", "severity", "provider", "scope", "summary", "reason", "failed_at",
    "opened_at", "decided_at", "attempt", "first_attempt_at",
}  # fmt: skip


def hooked(change: Change = Change.OPENED, **more: object) -> Request:
    """A page for the webhook."""
    assert isinstance(HOOK, Webhook)
    return webhook.render(delivery(intent(change), **more), HOOK, "prod", NOW)


def paged(change: Change = Change.OPENED, **more: object) -> Request:
    """A page for PagerDuty."""
    assert isinstance(ON_CALL, PagerDuty)
    return pagerduty.render(delivery(intent(change, **more), "on-call"), ON_CALL, "prod", NOW)


def test_the_catalogue_has_a_renderer_for_every_kind_of_the_configuration() -> None:
    """One file, one line."""
    assert set(DESTINATIONS) == {settings.kind for settings in PAGING.destinations.values()}
    assert DESTINATIONS["webhook"] is webhook


def test_a_webhook_is_signed_over_exactly_what_is_sent() -> None:
    """Id, second of the attempt, body."""
    request = hooked()
    headers = request.headers

    assert headers["webhook-id"] == "inc-0123456789ab.1.hook"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert verified(
        SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), request.body, headers["webhook-signature"]
    )


def test_a_retry_has_the_same_id_and_says_that_it_is_one() -> None:
    """The receiver can tell it from another page; the second is the attempt's own."""
    assert isinstance(HOOK, Webhook)
    later = delivery(attempt=3, first_attempt_at=NOW)
    request = webhook.render(later, HOOK, "prod", NOW + timedelta(seconds=15))
    data = orjson.loads(request.body)["data"]

    assert request.headers["webhook-id"] == hooked().headers["webhook-id"]
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()) + 15)
    assert (data["attempt"], data["first_attempt_at"]) == (4, NOW.isoformat())
    assert orjson.loads(request.body)["timestamp"] == NOW.isoformat()


def test_a_webhook_document_is_type_timestamp_data() -> None:
    """As the specification wants it, small, with every fact of the page."""
    request = hooked()
    document = orjson.loads(request.body)

    assert set(document) == {"type", "timestamp", "data"}
    assert document["type"] == "incident.opened"
    assert set(document["data"]) == DETAILS
    assert document["data"]["scope"] == {"level": "provider", "id": "acme"}
    assert len(request.body) < 20_000


def test_a_webhook_without_a_secret_is_sent_unsigned() -> None:
    """Rather than signed with nothing."""
    quiet = PAGING.destinations["quiet"]
    assert isinstance(quiet, Webhook)

    assert "webhook-signature" not in webhook.render(delivery(), quiet, "prod", NOW).headers


def test_a_webhook_with_a_bad_secret_is_never_sent_unsigned() -> None:
    """It is an error, without the secret in it."""
    bad = Webhook.model_validate({"kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "hunter2!"})
    with pytest.raises(TouchstoneError) as caught:
        webhook.render(delivery(), bad, "prod", NOW)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("change", OPENING)
def test_an_opening_triggers(change: Change) -> None:
    """Events API v2: the payload's keys, the routing key, our key of the incident."""
    event = orjson.loads(paged(change).body)

    assert set(event) == {"routing_key", "event_action", "dedup_key", "client", "payload"}
    assert (event["routing_key"], event["event_action"]) == (ROUTING_KEY, "trigger")
    assert set(event["payload"]) == {
        "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details",
    }  # fmt: skip
    assert event["payload"]["timestamp"] == (NOW - timedelta(seconds=5)).isoformat()
    assert set(event["payload"]["custom_details"]) == DETAILS


@pytest.mark.parametrize("change", CLOSING)
def test_a_closing_resolves_under_the_same_key(change: Change) -> None:
    """Only the three keys that a resolve needs; the key of the trigger."""
    event = orjson.loads(paged(change, seq=7).body)

    assert event == {
        "routing_key": ROUTING_KEY,
        "event_action": "resolve",
        "dedup_key": orjson.loads(paged(Change.OPENED).body)["dedup_key"],
    }


@pytest.mark.parametrize(
    ("severity", "word"),
    [(Severity.P0, "critical"), (Severity.P1, "error"), (Severity.P2, "warning"), (Severity.P3, "info")],
)
def test_every_severity_has_pagerdutys_word(severity: Severity, word: str) -> None:
    """Of its four."""
    assert orjson.loads(paged(severity=severity).body)["payload"]["severity"] == word


def test_sizes_stay_within_what_pagerduty_takes() -> None:
    """A summary of at most 1024 characters, a key of at most 255, the whole under 512 KB."""
    request = paged(summary="x" * 5000)
    event = orjson.loads(request.body)

    assert len(event["payload"]["summary"]) == 1024
    assert len(delivery().dedup_key("d" * 63)) <= 255
    assert len(request.body) < 512 * 1024


@pytest.mark.parametrize("request_", [hooked(), paged()], ids=["webhook", "pagerduty"])
def test_no_secret_is_shown(request_: Request) -> None:
    """Law 10: neither the request's repr nor the settings' hold one."""
    shown = repr(request_) + str(request_) + repr(PAGING) + PAGING.model_dump_json()

    assert SECRET not in shown
    assert SECRET.removeprefix("whsec_") not in shown + repr(hooked().headers) + repr(hooked().body)
    assert ROUTING_KEY not in shown


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_only_2xx_is_accepted(kind: str) -> None:
    """A redirect is no success, and neither is no answer."""
    assert [status for status in range(600) if DESTINATIONS[kind].accepted(status)] == list(range(200, 300))

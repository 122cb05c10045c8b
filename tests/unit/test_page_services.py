"""The services that the receiver stands in for refuse what the real ones are documented to refuse; nothing raises."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchstone.services.catalog import SERVICES
from touchstone.services.reply import Asked, Reply, Service

BY_NAME: dict[str, Service] = {service.name: service for service in SERVICES}
PARTS = {"team": "T0", "channel": "B0", "token": "t", "workflow": "1", "webhook": "1", "source": "01HZ"}


def asked(name: str, document: Any, parts: dict[str, str] | None = None, **headers: str) -> Reply:
    """What a service answers to *document*."""
    query = {"sig": "s", "identifierType": "alias"} if headers.pop("query", "yes") == "yes" else {}
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return BY_NAME[name].judge(Asked(PARTS | (parts or {}), query, headers, body))


def section(**more: Any) -> dict[str, Any]:
    """A block of Slack."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x"}} | more


def embed(**more: Any) -> dict[str, Any]:
    """A message of Discord."""
    return {"embeds": [{"title": "x"} | more]}


def card(**more: Any) -> dict[str, Any]:
    """A message of Teams."""
    content = {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "TextBlock", "text": "x"}]} | more
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": content}]}


GENIE, BEARER = {"Authorization": "GenieKey k"}, {"Authorization": "Bearer t"}
TRIGGER = {"routing_key": "r", "event_action": "trigger", "dedup_key": "k",
           "payload": {"summary": "s", "source": "x", "severity": "info"}}  # fmt: skip
CHANGE = {"routing_key": "k", "payload": {"summary": "s"}}
REFUSED: dict[str, tuple[str, Any, dict[str, str], int, Any]] = {
    "pagerduty: no JSON": ("pagerduty", b"{", {}, 400, None),
    "pagerduty: an action that there is not": ("pagerduty", TRIGGER | {"event_action": "open"}, {}, 400, None),
    "pagerduty: a long key": ("pagerduty", TRIGGER | {"dedup_key": "k" * 256}, {}, 400, None),
    "pagerduty: a long summary": (
        "pagerduty", TRIGGER | {"payload": {"summary": "s" * 1025, "source": "x", "severity": "info"}}, {}, 400, None),
    "pagerduty: a severity that there is not": (
        "pagerduty", TRIGGER | {"payload": {"summary": "s", "source": "x", "severity": "P0"}}, {}, 400, None),
    "pagerduty: no source": (
        "pagerduty", TRIGGER | {"payload": {"summary": "s", "severity": "info"}}, {}, 400, None),
    "changes: a ruleset's key": ("pagerduty_changes", CHANGE | {"routing_key": "R01"}, {}, 400, None),
    "changes: no summary": ("pagerduty_changes", CHANGE | {"payload": {}}, {}, 400, None),
    "slack: no JSON": ("slack", b"text=hello", {}, 400, b"invalid_payload"),
    "slack: nothing to show": ("slack", {}, {}, 400, b"no_text"),
    "slack: 51 blocks": ("slack", {"blocks": [section()] * 51}, {}, 400, b"invalid_blocks"),
    "slack: a long section": (
        "slack", {"blocks": [section(text={"type": "mrkdwn", "text": "x" * 3001})]}, {}, 400, b"invalid_blocks"),
    "slack: a long header": (
        "slack", {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, {}, 400,
        b"invalid_blocks"),
    "slack: 11 fields": (
        "slack", {"blocks": [section(fields=[{"type": "mrkdwn", "text": "x"}] * 11)]}, {}, 400, b"invalid_blocks"),
    "slack: an empty field": (
        "slack", {"blocks": [section(fields=[{"type": "mrkdwn", "text": ""}])]}, {}, 400, b"invalid_blocks"),
    "slack: all together too long": (
        "slack", {"blocks": [section(text={"type": "mrkdwn", "text": "x" * 3000})] * 5}, {}, 400,
        b"msg_blocks_too_long"),
    "teams: no signature in the address": ("teams", card(), {"query": "no"}, 401, None),
    "teams: a message card of the old connectors": ("teams", {"@type": "MessageCard", "text": "x"}, {}, 400, None),
    "teams: another attachment": (
        "teams", {"type": "message", "attachments": [{"contentType": "text/html"}]}, {}, 400, None),
    "teams: a card without a version": ("teams", card(version=""), {}, 400, None),
    "teams: a card that is too large": (
        "teams", card(body=[{"type": "TextBlock", "text": "x" * 28_672}]), {}, 413, None),
    "discord: nothing": ("discord", {}, {}, 400, None),
    "discord: a long title": ("discord", embed(title="x" * 257), {}, 400, None),
    "discord: 26 fields": ("discord", embed(fields=[{"name": "n", "value": "v"}] * 26), {}, 400, None),
    "discord: a field without a value": ("discord", embed(fields=[{"name": "n", "value": ""}]), {}, 400, None),
    "discord: a long field": ("discord", embed(fields=[{"name": "n", "value": "v" * 1025}]), {}, 400, None),
    "discord: all together too long": (
        "discord", embed(description="x" * 4000, fields=[{"name": "n", "value": "v" * 1000}] * 2), {}, 400, None),
    "opsgenie: no key": ("opsgenie", {"message": "x"}, {}, 401, None),
    "opsgenie: no message": ("opsgenie", {}, GENIE, 422, None),
    "opsgenie: a long message": ("opsgenie", {"message": "x" * 131}, GENIE, 422, None),
    "opsgenie: a priority that there is not": ("opsgenie", {"message": "x", "priority": "P0"}, GENIE, 422, None),
    "opsgenie: long details": ("opsgenie", {"message": "x", "details": {"a": "x" * 8000}}, GENIE, 422, None),
    "opsgenie: 21 tags": ("opsgenie", {"message": "x", "tags": ["t"] * 21}, GENIE, 422, None),
    "incidentio: no token": ("incidentio", {"title": "x", "status": "firing"}, {}, 401, None),
    "incidentio: another scheme": (
        "incidentio", {"title": "x", "status": "firing"}, {"Authorization": "Basic x"}, 401, None),
    "incidentio: no title": ("incidentio", {"status": "firing"}, BEARER, 422, None),
    "incidentio: a status that there is not": ("incidentio", {"title": "x", "status": "open"}, BEARER, 422, None),
    "alertmanager: no list": ("alertmanager", {}, {}, 400, None),
    "alertmanager: no labels": ("alertmanager", [{}], {}, 400, None),
}  # fmt: skip
ACCEPTED: dict[str, tuple[str, Any, dict[str, str], int]] = {
    "pagerduty": ("pagerduty", TRIGGER, {}, 202),
    "changes": ("pagerduty_changes", CHANGE, {}, 202),
    "slack": ("slack", {"text": "x", "blocks": [section(fields=[{"type": "mrkdwn", "text": "x" * 2000}])]}, {}, 200),
    "teams": ("teams", card(), {}, 202),
    "discord": ("discord", embed(title="x" * 256, description="x" * 4096), {}, 204),
    "opsgenie": ("opsgenie", {"message": "x" * 130, "priority": "P1"}, GENIE, 202),
    "incidentio": ("incidentio", {"title": "x", "status": "firing", "deduplication_key": "k"}, BEARER, 202),
    "alertmanager": ("alertmanager", [], {}, 200),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_service_would_refuse_is_refused(name: str) -> None:
    """With its status, and where programs read them its words."""
    service, document, headers, status, answer = REFUSED[name]
    reply = asked(service, document, **headers)

    assert reply.status == status
    assert answer is None or reply.answer == answer
    assert reply.answer


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_right_is_taken(name: str) -> None:
    """At the edge of its limits; so that the refusals say something."""
    service, document, headers, status = ACCEPTED[name]

    assert asked(service, document, **headers).status == status


@pytest.mark.parametrize("name", ["slack", "discord"])
def test_a_webhook_that_was_taken_back_is_not_found(name: str) -> None:
    """404, as at the service."""
    assert asked(name, ACCEPTED[name][1], {"token": "revoked"}).status == 404


def test_an_alert_of_opsgenie_is_found_by_its_alias_only_when_that_is_asked_for() -> None:
    """Else the alias would be read as an id."""
    assert asked("opsgenie", {"note": "x"}, {"alias": "k"}, **GENIE).status == 202
    assert asked("opsgenie", {"note": "x"}, {"alias": "k"}, query="no", **GENIE).status == 422


KEYS = st.sampled_from(
    ["text", "blocks", "type", "fields", "attachments", "content", "contentType", "body", "embeds", "title", "name",
     "value", "message", "details", "tags", "payload", "summary", "routing_key", "event_action", "dedup_key", "labels",
     "startsAt", "endsAt", "status", "severity", "annotations", "custom_details"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("name", BY_NAME)
@given(document=JSON | st.binary(max_size=30))
def test_no_body_makes_a_service_raise(name: str, document: Any) -> None:
    """Whatever is posted, there is an answer that can be sent."""
    for parts in ({}, {"alias": "k"}):
        reply = asked(name, document, parts, Authorization="GenieKey k")

        assert 200 <= reply.status < 500
        assert isinstance(reply.answer, bytes) or orjson.dumps(reply.answer)

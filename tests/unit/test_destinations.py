"""What each destination is sent: the keys its receiver asks for, within its sizes, its own words escaped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from collector.paging.catalog import DESTINATIONS
from collector.paging.destinations import pagerduty, webhook
from collector.paging.plain_text import clean
from collector.paging.request import Letter, Notice, Request
from collector.paging.signing import verified
from schemas.destinations import Destination, Webhook
from schemas.errors import TouchstoneError
from schemas.incident import Change, Evidence, IncidentState, Severity, Signal
from schemas.page import Delivery
from tests.support.pages import (
    EVIDENCE,
    NOW,
    PAGING,
    SECRET,
    delivery,
    destination_of,
    every_kind,
    intent,
    signing_secret,
)
from touchstone.services.catalog import SERVICES
from touchstone.services.reply import Asked, Reply

ALL = every_kind()
OPENING = [
    Change.OPENED, Change.PROMOTED, Change.RAISED, Change.REOPENED, Change.ESCALATED, Change.RELEASED, Change.FLAPPING,
    Change.STABLE,
]  # fmt: skip
CLOSING = [Change.RESOLVED, Change.ABSORBED]
POSTED = [kind for kind in DESTINATIONS if kind not in {"email", "apprise"}]
KNOW_ACKNOWLEDGEMENTS = {"webhook", "pagerduty", "opsgenie"}
DETAILS = {
    "incident", "dedup_key", "seq", "change", "state", "closes", "signal", "severity", "provider", "scope", "summary",
    "reason", "rule", "evidence", "failed_at", "opened_at", "resolved_at", "decided_at", "acknowledged_by", "step",
    "drill", "attempt", "first_attempt_at", "late_s", "instead_of",
}  # fmt: skip


def page(change: Change = Change.OPENED, severity: Severity = Severity.P0, **more: Any) -> Delivery:
    """A page with evidence."""
    return delivery(intent(change, severity, **{"evidence": EVIDENCE} | more), "on-call")


def rendered(kind: str, one: Delivery | None = None) -> Request | Letter | Notice | None:
    """What *kind* makes of a page."""
    return DESTINATIONS[kind].render(one or page(), destination_of(kind, ALL), ALL, NOW)


def posted(kind: str, one: Delivery | None = None) -> Request:
    """As rendered, of a kind that posts."""
    request = rendered(kind, one)
    assert isinstance(request, Request)
    return request


def body(kind: str, one: Delivery | None = None) -> Any:
    """The document that is posted."""
    return orjson.loads(posted(kind, one).body)


def mailed(one: Delivery | None = None) -> EmailMessage:
    """The mail, read as a client reads it."""
    letter = rendered("email", one)
    assert isinstance(letter, Letter)
    mail = message_from_bytes(letter.content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def part(mail: EmailMessage, subtype: str) -> str:
    """Its text or HTML."""
    found = mail.get_body((subtype,))
    assert found is not None
    content = found.get_content()
    assert isinstance(content, str)
    return content


def judged(kind: str, request: Request) -> Reply:
    """What the service would answer, as `touchstone receiver` does."""
    parts = urlsplit(request.url)
    service = next(one for one in SERVICES if one.name == kind)
    path = parts.path.split("/")
    for route in service.routes:
        names = route.split("/")
        if len(names) == len(path) and all(a == b or a[:1] == "{" for a, b in zip(names, path, strict=True)):
            found = {a.strip("{}"): unquote(b) for a, b in zip(names, path, strict=True) if a[:1] == "{"}
            return service.judge(Asked(found, dict(parse_qsl(parts.query)), request.headers, request.body))
    raise AssertionError(f"{kind} has no route for {parts.path}")


def test_the_catalogue_has_a_renderer_for_every_kind_of_the_configuration() -> None:
    """One file, one line."""
    kinds = {one.model_fields["kind"].annotation for one in get_args(get_args(Destination)[0])}

    assert {name for kind in kinds for name in get_args(kind)} == set(DESTINATIONS) == set(ALL.destinations)
    assert DESTINATIONS["webhook"] is webhook


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_an_acknowledgement_is_said_only_to_those_who_know_one(kind: str) -> None:
    """To the others there is nothing to send."""
    said = rendered(kind, page(Change.ACKNOWLEDGED, acknowledged_by="kim"))

    assert (said is not None) == (kind in KNOW_ACKNOWLEDGEMENTS)


@pytest.mark.parametrize("kind", DESTINATIONS)
@pytest.mark.parametrize("change", [*OPENING, *CLOSING])
def test_every_other_change_that_pages_is_said_to_everybody(kind: str, change: Change) -> None:
    """Openings and closings."""
    assert rendered(kind, page(change)) is not None


@pytest.mark.parametrize("kind", [kind for kind in POSTED if kind != "webhook"])
@pytest.mark.parametrize("change", [*OPENING, *CLOSING, Change.ACKNOWLEDGED])
def test_the_service_takes_what_it_is_sent(kind: str, change: Change) -> None:
    """Its documented checks, on every change, for every severity."""
    for severity in Severity:
        one = page(change, severity, acknowledged_by="kim")
        request = rendered(kind, one)
        if isinstance(request, Request):
            reply = judged(kind, request)
            answer = reply.answer if isinstance(reply.answer, bytes) else orjson.dumps(reply.answer)
            assert request.accepted(reply.status, answer), (reply, request.body)


HUGE = Evidence(
    certainty="y" * 3000,
    affected=tuple(f"acme/cluster-{i:03}/{'t' * 60}" for i in range(500)),
    affected_n=500,
    watched_n=900,
    last_good_at=NOW,
    observations=("7d9f2c1e-5b0a-5f6e-8c3d-2a1b4c5d6e7f",) * 500,
)
BYTES_MAX = {"webhook": 20_000, "teams": 24_000}
ODD = st.text(st.characters(codec=None), max_size=2000) | st.sampled_from(
    ["&<>" * 600, "*_`~|#[]" * 300, "😀" * 1500, "名" * 3000, "\ud800" * 50, "<!channel> @everyone\r\nBcc: x@y.z\x00"]
)


@pytest.mark.parametrize("kind", [kind for kind in POSTED if kind != "webhook"])
@given(summary=ODD, reason=ODD, certainty=ODD, names=st.lists(ODD, max_size=30), who=ODD)
def test_whatever_a_page_says_the_service_takes_it(
    kind: str, summary: str, reason: str, certainty: str, names: list[str], who: str
) -> None:
    """Any characters in any length, 500 targets: within every limit, and never an exception."""
    evidence = replace(HUGE, certainty=certainty, affected=(*names, *HUGE.affected))
    for change in (Change.OPENED, Change.ACKNOWLEDGED, Change.RESOLVED):
        wish = intent(change, summary=summary, reason=reason, rule=reason, evidence=evidence, acknowledged_by=who)
        request = rendered(kind, delivery(wish, "on-call", instead_of="other"))
        if isinstance(request, Request):
            assert 200 <= judged(kind, request).status < 300
            assert len(request.body) < BYTES_MAX.get(kind, 400_000)


@given(summary=ODD, certainty=ODD)
def test_whatever_a_page_says_mail_and_notice_are_made(summary: str, certainty: str) -> None:
    """One subject, no header that the text brought with it, the whole in ASCII."""
    wish = intent(summary=summary, evidence=replace(HUGE, certainty=certainty))
    letter, notice = rendered("email", delivery(wish)), rendered("apprise", delivery(wish))

    assert isinstance(letter, Letter)
    assert isinstance(notice, Notice)
    assert letter.content.isascii()
    mail = message_from_bytes(letter.content, policy=default)
    assert set(mail) <= MAIL_HEADERS | {"Importance"}
    assert all(line == clean(line) for line in notice.text.split("\n"))


def test_a_document_for_a_webhook_stays_small() -> None:
    """As the specification wants it, with five hundred targets too."""
    request = posted("webhook", page(summary="x" * 5000, evidence=HUGE, reason="r" * 5000, rule="z" * 5000))

    assert len(request.body) < BYTES_MAX["webhook"]


def test_a_webhook_is_signed_over_exactly_what_is_sent_with_both_keys() -> None:
    """Id, second of the attempt, body; the new key and the one before it."""
    request = posted("webhook")
    headers = request.headers
    hook = destination_of("webhook", ALL)

    assert headers["webhook-id"] == "inc-0123456789ab.1.on-call"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in hook.secrets():
        stamp = int(headers["webhook-timestamp"])
        assert verified(secret, headers["webhook-id"], stamp, request.body, headers["webhook-signature"])


def test_the_reference_library_verifies_it_with_either_key() -> None:
    """And not with a third, nor what was changed on its way."""
    now = datetime.now(UTC)
    request = DESTINATIONS["webhook"].render(page(), destination_of("webhook", ALL), ALL, now)
    assert isinstance(request, Request)
    for secret in destination_of("webhook", ALL).secrets():
        assert standardwebhooks.Webhook(secret).verify(request.body, request.headers) == orjson.loads(request.body)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret).verify(request.body + b" ", request.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(signing_secret("another")).verify(request.body, request.headers)


def test_a_retry_has_the_same_id_and_says_that_it_is_one() -> None:
    """The receiver can tell it from another page; the second is the attempt's own."""
    later = replace(page(), attempt=3, first_attempt_at=NOW)
    request = DESTINATIONS["webhook"].render(later, destination_of("webhook", ALL), ALL, NOW + timedelta(seconds=15))
    assert isinstance(request, Request)
    data = orjson.loads(request.body)["data"]

    assert request.headers["webhook-id"] == posted("webhook").headers["webhook-id"]
    assert request.headers["webhook-timestamp"] == str(int(NOW.timestamp()) + 15)
    assert (data["attempt"], data["first_attempt_at"]) == (4, NOW.isoformat())
    assert orjson.loads(request.body)["timestamp"] == NOW.isoformat()


def test_a_webhook_document_is_type_timestamp_data() -> None:
    """With every fact of the page, and the links."""
    document = body("webhook")

    assert set(document) == {"type", "timestamp", "data"}
    assert document["type"] == "incident.opened"
    assert set(document["data"]) == DETAILS | {"links"}
    assert set(document["data"]["links"]) == {"dashboard", "acknowledge", "runbook"}
    assert document["data"]["scope"] == {"level": "provider", "id": "acme"}
    assert document["data"]["evidence"]["affected"] == list(EVIDENCE.affected)


def test_a_webhook_without_a_secret_is_sent_unsigned() -> None:
    """Rather than signed with nothing."""
    quiet = PAGING.destinations["quiet"]
    assert isinstance(quiet, Webhook)

    assert "webhook-signature" not in webhook.render(delivery(), quiet, PAGING, NOW).headers


def test_a_webhook_with_a_bad_secret_is_never_sent_unsigned() -> None:
    """It is an error, without the secret in it."""
    bad = Webhook.model_validate({"kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "hunter2!"})
    with pytest.raises(TouchstoneError) as caught:
        webhook.render(delivery(), bad, PAGING, NOW)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("change", OPENING)
def test_an_opening_triggers(change: Change) -> None:
    """Events API v2: the payload's keys, the routing key, our key of the incident, where to look."""
    event = body("pagerduty", page(change))

    assert set(event) == {"routing_key", "event_action", "dedup_key", "client", "client_url", "links", "payload"}
    assert event["event_action"] == "trigger"
    assert event["dedup_key"] == "prod:inc-0123456789ab"
    assert set(event["payload"]) == {
        "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details",
    }  # fmt: skip
    assert event["payload"]["timestamp"] == (NOW - timedelta(seconds=5)).isoformat()
    assert set(event["payload"]["custom_details"]) == DETAILS
    assert [link["text"] for link in event["links"]] == ["Dashboard", "Runbook"]
    assert event["client_url"] == "https://touchstone.example/incident?id=inc-0123456789ab"


@pytest.mark.parametrize(("change", "action"), [(Change.RESOLVED, "resolve"), (Change.ABSORBED, "resolve"),
                                                (Change.ACKNOWLEDGED, "acknowledge")])  # fmt: skip
def test_what_needs_no_payload_has_none(change: Change, action: str) -> None:
    """Only the three keys; the key of the trigger."""
    event = body("pagerduty", page(change, seq=7))

    assert event == {
        "routing_key": body("pagerduty")["routing_key"],
        "event_action": action,
        "dedup_key": body("pagerduty")["dedup_key"],
    }


@pytest.mark.parametrize(
    ("severity", "word", "priority"),
    [
        (Severity.P0, "critical", "P1"), (Severity.P1, "error", "P2"), (Severity.P2, "warning", "P3"),
        (Severity.P3, "info", "P4"),
    ],
)  # fmt: skip
def test_every_severity_has_the_receivers_word(severity: Severity, word: str, priority: str) -> None:
    """PagerDuty's of its four, Opsgenie's of its five."""
    assert body("pagerduty", page(severity=severity))["payload"]["severity"] == word
    assert body("opsgenie", page(severity=severity))["priority"] == priority


def test_a_long_summary_is_cut_to_what_each_takes() -> None:
    """With an ellipsis at its end, none longer than is documented."""
    one = page(summary="x" * 5000)
    pd, ops = body("pagerduty", one)["payload"]["summary"], body("opsgenie", one)["message"]

    assert (len(pd), len(ops)) == (1000, 130)
    assert pd[-1] == ops[-1] == "…"
    assert len(pd) <= pagerduty.SUMMARY_SIZE_MAX
    assert len(delivery().dedup_key("d" * 63)) <= 255


def test_a_change_event_has_no_key_of_an_incident_and_no_action() -> None:
    """It never notifies: another address, another form."""
    request = posted("pagerduty_changes")
    event = orjson.loads(request.body)

    assert request.url.endswith("/v2/change/enqueue")
    assert set(event) == {"routing_key", "payload", "links"}
    assert set(event["payload"]) == {"summary", "source", "timestamp", "custom_details"}
    assert event["payload"]["timestamp"] == NOW.isoformat()


def test_only_the_text_ok_is_slacks_success() -> None:
    """A status alone is not."""
    request = posted("slack")

    assert request.accepted(200, b"ok")
    assert not request.accepted(200, b"invalid_token")
    assert not request.accepted(200, b"")
    assert not request.accepted(204, b"")


@pytest.mark.parametrize("kind", [kind for kind in POSTED if kind != "slack"])
def test_only_2xx_is_accepted(kind: str) -> None:
    """A redirect is no success, and neither is no answer."""
    request = posted(kind)

    assert [status for status in range(600) if request.accepted(status, b"ok")] == list(range(200, 300))


def test_nobody_is_mentioned_whatever_a_summary_holds() -> None:
    """Slack's and Discord's ways to wake a channel are text."""
    one = page(summary="<!channel> <@U1> @everyone [a](http://b) *c* _d_", evidence=Evidence())
    slack = orjson.dumps(body("slack", one)).decode()

    assert "<!" not in slack
    assert "<@" not in slack
    assert "&lt;!channel&gt;" in slack
    assert body("discord", one)["allowed_mentions"] == {"parse": []}
    assert body("discord", one)["embeds"][0]["title"] == r"\<!channel\> \<@U1\> @everyone \[a\](http://b) \*c\* \_d\_"
    assert r"\*c\*" in body("teams", one)["attachments"][0]["content"]["body"][0]["text"]
    assert r"\_d\_" in body("incidentio", one)["metadata"]["summary"] or "_d_" in body("incidentio", one)["title"]


class Seen(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note it."""
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.text += data


def test_the_html_of_a_mail_shows_what_was_said_as_text() -> None:
    """No tag that a summary brought with it; the text says the same."""
    wish = page(summary="<script>alert(1)</script> & <b>", evidence=replace(EVIDENCE, certainty='"><img src=x>'))
    seen = Seen(part(mailed(wish), "html"))

    assert seen.tags == {"html", "body", "h3", "table", "tr", "th", "td", "p", "a"}
    assert "<script>alert(1)</script> & <b>" in seen.text
    assert '"><img src=x>' in seen.text
    assert "<script>alert(1)</script> & <b>" in part(mailed(wish), "plain")


MAIL_HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "Auto-Submitted", "MIME-Version",
    "Content-Type",
}  # fmt: skip


def test_the_mails_of_an_incident_are_one_thread_and_a_retry_is_the_same_mail() -> None:
    """All refer to one message; each has the id of its page."""
    first, last = mailed(page(seq=1)), mailed(page(Change.RESOLVED, seq=9))

    assert first["Message-ID"] == "<prod.inc-0123456789ab.1.on-call@example.com>"
    assert last["Message-ID"] == "<prod.inc-0123456789ab.9.on-call@example.com>"
    assert first["References"] == last["References"] == first["In-Reply-To"]
    assert mailed(replace(page(), attempt=4))["Message-ID"] == first["Message-ID"]
    assert set(first) == MAIL_HEADERS | {"Importance"}
    assert set(last) == MAIL_HEADERS


def test_a_header_cannot_be_brought_in_by_a_summary() -> None:
    """A line break in it is a blank."""
    mail = mailed(page(summary="down\r\nBcc: everybody@example.com\r\n\r\nhello"))

    assert mail["Subject"] == "down Bcc: everybody@example.com hello"
    assert mail["Bcc"] is None


def test_an_alert_of_alertmanager_fires_until_far_ahead_and_ends_when_we_say_so() -> None:
    """The labels, which are its identity, are those of the firing one."""
    (firing,) = body("alertmanager")
    ended = body("alertmanager", page(Change.RESOLVED, resolved_at=NOW - timedelta(seconds=1)))
    of_severity = next(one for one in ended if one["labels"]["severity"] == "P0")

    assert firing["endsAt"] == (NOW + timedelta(days=30)).isoformat()
    assert of_severity["labels"] == firing["labels"]
    assert of_severity["endsAt"] == (NOW - timedelta(seconds=1)).isoformat()
    assert firing["generatorURL"] == "https://touchstone.example/incident?id=inc-0123456789ab"


@pytest.mark.parametrize("change", [Change.RAISED, Change.PROMOTED, Change.RESOLVED])
def test_an_alert_that_may_have_had_another_severity_ends_under_it(change: Change) -> None:
    """Else it would fire on under its old labels for a month."""
    alerts = body("alertmanager", page(change, Severity.P0))
    others = [one for one in alerts if one["labels"]["severity"] != "P0"]

    assert {one["labels"]["severity"] for one in others} == {"P1", "P2", "P3"}
    assert all(one["endsAt"] <= NOW.isoformat() for one in others)


def test_opsgenie_finds_the_alert_again_by_its_alias() -> None:
    """Created, acknowledged and closed under one key, each at its own address."""
    alias = body("opsgenie")["alias"]
    close, acknowledge = posted("opsgenie", page(Change.RESOLVED)), posted("opsgenie", page(Change.ACKNOWLEDGED))

    assert alias == "prod:inc-0123456789ab"
    assert close.url.endswith("/v2/alerts/prod%3Ainc-0123456789ab/close?identifierType=alias")
    assert acknowledge.url.endswith("/v2/alerts/prod%3Ainc-0123456789ab/acknowledge?identifierType=alias")
    assert judged("opsgenie", close).key == judged("opsgenie", acknowledge).key == alias


def test_an_alert_of_incidentio_fires_and_resolves_under_one_key() -> None:
    """Its two states."""
    firing, resolved = body("incidentio"), body("incidentio", page(Change.RESOLVED))

    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["deduplication_key"] == resolved["deduplication_key"]


@pytest.mark.parametrize("kind", POSTED)
def test_an_incident_that_is_over_closes_whatever_its_change_is_called(kind: str) -> None:
    """`stable` after flapping says how it stands now: over."""
    one, over = page(Change.STABLE, state=IncidentState.RESOLVED), page(Change.RESOLVED)
    same = {b"stable": b"resolved"}
    said, expected = posted(kind, one), posted(kind, over)
    for old, new in same.items():
        said = replace(said, body=said.body.replace(old, new))

    assert (said.url, said.body) == (expected.url, expected.body)


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_late_backup_and_drill_are_marked_everywhere(kind: str) -> None:
    """In the words that a person reads first."""
    wish = intent(signal=Signal.DRILL, at=NOW - timedelta(minutes=4), evidence=EVIDENCE)
    message = rendered(kind, delivery(wish, instead_of="on-call"))
    said = part(mailed(delivery(wish, instead_of="on-call")), "plain") if kind == "email" else ""
    if isinstance(message, Request):
        said = message.body.decode()
    elif isinstance(message, Notice):
        said = message.title

    if kind == "webhook":
        data = orjson.loads(said)["data"]
        assert (data["drill"], data["late_s"], data["instead_of"]) == (True, 240.0, "on-call")
    else:
        assert "[DRILL] [sent 4 m late] [instead of on-call] P0" in said.replace("\\\\", "").replace(
            "\\[", "["
        ).replace("\\]", "]")


@pytest.mark.parametrize("kind", DESTINATIONS)
def test_no_secret_is_shown(kind: str) -> None:
    """Law 10: neither the message's repr nor the settings' hold one."""
    shown = repr(rendered(kind)) + repr(ALL) + ALL.model_dump_json()

    for secret in destination_of(kind, ALL).secrets():
        assert secret not in shown
    assert "s3cr3t" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize("kind", sorted(set(POSTED) - {"pagerduty", "pagerduty_changes"}))
def test_a_secret_is_not_part_of_what_is_said(kind: str) -> None:
    """PagerDuty wants its key in the document; nobody else has one there."""
    assert b"s3cr3t" not in posted(kind).body

"""Incidents as an Atom feed (RFC 4287): one entry for each, updated with its last transition. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from collector.exports.scorecard import IncidentFacts
from schemas.incident import IncidentState, Signal

PATH = "/api/v1/incidents.atom"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATE_WORDS = {
    IncidentState.OPEN: "open",
    IncidentState.ACKED: "open, somebody has it",
    IncidentState.RECOVERING: "recovering",
    IncidentState.RESOLVED: "resolved",
}


class Incident(IncidentFacts, Protocol):
    """What the feed asks of one incident beside what a scorecard does."""

    @property
    def signal(self) -> Signal:
        """What it was seen by."""

    @property
    def updated_at(self) -> datetime:
        """Its last transition."""

    @property
    def simulated(self) -> bool:
        """Whether these clouds exist."""


def feed(incidents: Iterable[Incident], *, deployment: str, dashboard_url: str | None, api_url: str | None) -> str:
    """The feed, the newest first as they are given; drills and what a wider incident swallowed are left out."""
    told = [one for one in incidents if one.state in STATE_WORDS and one.signal is not Signal.DRILL]
    updated = max((one.updated_at for one in told), default=EPOCH)
    head = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<id>{_text(f'urn:touchstone:{deployment}:incidents')}</id>",
        f"<title>{_text(f'Incidents seen by Touchstone ({deployment})')}</title>",
        f"<updated>{_stamp(updated)}</updated>",
        "<author><name>Touchstone</name></author>",
    ]
    if api_url:
        head.append(f'<link rel="self" type="application/atom+xml" href={_attribute(api_url.rstrip("/") + PATH)}/>')
    return "\n".join([*head, *(_entry(one, deployment, dashboard_url) for one in told), "</feed>", ""])


def _entry(one: Incident, deployment: str, dashboard_url: str | None) -> str:
    mark = "[simulated] " if one.simulated else ""
    over = f" Recovered {_stamp(one.resolved_at)}." if one.resolved_at else ""
    page = f"{(dashboard_url or '').rstrip('/')}/incident?{urlencode({'id': one.id})}"
    link = f"<link href={_attribute(page)}/>" if dashboard_url else ""
    title = f"{mark}{one.severity.value} {one.scope} ({one.reason}): {STATE_WORDS[one.state]}"
    return (
        f"<entry><id>{_text(f'urn:touchstone:{deployment}:{one.id}')}</id><title>{_text(title)}</title>"
        f"<updated>{_stamp(one.updated_at)}</updated><published>{_stamp(one.opened_at)}</published>{link}"
        f"<category term={_attribute(one.severity.value)}/>"
        f"<summary>{_text(f'{one.rule}. First failure {_stamp(one.failed_at)}.{over}')}</summary></entry>"
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: str) -> str:
    """*value* as text of XML, which has no control characters at all."""
    return escape(_printable(value))


def _attribute(value: str) -> str:
    return quoteattr(_printable(value))


def _printable(value: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in value)

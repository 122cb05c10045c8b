"""
The evidence of a page on one screen: what every renderer shows, in its own format.

What is said: what and how bad, since when, how sure, how much of it, when it was last good, the rule, who has it; that
it is late, an exercise, or told instead of another; and where to look, acknowledge and read on. All of it is clean text
of bounded length, escaped by nobody yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from collector.judgement.wording import duration
from collector.paging import ack_link
from collector.paging.plain_text import clean, cut
from schemas.incident import Change, IncidentState, PageIntent, Signal
from schemas.page import CLOSING, Delivery
from schemas.paging import Paging

TITLE_SIZE_MAX = 1000
VALUE_SIZE_MAX = 700
NAMES_MAX = 20
ADDRESS_CHARS_MAX = 900


@dataclass(frozen=True, slots=True)
class Screen:
    """
    One page as people read it. *facts* and *links* are name and value, in order; *over* when it closes the incident.

    *dashboard* and *runbook* are the addresses that stand in *links* too, for receivers with a place of their own.
    """

    title: str
    over: bool
    facts: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    dashboard: str | None
    runbook: str | None

    def text(self) -> str:
        """Everything as lines of plain text."""
        facts = [f"{name}: {value}" for name, value in self.facts]
        links = [f"{name}: {address}" for name, address in self.links]
        return "\n".join([self.title, "", *facts, *([""] if links else []), *links])


def screen_of(delivery: Delivery, paging: Paging, now: datetime) -> Screen:
    """What *delivery* says when it is handed over at *now*."""
    intent = delivery.intent
    summary = clean(intent.summary) or f"{intent.severity} {intent.scope.level} {intent.scope.id}"
    marked = " ".join([*_marks(delivery, now), summary])
    dashboard, runbook = _short(_dashboard(intent, paging)), _short(paging.runbook_of(intent.signal))
    acknowledge = _short(acknowledge_link(intent, paging, now))
    links = {"Dashboard": dashboard, "Acknowledge": acknowledge, "Runbook": runbook}
    return Screen(
        title=cut(marked, TITLE_SIZE_MAX),
        over=closes(intent),
        facts=tuple((name, cut(said, VALUE_SIZE_MAX)) for name, value in _facts(intent) if (said := clean(value))),
        links=tuple((name, address) for name, address in links.items() if address),
        dashboard=dashboard,
        runbook=runbook,
    )


def closes(intent: PageIntent) -> bool:
    """Whether the receiver's alert ends with it."""
    return intent.change in CLOSING or intent.state is IncidentState.RESOLVED


def acknowledge_link(intent: PageIntent, paging: Paging, now: datetime) -> str | None:
    """Where to say that somebody has it; None when nobody need say so, or the settings give no such link."""
    if closes(intent) or intent.change is Change.ACKNOWLEDGED:
        return None
    if paging.api_url is None or paging.link_secret is None:
        return None
    secret = paging.link_secret.get_secret_value()
    return ack_link.link(paging.api_url, secret, intent.incident, now + ack_link.LASTS)


def utc(at: datetime) -> str:
    """An instant to the second: `2026-11-24 12:00:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _marks(delivery: Delivery, now: datetime) -> list[str]:
    late = delivery.late_by(now)
    return [
        *(["[DRILL]"] if delivery.intent.signal is Signal.DRILL else []),
        *([f"[sent {duration(late)} late]"] if late is not None else []),
        *([f"[instead of {delivery.instead_of}]"] if delivery.instead_of else []),
    ]


def _facts(intent: PageIntent) -> list[tuple[str, str]]:
    return [
        ("Severity", intent.severity),
        ("What", f"{intent.scope.level} {intent.scope.id}"),
        ("Change", intent.change),
        ("Since", utc(intent.failed_at)),
        ("Until", _until(intent)),
        ("How sure", intent.evidence.certainty),
        ("Affected", _affected(intent)),
        ("Last good", _last_good(intent)),
        ("Reason", intent.reason),
        ("Rule", intent.rule),
        ("Acknowledged by", intent.acknowledged_by),
        ("Escalation", f"step {intent.step}" if intent.step else ""),
        ("Incident", intent.incident),
    ]


def _until(intent: PageIntent) -> str:
    if intent.resolved_at is None:
        return ""
    return f"{utc(intent.resolved_at)}, after {duration(intent.resolved_at - intent.failed_at)}"


def _affected(intent: PageIntent) -> str:
    """`5 of 12 watched: a, b, c and 2 more`, with as many names as fit."""
    evidence = intent.evidence
    if not evidence.affected_n:
        return ""
    counted = f"{evidence.affected_n} of {evidence.watched_n} watched"
    names: list[str] = []
    for name in evidence.affected[:NAMES_MAX]:
        if len(counted) + sum(len(one) + 2 for one in [*names, name]) > VALUE_SIZE_MAX - 20:
            break
        names.append(name)
    if not names:
        return counted
    rest = evidence.affected_n - len(names)
    return f"{counted}: {', '.join(names)}" + (f" and {rest} more" if rest > 0 else "")


def _last_good(intent: PageIntent) -> str:
    last = intent.evidence.last_good_at
    if last is None:
        return ""
    before = intent.failed_at - last
    return utc(last) + (f", {duration(before)} before" if before.total_seconds() > 0 else "")


def _short(address: str | None) -> str | None:
    """*address*, unless it is too long for what a receiver takes: half a link is none."""
    return address if address is not None and len(address) <= ADDRESS_CHARS_MAX else None


def _dashboard(intent: PageIntent, paging: Paging) -> str | None:
    """The dashboard's page of the incident."""
    if paging.dashboard_url is None:
        return None
    return f"{paging.dashboard_url.rstrip('/')}/incident?{urlencode({'id': intent.incident})}"

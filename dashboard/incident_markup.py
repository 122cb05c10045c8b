"""Incidents as HTML: card, head, timeline, tries to page. What comes from outside goes through `text`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from collector.judgement.incident_words import KIND_NAME, affected_words, held_words, standing
from collector.judgement.wording import duration, stamp
from collector.storage.incident_queries import IncidentRow, IncidentStory, PageRow, TransitionRow
from dashboard import markup
from dashboard.markup import text
from schemas.incident import Change, IncidentState, Severity

STATE_SIGN = {
    IncidentState.OPEN: "●",
    IncidentState.ACKED: "◐",
    IncidentState.RECOVERING: "↗",
    IncidentState.RESOLVED: "✓",
    IncidentState.CHILD: "↳",
}
_CHANGE_LOOK = {
    Change.OPENED: "severe", Change.PROMOTED: "severe", Change.RAISED: "severe", Change.REOPENED: "severe",
    Change.RELAPSED: "bad", Change.ESCALATED: "bad", Change.RELEASED: "bad", Change.FLAPPING: "bad",
    Change.RESOLVED: "good", Change.RECOVERING: "good", Change.ACKNOWLEDGED: "good", Change.SEEING: "good",
}  # fmt: skip
_PAGE_LOOK = {"delivered": ("good", "✓"), "dead": ("severe", "✗"), "failed": ("bad", "~"), "pending": ("bad", "~")}


def what(incident: IncidentRow) -> str:
    """What it is, as it stands."""
    return standing(incident.signal, incident.level, incident.scope, incident.state)


def held(incident: IncidentRow) -> tuple[str, ...]:
    """Who has it, what holds its pages, whether it can be seen."""
    return held_words(
        acknowledged_by=incident.acknowledged_by,
        suppressed_why=incident.suppressed_by and (incident.suppressed_why or incident.suppressed_by),
        flapping=incident.flapping,
        blind=incident.blind,
    )


def look(incident: IncidentRow) -> str:
    """The class that colours it; what is over, or of no one's concern, is calm."""
    if not incident.open:
        return "ts-over"
    return {Severity.P0: "ts-p0", Severity.P1: "ts-p1"}.get(incident.severity, "ts-p2")


def address(id: str) -> str:
    """Where the page of an incident is, relative to any other page."""
    return f"incident?id={quote(id, safe='')}"


def link(id: str) -> str:
    """An incident's id as a link to its page."""
    return f'<a href="{text(address(id))}" target="_self"><code>{text(id)}</code></a>'


def card(incident: IncidentRow, now: datetime, paged: datetime | None) -> str:
    """One open incident in three lines."""
    told = f"first page after {duration(paged - incident.failed_at)}" if paged else "no page delivered"
    return (
        f'<div class="ts-incident {look(incident)}"><b class="ts-sev">{_severity(incident)}</b>'
        f"<div><b>{text(what(incident))}</b>"
        f"<span>{text(incident.reason)}, for {text(duration(now - incident.failed_at))} since "
        f"{text(f'{incident.failed_at:%H:%M:%S}')} UTC, {text(told)}</span>{flags(incident)}"
        f"<small>{text(incident.rule)} <code>{text(incident.id)}</code></small></div></div>"
    )


def _severity(incident: IncidentRow) -> str:
    return f"{'‼' if incident.severity is Severity.P0 else '!'} {text(incident.severity)}"


def flags(incident: IncidentRow) -> str:
    """What keeps it quiet, as small pills."""
    return "".join(f'<em class="ts-flag">{text(words)}</em>' for words in held(incident))


def head(incident: IncidentRow, now: datetime) -> str:
    """Everything about an incident but its history."""
    lasted = duration((incident.resolved_at or now) - incident.failed_at)
    until = f" to {stamp(incident.resolved_at)}" if incident.resolved_at else ""
    facts = [
        ("State", f"{STATE_SIGN[incident.state]} {incident.state}"),
        ("Kind", KIND_NAME[incident.signal]),
        ("Since", f"{stamp(incident.failed_at)}{until}: {lasted}"),
        ("Noticed", f"{duration(incident.opened_at - incident.failed_at)} after the first failure"),
        ("Reason", incident.reason),
        ("Rule", incident.rule),
        ("How sure", incident.certainty),
        ("Affected", _affected(incident)),
        ("Reopened", f"{incident.reopened} times" if incident.reopened else ""),
    ]
    rows = "".join(f"<dt>{text(name)}</dt><dd>{text(said)}</dd>" for name, said in facts if said)
    parent = f"<dt>Part of</dt><dd>{link(incident.parent)}</dd>" if incident.parent else ""
    return (
        f'<div class="ts-incident ts-whole {look(incident)}"><b class="ts-sev">{_severity(incident)}</b>'
        f'<div><h1 class="ts-title">{text(what(incident))}</h1><code>{text(incident.id)}</code>{flags(incident)}'
        f'<dl class="ts-facts">{rows}{parent}</dl></div></div>'
    )


def _affected(incident: IncidentRow) -> str:
    if not incident.affected_n:
        return ""
    more = incident.affected_n - len(incident.affected)
    names = ", ".join(incident.affected) + (f" and {more} more" if more > 0 else "")
    return f"{affected_words(incident.affected_n, incident.watched_n)}: {names}"


def timeline(story: IncidentStory) -> str:
    """Every transition with its why and the time since the first failure."""
    steps = "".join(_step(step, story.incident.failed_at) for step in story.transitions)
    return f'<h2>Timeline <span class="ts-dim">after the first failure</span></h2><ol class="ts-steps">{steps}</ol>'


def _step(step: TransitionRow, failed_at: datetime) -> str:
    colour = _CHANGE_LOOK.get(step.change, "unknown")
    parent = f" {link(step.parent)}" if step.parent else ""
    return (
        f'<li class="ts-{colour}"><time>+{text(duration(step.at - failed_at))}'
        f"<small>{text(f'{step.at:%H:%M:%S}')} UTC</small></time>"
        f'<div><b class="ts-result ts-{colour}">{text(step.change)}</b> '
        f'<span class="ts-dim">{text(step.severity)} {text(step.level)} {text(step.scope)}, {text(step.state)}</span>'
        f"<p>{text(step.cause)}{parent}</p></div></li>"
    )


def tries(story: IncidentStory) -> str:
    """Every try to tell somebody."""
    if not story.pages:
        return '<h2>Pages</h2><div class="ts-calm">None was tried.</div>'
    header = ("After", "Destination", "Try", "What", "Result", "Answer", "Error")
    rows = [markup.raw_row(_try(page, story.incident.failed_at)) for page in story.pages]
    size = f'<span class="ts-dim">n {len(rows)}, after the first failure</span>'
    return f"<h2>Pages {size}</h2>{markup.table(header, rows, 'ts-list ts-tries')}"


def _try(page: PageRow, failed_at: datetime) -> Sequence[str]:
    colour, sign = _PAGE_LOOK.get(page.state, ("unknown", "?"))
    return (
        text(f"+{duration(page.at - failed_at)}" + (" late" if page.late_s is not None else "")),
        f"<b>{text(page.destination)}</b>",
        text(page.attempt),
        text(f"{page.severity} {page.change}"),
        f'<b class="ts-result ts-{colour}">{sign} {text(page.state)}</b>',
        text(f"HTTP {page.status}" if page.status else "no answer"),
        f'<span class="ts-note">{text(page.error)}</span>',
    )


def past(incidents: Sequence[IncidentRow]) -> str:
    """A table of incidents, each id a link."""
    header = ("", "State", "What", "Reason", "First failure", "Noticed after", "Lasted", "Rule", "Incident")
    rows = [
        markup.raw_row(
            (
                f"<b>{text(one.severity)}</b>",
                text(f"{STATE_SIGN[one.state]} {one.state}"),
                text(what(one)),
                text(one.reason),
                text(stamp(one.failed_at)),
                text(duration(one.opened_at - one.failed_at)),
                text(duration(one.resolved_at - one.failed_at) if one.resolved_at else "open" if one.open else ""),
                f'<span class="ts-note">{text(one.rule)}</span>',
                link(one.id),
            )
        )
        for one in incidents
    ]
    return markup.table(header, rows, "ts-list")


def section(incidents: Sequence[IncidentRow]) -> str:
    """The last incidents of something, with their heading."""
    if not incidents:
        return '<h2>Incidents</h2><div class="ts-nothing">None is known.</div>'
    return f'<h2>Incidents <span class="ts-dim">n {len(incidents)}, the last</span></h2>{past(incidents)}'

"""What is said when: first pages, what a silence holds and releases, what flaps, what lapses, the ladder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from collector.judgement.causes import Sight
from collector.judgement.incident_book import IncidentBook
from collector.judgement.widening import may_widen
from schemas.incident import OVER, Change, Incident, IncidentState, Signal


def announce(book: IncidentBook, sight: Sight) -> None:
    """Hold and release what is suppressed, calm what flaps, lapse, send first pages, and escalate."""
    for id in list(book.incidents):
        if book.incidents[id].state in OVER:
            continue
        for step in _STEPS:
            step(book.incidents[id], book, sight)


def next_due(book: IncidentBook, sight: Sight) -> datetime | None:
    """When the next first page is due, after this decision; None when none waits."""
    waiting = (one for one in book.live if not one.told and not one.suppressed_by)
    return min((_due(one, book, sight) for one in waiting), default=None)


def _hold(incident: Incident, book: IncidentBook, _: Sight) -> None:
    holder = book.holder(incident.scope)
    if holder and not incident.suppressed_by and incident.signal is not Signal.DRILL:
        why = f"{holder.kind} {holder.id} of {holder.owner}: {holder.why}"
        book.record(replace(incident, suppressed_by=holder.id), Change.SUPPRESSED, why)
    elif not holder and incident.suppressed_by:
        free = replace(incident, suppressed_by="", ladder_from=book.now, escalated=0)
        released = book.record(free, Change.RELEASED, f"{incident.suppressed_by} is over, this is not")
        book.page(released, Change.RELEASED)


def _settle(incident: Incident, book: IncidentBook, _: Sight) -> None:
    calm_s = book.paging.flapping.calm
    if incident.flapping and incident.flips and book.now - incident.flips[-1] >= timedelta(seconds=calm_s):
        why = f"nothing has changed for {calm_s:g} s; it is {incident.state}"
        book.page(book.record(replace(incident, flapping=False, flips=()), Change.STABLE, why), Change.STABLE)


def _expire(incident: Incident, book: IncidentBook, _: Sight) -> None:
    if incident.acknowledged and book.now >= incident.acknowledged.until:
        lasts_s = book.paging.acknowledgement.lasts
        book.lapse(incident, f"{lasts_s:g} s after {incident.acknowledged.by} had it")


def _first_page(incident: Incident, book: IncidentBook, sight: Sight) -> None:
    if not incident.told and book.now >= _due(incident, book, sight):
        book.page(incident, Change.OPENED)


def _due(incident: Incident, book: IncidentBook, sight: Sight) -> datetime:
    """
    When the first page goes out, unless a wider cause comes before.

    A `coalesce` after the first failure, of which the re-probes have used up most, and a quarter of it after the
    decision. A blind spot waits for one interval more: it may be the beginning of a vantage that sees nothing. When
    several clusters fail it waits until so many others answered that it is not the provider, `quorum_wait` at most.
    """
    coalesce = timedelta(seconds=book.paging.hard_down.coalesce)
    due = max(incident.failed_at + coalesce, incident.opened_at + coalesce / 4)
    if incident.signal is Signal.NO_DATA and incident.severity != book.paging.severities.no_data:
        return max(due, incident.opened_at + sight.longest_interval(incident.scope.id))
    rule = book.paging.hard_down
    if may_widen(incident, sight, rule):
        return max(due, incident.opened_at + timedelta(seconds=rule.quorum_wait))
    return due


def _escalate(incident: Incident, book: IncidentBook, _: Sight) -> None:
    steps = book.paging.ladder(incident.severity)
    if (
        incident.state is not IncidentState.OPEN
        or incident.ladder_from is None
        or incident.suppressed_by
        or incident.signal is Signal.DRILL
        or incident.escalated >= len(steps)
    ):
        return
    step = steps[incident.escalated]
    if book.now - incident.ladder_from >= timedelta(seconds=step.after):
        why = f"nobody has it {step.after:g} s after it was said: {', '.join(step.to)}"
        up = book.record(replace(incident, escalated=incident.escalated + 1), Change.ESCALATED, why)
        book.page(up, Change.ESCALATED, only=step.to)


_STEPS: tuple[Callable[[Incident, IncidentBook, Sight], None], ...] = (_hold, _settle, _expire, _first_page, _escalate)

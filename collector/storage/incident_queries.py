"""Incidents as the dashboard and the command line read them: the fold of the copied transitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.judgement.sla.claim_record import ClaimLine
from schemas.incident import Change, IncidentState, Level, Severity, Signal
from schemas.response import CLAIM, ClaimStanding, Said

# Parameters: until (ms; later transitions are not seen), since (ms), provider and incident ('' for all), limit, open,
# lasting (1: those that began before `since` and had not ended by then, too).
INCIDENTS = """
SELECT incident, argMax(provider, seq), argMax(severity, seq), argMax(state, seq) AS last_state, argMax(level, seq),
       argMax(scope, seq), argMax(reason, seq), argMaxIf(cause, seq, change IN ('opened', 'promoted', 'reopened')),
       argMax(parent, seq), argMax(failed_at, seq) AS first_failed, min(opened_at) AS first_opened, max(at),
       maxIf(at, change = 'resolved'), max(seq), countIf(change = 'reopened'), max(simulated), argMax(signal, seq),
       argMax(acknowledged_by, seq), argMax(suppressed_by, seq), argMax(flapping, seq), argMax(blind, seq),
       argMax(certainty, seq), argMax(affected, seq), argMax(affected_n, seq), argMax(watched_n, seq),
       minIf(at, change = 'acknowledged'), argMaxIf(cause, seq, change = 'suppressed')
FROM {database}.incident_transitions FINAL
WHERE at < fromUnixTimestamp64Milli({until:Int64}) AND ({provider:String} = '' OR provider = {provider:String})
  AND ({incident:String} = '' OR incident = {incident:String})
GROUP BY incident
HAVING (first_failed >= fromUnixTimestamp64Milli({since:Int64})
        OR ({lasting:UInt8} = 1 AND (last_state IN ('open', 'acked', 'recovering')
                                     OR max(at) > fromUnixTimestamp64Milli({since:Int64}))))
   AND ({open:UInt8} = 0 OR last_state IN ('open', 'acked', 'recovering'))
ORDER BY first_failed DESC, incident LIMIT {limit:UInt32}"""

TRANSITIONS = """
SELECT seq, change, state, severity, level, scope, reason, cause, parent, at
FROM {database}.incident_transitions FINAL WHERE incident = {incident:String} ORDER BY seq"""

PAGES = """
SELECT seq, destination, attempt, change, severity, state, status, error, failed_at, at, late_s, took_ms
FROM {database}.page_attempts FINAL WHERE incident = {incident:String} ORDER BY at, seq, destination, attempt"""

FIRST_PAGES = """
SELECT incident, min(at) FROM {database}.page_attempts FINAL
WHERE incident IN {incidents:Array(String)} AND (state = 'delivered' OR (status >= 200 AND status < 300))
GROUP BY incident"""

DELIVERED = """
SELECT incident, count() FROM {database}.page_attempts FINAL
WHERE incident IN {incidents:Array(String)} AND (state = 'delivered' OR (status >= 200 AND status < 300))
GROUP BY incident"""


RESPONSES = """
SELECT at, what, subject, scope, by, via, why, refused, amount FROM {database}.responses FINAL
WHERE at >= fromUnixTimestamp64Milli({since:Int64}) ORDER BY at DESC, id LIMIT {limit:UInt32}"""


# What was said of claims, in order. Parameters: at (ms; later words are not seen), provider ('' for all).
CLAIMS = f"""
SELECT at, subject, what, by, amount, why FROM {{database}}.responses FINAL
WHERE startsWith(what, '{CLAIM}') AND refused = '' AND at < fromUnixTimestamp64Milli({{at:Int64}})
  AND ({{provider:String}} = '' OR scope = {{provider:String}})
ORDER BY at, id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One incident as it stands; *rule* is the cause with its numbers, *updated_at* its last transition."""

    id: str
    provider: str
    severity: Severity
    state: IncidentState
    level: Level
    scope: str
    reason: str
    rule: str
    parent: str
    failed_at: datetime
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    seq: int
    reopened: int
    simulated: bool
    signal: Signal
    acknowledged_by: str
    suppressed_by: str
    flapping: bool
    blind: bool
    certainty: str
    affected: tuple[str, ...]
    affected_n: int
    watched_n: int
    acknowledged_at: datetime | None  # the first time
    suppressed_why: str  # of the last silence or window: which, whose, why

    @property
    def open(self) -> bool:
        """Whether it still is."""
        return self.state in {IncidentState.OPEN, IncidentState.ACKED, IncidentState.RECOVERING}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRow:
    """One step of an incident, with its why."""

    seq: int
    change: Change
    state: IncidentState
    severity: Severity
    level: Level
    scope: str
    reason: str
    cause: str
    parent: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """One try to notify one destination of one transition; *late_s* after its decision, None when it was in time."""

    seq: int
    destination: str
    attempt: int
    change: str
    severity: str
    state: str
    status: int
    error: str
    failed_at: datetime
    at: datetime
    late_s: float | None
    took_ms: float | None


@dataclass(frozen=True, slots=True)
class IncidentStory:
    """An incident with every transition and every try to page."""

    incident: IncidentRow
    transitions: tuple[TransitionRow, ...]
    pages: tuple[PageRow, ...]


def incident_of(row: Sequence[Any]) -> IncidentRow:
    """One row of INCIDENTS."""
    (id, provider, severity, state, level, scope, reason, rule, parent, failed_at, opened_at, updated_at, resolved_at,
     seq, reopened, simulated, signal, acknowledged_by, suppressed_by, flapping, blind, certainty, affected,
     affected_n, watched_n, acknowledged_at, suppressed_why) = row  # fmt: skip
    over = IncidentState(state) is IncidentState.RESOLVED
    return IncidentRow(
        id=id, provider=provider, severity=Severity(severity), state=IncidentState(state), level=Level(level),
        scope=scope, reason=reason, rule=rule, parent=parent, failed_at=failed_at, opened_at=opened_at,
        updated_at=updated_at, resolved_at=resolved_at if over else None, seq=seq, reopened=reopened,
        simulated=bool(simulated), signal=Signal(signal), acknowledged_by=acknowledged_by,
        suppressed_by=suppressed_by, flapping=bool(flapping), blind=bool(blind), certainty=certainty,
        affected=tuple(affected), affected_n=affected_n, watched_n=watched_n,
        acknowledged_at=acknowledged_at if acknowledged_at.year > 1970 else None, suppressed_why=suppressed_why,
    )  # fmt: skip


def transition_of(row: Sequence[Any]) -> TransitionRow:
    """One row of TRANSITIONS."""
    seq, change, state, severity, level, scope, reason, cause, parent, at = row
    return TransitionRow(
        seq=seq, change=Change(change), state=IncidentState(state), severity=Severity(severity), level=Level(level),
        scope=scope, reason=reason, cause=cause, parent=parent, at=at,
    )  # fmt: skip


def page_of(row: Sequence[Any]) -> PageRow:
    """One row of PAGES."""
    seq, destination, attempt, change, severity, state, status, error, failed_at, at, late_s, took_ms = row
    return PageRow(
        seq=seq, destination=destination, attempt=attempt, change=change, severity=severity, state=state,
        status=status, error=error, failed_at=failed_at, at=at, late_s=late_s, took_ms=took_ms,
    )  # fmt: skip


def claim_line_of(row: Sequence[Any]) -> ClaimLine:
    """One row of CLAIMS."""
    at, key, what, by, amount, why = row
    return ClaimLine(at, key, ClaimStanding(what.removeprefix(CLAIM)), by, amount, why)


def said_of(row: Sequence[Any]) -> Said:
    """One row of RESPONSES."""
    at, what, subject, scope, by, via, why, refused, amount = row
    return Said(at=at, what=what, subject=subject, scope=scope, by=by, via=via, why=why, refused=refused, amount=amount)

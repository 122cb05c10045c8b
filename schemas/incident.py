"""Incidents and pages: one cause, from first evidence to proven recovery; one page per transition and destination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from schemas.tick import NAMESPACE


class Severity(StrEnum):
    """How bad. P0 wakes somebody."""

    P0 = "P0"  # a provider is hard down
    P1 = "P1"  # a cluster is hard down, or our own observer is
    P2 = "P2"  # one model, or latency
    P3 = "P3"


class Level(StrEnum):
    """What a cause is about, widest first."""

    OBSERVER = "observer"
    PROVIDER = "provider"
    CLUSTER = "cluster"
    TARGET = "target"


class IncidentState(StrEnum):
    """OPEN -> RECOVERING -> RESOLVED (-> OPEN again within the cool-down); CHILD hangs under a wider incident."""

    OPEN = "open"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    CHILD = "child"  # superseded: its cause turned out to be a wider one


class Change(StrEnum):
    """What a transition did; the ones that page are decided by the router."""

    OPENED = "opened"
    PROMOTED = "promoted"  # same incident, wider cause, higher severity
    ABSORBED = "absorbed"  # became the child of another incident
    RECOVERING = "recovering"
    RELAPSED = "relapsed"  # failed again while recovering
    REOPENED = "reopened"  # failed again within the cool-down
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Scope:
    """What an incident is about: a level and an id (`acme`, `acme/us-east`, `acme/us-east/m`, a vantage)."""

    level: Level
    id: str

    def __str__(self) -> str:
        return f"{self.level}:{self.id}"


def incident_id(scope: Scope, first_failed_at: datetime) -> str:
    """The id of an incident, derived from its first scope and first evidence: 12 hex digits after `inc-`."""
    derived: UUID = uuid5(NAMESPACE, f"incident|{scope}|{first_failed_at.isoformat()}")
    return f"inc-{derived.hex[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One cause. *failed_at* is the first failed evidence, *opened_at* when the judge decided."""

    id: str
    scope: Scope
    provider: str
    severity: Severity
    state: IncidentState
    reason: str  # the dominant failure reason
    rule: str  # the rule that opened it, with its numbers
    failed_at: datetime
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    parent: str | None = None
    seq: int = 0  # of the last transition
    reopen_count: int = 0
    good_streak: int = 0
    evidence: tuple[str, ...] = ()  # ids of observations, bounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One append-only row; the state of an incident is a fold over them. (incident, seq) is unique."""

    incident: str
    seq: int
    change: Change
    state: IncidentState
    severity: Severity
    scope: Scope
    cause: str  # why, with the numbers
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PageIntent:
    """A wish to notify: the outbox turns it into one delivery per destination of the route."""

    incident: str
    seq: int
    change: Change
    severity: Severity
    provider: str
    scope: Scope
    summary: str
    reason: str
    failed_at: datetime
    opened_at: datetime
    at: datetime

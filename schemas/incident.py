"""Incidents and pages: one cause, from first evidence to proven recovery; one page per transition and destination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from schemas.tick import NAMESPACE


class Severity(StrEnum):
    """How bad. P0 wakes somebody; the settings say what is how bad (`paging.severities`)."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class Signal(StrEnum):
    """What kind of evidence opened an incident."""

    HARD_DOWN = "hard_down"  # failures in a row, confirmed
    ERROR_BURN = "error_burn"  # an error budget burns
    LATENCY_BURN = "latency_burn"  # a latency budget burns
    SLOW_BURN = "slow_burn"  # either burns slowly: a ticket
    CLAIM_DUE = "claim_due"  # a credit can be claimed, and the deadline comes nearer
    NO_DATA = "no_data"  # nothing usable comes from a vantage of ours
    DRILL = "drill"  # an exercise


# What is about the same thing, the graver first: a graver one covers and takes over the others.
GRAVITY = (Signal.HARD_DOWN, Signal.ERROR_BURN, Signal.LATENCY_BURN, Signal.SLOW_BURN)


class Level(StrEnum):
    """What a cause is about, widest first."""

    OBSERVER = "observer"
    PROVIDER = "provider"
    CLUSTER = "cluster"
    TARGET = "target"
    CONTRACT = "contract"  # beside the others: a month of a commitment to a unit


class IncidentState(StrEnum):
    """
    OPEN -> ACKED -> RECOVERING -> RESOLVED (-> OPEN again within the cool-down).

    CHILD hangs under a wider incident. Before an incident there is a watch that is *suspect*: it has failed, and is
    being asked again.
    """

    OPEN = "open"
    ACKED = "acked"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    CHILD = "child"  # superseded: its cause turned out to be a wider one


OVER = frozenset({IncidentState.RESOLVED, IncidentState.CHILD})  # nothing of its own goes on


class Change(StrEnum):
    """What a transition did; docs/paging.md says which ones page."""

    OPENED = "opened"
    PROMOTED = "promoted"  # same incident, wider cause
    ABSORBED = "absorbed"  # became the child of another incident
    RAISED = "raised"  # same incident, worse
    RECOVERING = "recovering"
    RELAPSED = "relapsed"  # failed again while recovering
    REOPENED = "reopened"  # failed again within the cool-down
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"  # somebody has it
    LAPSED = "lapsed"  # an acknowledgement is over, or was taken back
    ESCALATED = "escalated"  # nobody has it: more people are told
    SUPPRESSED = "suppressed"  # a silence or a maintenance window holds its pages
    RELEASED = "released"  # it holds them no more: how it stands now is said
    FLAPPING = "flapping"  # up and down too often: one page, then quiet
    STABLE = "stable"  # no longer: how it stands now is said
    BLIND = "blind"  # no fresh evidence; resolves nothing
    SEEING = "seeing"  # there is evidence again


@dataclass(frozen=True, slots=True)
class Scope:
    """What an incident is about: a level and an id (`acme`, `acme/us-east`, `acme/us-east/m`, a vantage)."""

    level: Level
    id: str

    def __str__(self) -> str:
        return f"{self.level}:{self.id}"


def incident_id(signal: Signal, scope: Scope, first_failed_at: datetime) -> str:
    """The id of an incident, derived from its signal, first scope and first evidence: 12 hex digits after `inc-`."""
    said = f"incident|{scope}|{first_failed_at.isoformat()}"
    if signal is not Signal.HARD_DOWN:
        said += f"|{signal}"
    derived: UUID = uuid5(NAMESPACE, said)
    return f"inc-{derived.hex[:12]}"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """
    Somebody has it, until *until*.

    *via* is how we were told: `cli`, `api`, `link`, `pagerduty`, `dashboard`, or `login` of who had logged in there.
    """

    by: str
    via: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What a page shows on one screen beside its summary.

    affected names what is down, at most twenty of *affected_n*, out of *watched_n* targets that are looked at there.
    certainty says how sure we are in words with numbers. observations are ids, bounded.
    """

    certainty: str = ""
    affected: tuple[str, ...] = ()
    affected_n: int = 0
    watched_n: int = 0
    last_good_at: datetime | None = None
    observations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """
    One cause. *failed_at* is the first failed evidence, *opened_at* when the judge decided.

    suppressed_by is the id of the silence or window that holds its pages, '' for none. escalated counts the steps of
    the ladder that were taken since *ladder_from*, when nobody had it any more.
    """

    id: str
    signal: Signal
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
    evidence: Evidence = Evidence()
    acknowledged: Acknowledged | None = None
    suppressed_by: str = ""
    flapping: bool = False
    blind: bool = False
    escalated: int = 0
    ladder_from: datetime | None = None  # since when nobody has it
    flips: tuple[datetime, ...] = ()  # when it opened, reopened, relapsed or recovered, within the flap window
    told: bool = False  # whether a page of it was ever made
    only: tuple[str, ...] = ()  # destinations that hear of it instead of the route's


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
    """
    A wish to notify: the outbox turns it into one delivery per destination of the route.

    only names destinations that are told instead of the route's (a drill). step counts the steps of its severity's
    ladder: those up to it are told as well.
    """

    incident: str
    seq: int
    change: Change
    signal: Signal
    severity: Severity
    provider: str
    scope: Scope
    state: IncidentState
    summary: str
    reason: str
    rule: str
    failed_at: datetime
    opened_at: datetime
    at: datetime
    resolved_at: datetime | None = None
    evidence: Evidence = Evidence()
    acknowledged_by: str = ""
    step: int = 0
    only: tuple[str, ...] = ()

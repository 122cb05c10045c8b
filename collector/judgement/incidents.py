"""
Incidents: `decide(state, inputs, now)` gives the state after, the transitions, and the pages, each with its why.

An incident is over when what ailed is proven well again: missing data resolves nothing. The first page waits up to
`coalesce` seconds for a wider cause; a wider or worse cause that comes later changes the incident in place (same id,
same key), and what it swallows closes its own page. What people said (acknowledgements, silences, maintenance windows)
is part of the state, so that it is decided on like everything else.

One decision: what people say (people.py), what is wrong and what is over (attendance.py), what is said of it when
(announcement.py); all of it is written into one book (incident_book.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.judgement.announcement import announce, next_due
from collector.judgement.attendance import Attendance
from collector.judgement.blind_spans import blind_now, seen_again
from collector.judgement.burn_rate import BurnReading
from collector.judgement.causes import Sight, asks, causes, kept_burning
from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hard_down import Watch, key_of, watched
from collector.judgement.hot_state import HotState
from collector.judgement.incident_book import IncidentBook
from collector.judgement.missing_data import AWAKE_GAP, awake_since, silence
from collector.judgement.people import answered
from collector.judgement.sla.claim_due import ClaimDue, kept_claims
from schemas.flat_observation import AnyObservation
from schemas.incident import Incident, PageIntent, Signal, Transition
from schemas.observation import Source
from schemas.paging import Paging
from schemas.probe_kinds import QUIET_KINDS
from schemas.response import Command, Said, said

LOOKED_STEP = AWAKE_GAP / 3  # how exactly it is kept when this judge looked last


@dataclass(frozen=True, slots=True)
class Inputs:
    """What there is to decide on: observations, burn rates and credits to claim as just read, what people said."""

    facts: Sequence[AnyObservation] = ()
    burns: Sequence[BurnReading] = ()
    commands: Sequence[Command] = ()
    claims: Sequence[ClaimDue] | None = None  # None: they were not read


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What follows. *incidents* are those that changed; *notes* say why nothing else did.

    said has one line for each command, in order: what was asked for, by whom, and why it was refused if it was. asks
    names (vantage, target, module) that should be looked at now. due is when a first page waits for that was not said
    yet, so that somebody decides again then.
    """

    state: HotState
    incidents: tuple[Incident, ...]
    transitions: tuple[Transition, ...]
    intents: tuple[PageIntent, ...]
    notes: tuple[str, ...]
    said: tuple[Said, ...] = ()
    asks: frozenset[tuple[str, str, str]] = frozenset()
    due: datetime | None = None


def decide(state: HotState, inputs: Inputs, now: datetime, paging: Paging, index: FleetIndex) -> Decision:
    """
    The decision at *now*; facts that were decided before are ignored, so a batch may come twice.

    Real traffic opens and closes nothing: what an application does with a provider is not our grid of probes.
    """
    watches, notes = _watched(state.watches, inputs.facts, paging, index, now)
    awake = awake_since(state.looked_at, state.awake_since, now)
    looked = state.looked_at
    quiet = silence(watches, index, paging.silence, awake, now)
    claims = state.claims if inputs.claims is None else kept_claims(state.claims, inputs.claims)
    sight = Sight(watches, quiet, kept_burning(state.burning, inputs.burns), claims, index, now)
    book = IncidentBook(state.incidents, state.suppressions, paging, now)
    lines = []
    for command in inputs.commands:
        refused, sight = answered(command, book, sight)
        lines.append(said(command, refused, now))
    found = causes(sight, paging)
    if over := blind_now(state.incidents.values()) - {one.scope.id for one in found if one.signal is Signal.HARD_DOWN}:
        sight = replace(sight, watches=seen_again(sight.watches, over, paging.hard_down.failures))
        found = causes(sight, paging)
    attendance = Attendance(book, sight)
    for cause in found:
        attendance.attend(cause)
    attendance.follow(found)
    announce(book, sight)
    after = HotState(
        watches=sight.watches,
        incidents=book.incidents,
        suppressions=book.suppressions,
        burning=sight.burning,
        claims=sight.claims,
        awake_since=awake,
        looked_at=looked if looked is not None and timedelta() <= now - looked < LOOKED_STEP else now,
    )
    return Decision(
        after,
        tuple(book.changed.values()),
        tuple(book.transitions),
        tuple(book.intents),
        notes,
        tuple(lines),
        asks(sight, paging.hard_down),
        next_due(book, sight),
    )


def _watched(
    before: Mapping[str, Watch], facts: Sequence[AnyObservation], paging: Paging, index: FleetIndex, now: datetime
) -> tuple[dict[str, Watch], tuple[str, ...]]:
    """The watches after *facts*, of what is still in the fleet; and which facts said nothing new."""
    watches = {key: watch for key, watch in before.items() if index.knows(watch.target, watch.module)}
    ours = (fact for fact in facts if fact.source is Source.ACTIVE and fact.kind not in QUIET_KINDS)
    known = (fact for fact in ours if index.knows(fact.target, fact.module))
    of_watch, late = dict[str, list[AnyObservation]](), list[AnyObservation]()
    for fact in sorted(known, key=_in_order):
        of_watch.setdefault(key_of(fact), []).append(fact)
    for key, several in of_watch.items():
        watches[key], old = watched(watches.get(key), several, paging.hard_down, now)
        late += old
    return watches, tuple(
        f"{fact.target} {fact.tick.isoformat()}/{fact.attempt}: decided before, or late"
        for fact in sorted(late, key=_in_order)
    )


def _in_order(fact: AnyObservation) -> tuple[datetime, int, str]:
    return fact.tick, fact.attempt, fact.target

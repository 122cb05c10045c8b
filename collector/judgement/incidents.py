"""
Incidents: `decide(state, facts, now)` gives the state after, the transitions, and the pages to send, each with its why.

An incident is over when no target of its scope is down any more, which takes good ticks: missing data resolves nothing.
The first page of an incident waits up to `coalesce` seconds for a wider cause; a wider cause that comes later promotes
the incident in place (same id, same key), and what it swallows closes its own page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.judgement.causes import SEVERITY, Cause, causes
from collector.judgement.hard_down import Watch, key_of, watched
from collector.judgement.hot_state import FleetIndex, HotState
from schemas.incident import (
    Change,
    Evidence,
    Incident,
    IncidentState,
    Level,
    PageIntent,
    Scope,
    Signal,
    Transition,
    incident_id,
)
from schemas.observation import Observation, Source
from schemas.paging import HardDownRule

OVER = {IncidentState.RESOLVED, IncidentState.CHILD}


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the facts. *incidents* are those that changed; *notes* say why nothing else did."""

    state: HotState
    incidents: tuple[Incident, ...]
    transitions: tuple[Transition, ...]
    intents: tuple[PageIntent, ...]
    notes: tuple[str, ...]


def decide(
    state: HotState, facts: Sequence[Observation], now: datetime, rule: HardDownRule, index: FleetIndex
) -> Decision:
    """
    The decision at *now*; facts that were decided before are ignored, so a batch may come twice.

    Real traffic opens and closes nothing: what an application does with a provider is not our grid of probes.
    """
    watches, notes = dict(state.watches), []
    ours = (fact for fact in facts if fact.source is Source.ACTIVE)
    for fact in sorted(ours, key=lambda fact: (fact.tick, fact.attempt, fact.target)):
        after = watched(watches.get(key_of(fact)), fact, rule)
        if after is None:
            notes.append(f"{fact.target} {fact.tick.isoformat()}/{fact.attempt}: decided before, or late")
        else:
            watches[key_of(fact)] = after
    round_ = _Round(state, watches, now, rule)
    for cause in causes(watches, index, rule, now):
        round_.attend(cause)
    round_.close_what_is_over()
    round_.page_what_has_waited()
    return round_.decision(tuple(notes))


class _Round:
    """One decision being made: incidents change, and every change leaves its transition."""

    def __init__(self, state: HotState, watches: dict[str, Watch], now: datetime, rule: HardDownRule) -> None:
        self._watches, self._now, self._rule = watches, now, rule
        self._incidents = dict(state.incidents)
        self._unpaged = dict(state.unpaged)
        self._changed: dict[str, Incident] = {}
        self._transitions: list[Transition] = []
        self._intents: list[PageIntent] = []

    def attend(self, cause: Cause) -> None:
        """Open, promote or reopen the incident of *cause*; nothing when one is open that covers it."""
        if self._open_covering(cause.scope, cause.provider):
            return
        narrower = self._open_inside(cause.scope, cause.provider)
        if narrower and cause.scope.level is not Level.OBSERVER:
            first, *others = narrower
            self._promote(first, cause)
            self._absorb(others, first.id)
            return
        lately = self._resolved_lately(cause.scope)
        opened = self._reopen(lately, cause) if lately else self._open(cause)
        self._absorb(narrower, opened.id)

    def close_what_is_over(self) -> None:
        """Resolve what has no target down any more, follow recoveries, forget what is over for long."""
        for incident in list(self._incidents.values()):
            if incident.state is IncidentState.RESOLVED:
                if self._forgotten(incident):
                    del self._incidents[incident.id]
            elif not (down := self._down_inside(incident)):
                self._resolve(incident)
            elif incident.state is not IncidentState.CHILD:
                self._follow(incident, all(watch.good > 0 for watch in down))

    def page_what_has_waited(self) -> None:
        """Send the first page of what has waited for a wider cause long enough."""
        for id, since in list(self._unpaged.items()):
            if self._now - since >= timedelta(seconds=self._rule.coalesce):
                self._page(self._incidents[id], Change.OPENED)

    def decision(self, notes: tuple[str, ...]) -> Decision:
        """What became of it."""
        return Decision(
            HotState(watches=self._watches, incidents=self._incidents, unpaged=self._unpaged),
            tuple(self._changed.values()),
            tuple(self._transitions),
            tuple(self._intents),
            notes,
        )

    @property
    def _cooldown(self) -> timedelta:
        return timedelta(seconds=self._rule.cooldown)

    def _forgotten(self, incident: Incident) -> bool:
        return incident.resolved_at is not None and incident.resolved_at + self._cooldown < self._now

    def _open_covering(self, scope: Scope, provider: str) -> bool:
        return any(
            incident.state not in OVER and _covers(incident.scope, incident.provider, scope, provider)
            for incident in self._incidents.values()
        )

    def _open_inside(self, scope: Scope, provider: str) -> list[Incident]:
        inside = [
            incident
            for incident in self._incidents.values()
            if incident.state not in OVER and _covers(scope, provider, incident.scope, incident.provider)
        ]
        return sorted(inside, key=lambda incident: (incident.failed_at, incident.id))

    def _resolved_lately(self, scope: Scope) -> Incident | None:
        lately = [
            incident
            for incident in self._incidents.values()
            if incident.state is IncidentState.RESOLVED
            and incident.scope == scope
            and incident.parent is None
            and not self._forgotten(incident)
        ]
        return max(lately, key=lambda incident: incident.failed_at, default=None)

    def _down_inside(self, incident: Incident) -> list[Watch]:
        return [watch for watch in self._watches.values() if watch.down and _inside(watch, incident.scope)]

    def _open(self, cause: Cause) -> Incident:
        incident = Incident(
            id=incident_id(Signal.HARD_DOWN, cause.scope, cause.failed_at),
            signal=Signal.HARD_DOWN,
            scope=cause.scope,
            provider=cause.provider,
            severity=SEVERITY[cause.scope.level],
            state=IncidentState.OPEN,
            reason=cause.reason,
            rule=cause.rule,
            failed_at=cause.failed_at,
            opened_at=self._now,
            updated_at=self._now,
            evidence=Evidence(observations=cause.evidence),
        )
        self._unpaged[incident.id] = self._now
        return self._record(incident, Change.OPENED, cause.rule)

    def _promote(self, incident: Incident, cause: Cause) -> None:
        severity = SEVERITY[cause.scope.level]
        wider = replace(
            incident,
            scope=cause.scope,
            severity=severity,
            reason=cause.reason,
            rule=cause.rule,
            evidence=Evidence(observations=cause.evidence),
        )
        promoted = self._record(replace(wider, state=IncidentState.OPEN), Change.PROMOTED, cause.rule)
        self._page(promoted, Change.OPENED if promoted.id in self._unpaged else Change.PROMOTED)

    def _absorb(self, incidents: list[Incident], parent: str) -> None:
        for incident in incidents:
            if incident.id == parent:
                continue
            paged = incident.id not in self._unpaged
            self._unpaged.pop(incident.id, None)
            child = self._record(
                replace(incident, state=IncidentState.CHILD, parent=parent), Change.ABSORBED, f"part of {parent}"
            )
            if paged:
                self._page(child, Change.ABSORBED)

    def _reopen(self, incident: Incident, cause: Cause) -> Incident:
        again = replace(
            incident, state=IncidentState.OPEN, reason=cause.reason, rule=cause.rule, resolved_at=None,
            reopen_count=incident.reopen_count + 1, evidence=Evidence(observations=cause.evidence),
        )  # fmt: skip
        reopened = self._record(again, Change.REOPENED, f"failed again within {self._rule.cooldown:g} s: {cause.rule}")
        self._page(reopened, Change.REOPENED)
        return reopened

    def _follow(self, incident: Incident, all_good: bool) -> None:
        if all_good and incident.state is IncidentState.OPEN:
            self._record(
                replace(incident, state=IncidentState.RECOVERING), Change.RECOVERING, "every target answers again"
            )
        elif not all_good and incident.state is IncidentState.RECOVERING:
            self._record(replace(incident, state=IncidentState.OPEN), Change.RELAPSED, "failed again while recovering")

    def _resolve(self, incident: Incident) -> None:
        was_child = incident.state is IncidentState.CHILD
        why = f"{self._rule.successes} good ticks in a row on every target that was down"
        if incident.id in self._unpaged:
            self._page(incident, Change.OPENED)  # over before it was said: say both
        over = replace(incident, state=IncidentState.RESOLVED, resolved_at=self._now)
        resolved = self._record(over, Change.RESOLVED, why)
        if not was_child:
            self._page(resolved, Change.RESOLVED)

    def _record(self, incident: Incident, change: Change, cause: str) -> Incident:
        seq = incident.seq + 1
        recorded = replace(incident, seq=seq, updated_at=self._now)
        self._incidents[recorded.id] = recorded
        self._changed[recorded.id] = recorded
        self._transitions.append(
            Transition(
                incident=recorded.id,
                seq=seq,
                change=change,
                state=recorded.state,
                severity=recorded.severity,
                scope=recorded.scope,
                cause=cause,
                at=self._now,
            )
        )
        return recorded

    def _page(self, incident: Incident, change: Change) -> None:
        self._unpaged.pop(incident.id, None)
        self._intents.append(
            PageIntent(
                incident=incident.id,
                seq=incident.seq,
                change=change,
                signal=incident.signal,
                severity=incident.severity,
                provider=incident.provider,
                scope=incident.scope,
                state=incident.state,
                summary=_summary(incident, change),
                reason=incident.reason,
                rule=incident.rule,
                failed_at=incident.failed_at,
                opened_at=incident.opened_at,
                resolved_at=incident.resolved_at,
                evidence=incident.evidence,
                at=self._now,
            )
        )


def _covers(wide: Scope, wide_provider: str, scope: Scope, provider: str) -> bool:
    """Whether an incident about *wide* is also about *scope*."""
    if wide == scope or wide.level is Level.OBSERVER:
        return True
    if wide.level is Level.PROVIDER:
        return scope.level in {Level.CLUSTER, Level.TARGET} and wide_provider == provider
    return wide.level is Level.CLUSTER and scope.level is Level.TARGET and scope.id.startswith(f"{wide.id}/")


def _inside(watch: Watch, scope: Scope) -> bool:
    match scope.level:
        case Level.OBSERVER:
            return watch.vantage == scope.id
        case Level.PROVIDER:
            return watch.provider == scope.id
        case Level.CLUSTER:
            return watch.cluster == scope.id
        case Level.TARGET:
            return watch.target == scope.id


_SAID = {
    Change.OPENED: "is down",
    Change.PROMOTED: "is down",
    Change.REOPENED: "is down again",
    Change.RESOLVED: "is up again",
    Change.ABSORBED: "is part of a wider incident",
}


def _summary(incident: Incident, change: Change) -> str:
    if incident.scope.level is Level.OBSERVER:
        return f"{incident.severity} vantage {incident.scope.id} cannot see the providers: {incident.rule}"
    what = f"{incident.scope.level} {incident.scope.id} {_SAID[change]}"
    return f"{incident.severity} {what} ({incident.reason}): {incident.rule}"

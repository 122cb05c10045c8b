"""
Incidents: `decide(state, inputs, now)` gives the state after, the transitions, and the pages, each with its why.

An incident is over when what ailed is proven well again: missing data resolves nothing. The first page waits up to
`coalesce` seconds for a wider cause; a wider or worse cause that comes later changes the incident in place (same id,
same key), and what it swallows closes its own page. What people said (acknowledgements, silences, maintenance windows)
is part of the state, so that it is decided on like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.judgement.burn_rate import BurnReading
from collector.judgement.causes import Cause, Sight, asks, burn_signal, causes, kept_burning
from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hard_down import Watch, key_of, watched
from collector.judgement.hot_state import HotState
from collector.judgement.incident_words import ended_words, summary
from collector.judgement.missing_data import AWAKE_GAP, awake_since, silence
from schemas.incident import (
    GRAVITY,
    Acknowledged,
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
from schemas.page import CLOSING
from schemas.paging import Paging
from schemas.probe_kinds import INTEGRITY_KINDS
from schemas.response import (
    Acknowledge,
    Close,
    Command,
    Exercise,
    Suppress,
    Suppression,
    Unacknowledge,
    Unsuppress,
    drill_id,
)

OVER = frozenset({IncidentState.RESOLVED, IncidentState.CHILD})
FLIPS = frozenset({Change.OPENED, Change.REOPENED, Change.RELAPSED, Change.RECOVERING, Change.RESOLVED})
REMEMBERED = timedelta(hours=6)  # a burn rate's windows still hold the outage for so long
DRILL_LASTS = timedelta(seconds=5)
LOOKED_STEP = AWAKE_GAP / 3  # how exactly it is kept when this judge looked last


@dataclass(frozen=True, slots=True)
class Inputs:
    """What there is to decide on: observations, burn rates as they were just read, and what people said."""

    facts: Sequence[Observation] = ()
    burns: Sequence[BurnReading] = ()
    commands: Sequence[Command] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What follows. *incidents* are those that changed; *notes* say why nothing else did.

    answers has one text for each command: '' when it was done, else why it was not. asks names (vantage, target,
    module) that should be looked at now.
    """

    state: HotState
    incidents: tuple[Incident, ...]
    transitions: tuple[Transition, ...]
    intents: tuple[PageIntent, ...]
    notes: tuple[str, ...]
    answers: tuple[str, ...] = ()
    asks: frozenset[tuple[str, str, str]] = frozenset()


def decide(state: HotState, inputs: Inputs, now: datetime, paging: Paging, index: FleetIndex) -> Decision:
    """
    The decision at *now*; facts that were decided before are ignored, so a batch may come twice.

    Real traffic opens and closes nothing: what an application does with a provider is not our grid of probes.
    """
    watches, notes = _watched(state.watches, inputs.facts, paging, index, now)
    awake = awake_since(state.looked_at, state.awake_since, now)
    looked = state.looked_at
    quiet = silence(watches, index, paging.silence, awake, now)
    sight = Sight(watches, quiet, kept_burning(state.burning, inputs.burns), index, now)
    round_ = _Round(state, sight, paging)
    answers = tuple(round_.answer(command) for command in inputs.commands)
    sight = round_.sight  # without what a human closed
    found = causes(sight, paging)
    for cause in found:
        round_.attend(cause)
    round_.follow(found)
    round_.announce()
    after = HotState(
        watches=sight.watches,
        incidents=round_.incidents,
        suppressions=round_.suppressions,
        burning=sight.burning,
        awake_since=awake,
        looked_at=looked if looked is not None and timedelta() <= now - looked < LOOKED_STEP else now,
    )
    return Decision(
        after,
        tuple(round_.changed.values()),
        tuple(round_.transitions),
        tuple(round_.intents),
        notes,
        answers,
        asks(sight, paging.hard_down),
    )


def _watched(
    before: Mapping[str, Watch], facts: Sequence[Observation], paging: Paging, index: FleetIndex, now: datetime
) -> tuple[dict[str, Watch], tuple[str, ...]]:
    """The watches after *facts*, of what is still in the fleet; and which facts said nothing new."""
    watches = {key: watch for key, watch in before.items() if index.knows(watch.target, watch.module)}
    notes = []
    ours = (fact for fact in facts if fact.source is Source.ACTIVE and fact.kind not in INTEGRITY_KINDS)
    known = (fact for fact in ours if index.knows(fact.target, fact.module))
    for fact in sorted(known, key=lambda fact: (fact.tick, fact.attempt, fact.target)):
        after = watched(watches.get(key_of(fact)), fact, paging.hard_down, now)
        if after is None:
            notes.append(f"{fact.target} {fact.tick.isoformat()}/{fact.attempt}: decided before, or late")
        else:
            watches[key_of(fact)] = after
    return watches, tuple(notes)


class _Round:
    """One decision being made: incidents change, and every change leaves its transition."""

    def __init__(self, state: HotState, sight: Sight, paging: Paging) -> None:
        self.sight, self._paging, self._now = sight, paging, sight.now
        self.suppressions = {id: one for id, one in state.suppressions.items() if one.expires > sight.now}
        self.incidents: dict[str, Incident] = dict(state.incidents)
        self.changed: dict[str, Incident] = {}
        self.transitions: list[Transition] = []
        self.intents: list[PageIntent] = []

    # what people say

    def answer(self, command: Command) -> str:
        """Do what somebody asks; '' when it is done, else why it is not."""
        match command:
            case Suppress():
                self.suppressions[command.suppression.id] = command.suppression
                return ""
            case Unsuppress():
                known = self.suppressions.pop(command.suppression, None)
                return "" if known else f"no silence or maintenance window has the id {command.suppression!r}"
            case Exercise():
                return self._exercise(command)
        incident = self.incidents.get(command.incident)
        if incident is None or incident.state in OVER:
            return f"no open incident has the id {command.incident!r}" + (
                f"; it is part of {incident.parent}" if incident and incident.state is IncidentState.CHILD else ""
            )
        match command:
            case Acknowledge():
                self._acknowledge(incident, command)
            case Unacknowledge():
                if incident.acknowledged is None:
                    return f"{incident.id} is acknowledged by nobody"
                self._lapse(incident, f"taken back by {command.by} ({command.via})")
            case Close():
                self._close(incident, command)
        return ""

    def _acknowledge(self, incident: Incident, command: Acknowledge) -> None:
        until = self._now + timedelta(seconds=self._paging.acknowledgement.lasts)
        said = Acknowledged(command.by, command.via, self._now, until)
        state = IncidentState.ACKED if incident.state is IncidentState.OPEN else incident.state
        acked = self._record(
            replace(incident, acknowledged=said, state=state, escalated=0),
            Change.ACKNOWLEDGED,
            f"by {command.by} ({command.via}), until {until:%H:%M:%S} UTC",
        )
        self._page(acked, Change.ACKNOWLEDGED)

    def _lapse(self, incident: Incident, why: str) -> None:
        state = IncidentState.OPEN if incident.state is IncidentState.ACKED else incident.state
        free = replace(incident, acknowledged=None, state=state, ladder_from=self._now, escalated=0)
        self._record(free, Change.LAPSED, why)

    def _close(self, incident: Incident, command: Close) -> None:
        """Over because a human says so; what ailed is forgotten, so that only new evidence opens it again."""
        self.sight = replace(
            self.sight,
            watches={key: watch for key, watch in self.sight.watches.items() if not self._holds(incident, key, watch)},
            burning={key: one for key, one in self.sight.burning.items() if not _burns(incident, one)},
        )
        self._resolve(incident, f"closed by {command.by} ({command.via}): {command.why}")

    def _holds(self, incident: Incident, key: str, watch: Watch) -> bool:
        return (watch.down or key in self.sight.silence.stale) and _within(watch, incident.scope)

    def _exercise(self, command: Exercise) -> str:
        id = drill_id(command)
        if id in self.incidents:
            return ""
        incident = Incident(
            id=id, signal=Signal.DRILL, scope=Scope(Level.OBSERVER, "drill"), provider="",
            severity=self._paging.severities.provider_down, state=IncidentState.OPEN, reason="drill",
            rule=f"asked for by {command.by} ({command.via})", failed_at=self._now, opened_at=self._now,
            updated_at=self._now, only=command.destinations,
            evidence=Evidence(certainty="an exercise: nothing is broken"),
        )  # fmt: skip
        self._page(self._record(incident, Change.OPENED, incident.rule), Change.OPENED)
        return ""

    # what is wrong

    def attend(self, cause: Cause) -> None:
        """Open, widen, worsen or reopen the incident of *cause*; nothing when one is open that covers it."""
        if same := self._open_about(cause):
            self._worsen(same, cause)
            return
        if self._covered(cause):
            return
        narrower = self._open_inside(cause)
        if narrower and cause.scope.level is not Level.OBSERVER:
            first, *others = narrower
            self._promote(first, cause)
            self._absorb(others, first.id)
            return
        lately = self._again(cause)
        opened = self._reopen(lately, cause) if lately else self._open(cause)
        self._absorb(narrower, opened.id)

    def _open_about(self, cause: Cause) -> Incident | None:
        return next(
            (
                incident
                for incident in self._live()
                if incident.scope == cause.scope
                and (incident.signal is cause.signal or cause.scope.level is Level.OBSERVER)
                and incident.signal is not Signal.DRILL
            ),
            None,
        )

    def _covered(self, cause: Cause) -> bool:
        """Whether an open incident is about this too; a burn rate also by an outage that its windows still hold."""
        burns = cause.signal in GRAVITY[1:]
        for incident in self.incidents.values():
            wider = _contains(incident.scope, incident.provider, cause.scope, cause.provider)
            if not wider or incident.scope.level is Level.OBSERVER:  # what its vantage saw makes no causes
                continue
            if incident.state not in OVER and _as_grave(incident.signal, cause.signal):
                return True
            ended_at = incident.resolved_at if burns and incident.signal is Signal.HARD_DOWN else None
            if ended_at and self._now - ended_at < cause.echo:
                return True
        return False

    def _open_inside(self, cause: Cause) -> list[Incident]:
        inside = [
            incident
            for incident in self._live()
            if _as_grave(cause.signal, incident.signal)
            and _contains(cause.scope, cause.provider, incident.scope, incident.provider)
            and (cause.scope.level is not Level.OBSERVER or self._seen_only_from(cause.scope.id, incident))
        ]
        return sorted(inside, key=lambda incident: (incident.failed_at, incident.id))

    def _seen_only_from(self, vantage: str, incident: Incident) -> bool:
        watches = self.sight.watches.values()
        return all(watch.vantage == vantage for watch in watches if watch.down and _within(watch, incident.scope))

    def _again(self, cause: Cause) -> Incident | None:
        """What was over within the cool-down, or hung under a wider incident that is over itself."""
        cooldown = timedelta(seconds=self._paging.hard_down.cooldown)
        lately = [
            incident
            for incident in self.incidents.values()
            if incident.signal is cause.signal
            and incident.scope == cause.scope
            and (
                incident.state is IncidentState.CHILD
                or (incident.resolved_at is not None and self._now - incident.resolved_at <= cooldown)
            )
        ]
        same = self.incidents.get(incident_id(cause.signal, cause.scope, cause.failed_at))
        return max(lately, key=lambda incident: incident.updated_at, default=same)

    def _open(self, cause: Cause) -> Incident:
        incident = Incident(
            id=incident_id(cause.signal, cause.scope, cause.failed_at),
            signal=cause.signal,
            scope=cause.scope,
            provider=cause.provider,
            severity=cause.severity,
            state=IncidentState.OPEN,
            reason=cause.reason,
            rule=cause.rule,
            failed_at=cause.failed_at,
            opened_at=self._now,
            updated_at=self._now,
            evidence=cause.evidence,
        )
        return self._record(incident, Change.OPENED, cause.rule)

    def _worsen(self, incident: Incident, cause: Cause) -> None:
        """Keep its words and numbers as they are now; when it has become worse, that is a change."""
        fresh = replace(incident, rule=cause.rule, reason=cause.reason, evidence=cause.evidence)
        if cause.severity < incident.severity:
            worse = _unheld(replace(fresh, severity=cause.severity), self._now)
            raised = self._record(worse, Change.RAISED, cause.rule)
            if raised.told:
                self._page(raised, Change.RAISED)
        elif fresh != incident:
            self.incidents[incident.id] = fresh

    def _promote(self, incident: Incident, cause: Cause) -> None:
        worse = min(incident.severity, cause.severity)
        wider = replace(
            incident, signal=cause.signal, scope=cause.scope, severity=worse, reason=cause.reason, rule=cause.rule,
            evidence=cause.evidence, blind=False,
        )  # fmt: skip
        if worse < incident.severity:
            wider = _unheld(wider, self._now)
        state = IncidentState.ACKED if wider.acknowledged else IncidentState.OPEN
        promoted = self._record(replace(wider, state=state), Change.PROMOTED, cause.rule)
        self._page(promoted, Change.PROMOTED if promoted.told else Change.OPENED)

    def _absorb(self, incidents: list[Incident], parent: str) -> None:
        for incident in incidents:
            if incident.id != parent:
                under = replace(incident, state=IncidentState.CHILD, parent=parent, acknowledged=None)
                self._page(self._record(under, Change.ABSORBED, f"part of {parent}"), Change.ABSORBED)

    def _reopen(self, incident: Incident, cause: Cause) -> Incident:
        why = (
            f"{incident.parent} is over, this is not"
            if incident.state is IncidentState.CHILD
            else f"failed again within {self._paging.hard_down.cooldown:g} s"
        )
        again = replace(
            incident, state=IncidentState.OPEN, severity=cause.severity, reason=cause.reason, rule=cause.rule,
            resolved_at=None, parent=None, reopen_count=incident.reopen_count + 1, evidence=cause.evidence,
            acknowledged=None, ladder_from=self._now, escalated=0, blind=False,
            suppressed_by=holder.id if (holder := self._holder(cause.scope)) else "",
        )  # fmt: skip
        reopened = self._record(again, Change.REOPENED, f"{why}: {cause.rule}")
        self._page(reopened, Change.REOPENED if reopened.told else Change.OPENED)
        return reopened

    # what is over, or on its way

    def follow(self, found: Sequence[Cause]) -> None:
        """Resolve what is proven well, follow recoveries, note where nothing is seen, forget what is over for long."""
        for incident in list(self.incidents.values()):
            if incident.state is IncidentState.RESOLVED:
                if incident.resolved_at and self._now - incident.resolved_at > max(
                    REMEMBERED, timedelta(seconds=self._paging.hard_down.cooldown)
                ):
                    del self.incidents[incident.id]
                continue
            ailing, unseen, recovering = self._condition(incident, found)
            if not ailing:
                self._over(incident)
            elif incident.state is not IncidentState.CHILD:
                self._note(incident, unseen=unseen, recovering=recovering)

    def _condition(self, incident: Incident, found: Sequence[Cause]) -> tuple[bool, bool, bool]:
        """Whether it goes on; whether nothing fresh is known of it; whether all of it is on its way up."""
        if incident.signal is Signal.DRILL:
            return self._now - incident.opened_at < DRILL_LASTS, False, False
        if incident.signal is Signal.NO_DATA:
            stale = (self.sight.watches[key] for key in self.sight.silence.stale)
            return any(watch.vantage == incident.scope.id for watch in stale), False, False
        if incident.scope.level is Level.OBSERVER:
            return any(cause.scope == incident.scope for cause in found), False, False
        if incident.signal is Signal.HARD_DOWN:
            down = {key: w for key, w in self.sight.watches.items() if w.down and _within(w, incident.scope)}
            return bool(down), down.keys() <= self.sight.silence.stale, all(watch.good > 0 for watch in down.values())
        burning = [one for one in self.sight.burning.values() if _burns(incident, one)]
        unknown = all(one.verdict == "unknown" for one in burning)
        return bool(burning), unknown, all(one.verdict == "holding" for one in burning)

    def _over(self, incident: Incident) -> None:
        if incident.flapping and incident.flips and self._now - incident.flips[-1] < self._calm:
            if incident.state is not IncidentState.RECOVERING:
                self._record(
                    replace(incident, state=IncidentState.RECOVERING),
                    Change.RECOVERING,
                    f"well again; over when nothing has changed for {self._paging.flapping.calm:g} s",
                )
            return
        gone = incident.signal is Signal.HARD_DOWN and not any(
            _within(watch, incident.scope) for watch in self.sight.watches.values()
        )
        self._resolve(incident, ended_words(incident, self._paging, gone=gone))

    def _note(self, incident: Incident, *, unseen: bool, recovering: bool) -> None:
        if unseen != incident.blind:
            change = Change.BLIND if unseen else Change.SEEING
            why = "no fresh evidence: it stays as it is" if unseen else "there is evidence again"
            incident = self._record(replace(incident, blind=unseen), change, why)
        if recovering and not unseen and incident.state in {IncidentState.OPEN, IncidentState.ACKED}:
            self._record(
                replace(incident, state=IncidentState.RECOVERING), Change.RECOVERING, "everything answers again"
            )
        elif not recovering and not unseen and incident.state is IncidentState.RECOVERING:
            state = IncidentState.ACKED if incident.acknowledged else IncidentState.OPEN
            self._record(replace(incident, state=state), Change.RELAPSED, "failed again while recovering")

    def _resolve(self, incident: Incident, why: str) -> None:
        was_child = incident.state is IncidentState.CHILD
        if not was_child and not incident.told:
            incident = self._page(incident, Change.OPENED)  # over before it was said: say both
        over = replace(
            incident, state=IncidentState.RESOLVED, resolved_at=self._now, flapping=False, blind=False,
            suppressed_by="", acknowledged=None,
        )  # fmt: skip
        resolved = self._record(over, Change.RESOLVED, why)
        if not was_child:
            self._page(resolved, Change.RESOLVED)

    # what is said

    def announce(self) -> None:
        """Hold and release what is suppressed, calm what flaps, lapse and escalate, and send first pages."""
        for id in list(self.incidents):
            if self.incidents[id].state in OVER:
                continue
            for step in (self._hold, self._settle, self._expire, self._first_page, self._escalate):
                step(self.incidents[id])

    def _hold(self, incident: Incident) -> None:
        holder = self._holder(incident.scope)
        if holder and not incident.suppressed_by and incident.signal is not Signal.DRILL:
            why = f"{holder.kind} {holder.id} of {holder.owner}: {holder.why}"
            self._record(replace(incident, suppressed_by=holder.id), Change.SUPPRESSED, why)
        elif not holder and incident.suppressed_by:
            free = replace(incident, suppressed_by="", ladder_from=self._now, escalated=0)
            released = self._record(free, Change.RELEASED, f"{incident.suppressed_by} is over, this is not")
            self._page(released, Change.RELEASED)

    def _holder(self, scope: Scope) -> Suppression | None:
        held = (one for _, one in sorted(self.suppressions.items()) if one.active(self._now) and one.covers(scope))
        return next(held, None)

    def _settle(self, incident: Incident) -> None:
        if incident.flapping and incident.flips and self._now - incident.flips[-1] >= self._calm:
            why = f"nothing has changed for {self._paging.flapping.calm:g} s; it is {incident.state}"
            self._page(self._record(replace(incident, flapping=False, flips=()), Change.STABLE, why), Change.STABLE)

    def _expire(self, incident: Incident) -> None:
        if incident.acknowledged and self._now >= incident.acknowledged.until:
            self._lapse(incident, f"{self._paging.acknowledgement.lasts:g} s after {incident.acknowledged.by} had it")

    def _first_page(self, incident: Incident) -> None:
        if not incident.told and self._now >= self._due(incident):
            self._page(incident, Change.OPENED)

    def _due(self, incident: Incident) -> datetime:
        """
        When the first page goes out, unless a wider cause comes before.

        A `coalesce` after the first failure, of which the re-probes have used up most, and a quarter of it after the
        decision. A blind spot waits for one interval more: it may be the beginning of a vantage that sees nothing.
        """
        coalesce = timedelta(seconds=self._paging.hard_down.coalesce)
        due = max(incident.failed_at + coalesce, incident.opened_at + coalesce / 4)
        if incident.signal is Signal.NO_DATA and incident.severity != self._paging.severities.no_data:
            return max(due, incident.opened_at + self.sight.longest_interval(incident.scope.id))
        return due

    def _escalate(self, incident: Incident) -> None:
        steps = [step for step in self._paging.escalation if incident.severity in step.severities]
        if (
            incident.state is not IncidentState.OPEN
            or incident.ladder_from is None
            or incident.suppressed_by
            or incident.signal is Signal.DRILL
            or incident.escalated >= len(steps)
        ):
            return
        step = steps[incident.escalated]
        if self._now - incident.ladder_from >= timedelta(seconds=step.after):
            why = f"nobody has it {step.after:g} s after it was said: {', '.join(step.to)}"
            up = self._record(replace(incident, escalated=incident.escalated + 1), Change.ESCALATED, why)
            self._page(up, Change.ESCALATED, only=step.to)

    # how it is written down

    @property
    def _calm(self) -> timedelta:
        return timedelta(seconds=self._paging.flapping.calm)

    def _live(self) -> list[Incident]:
        return [incident for incident in self.incidents.values() if incident.state not in OVER]

    def _record(self, incident: Incident, change: Change, cause: str) -> Incident:
        recorded = replace(incident, seq=incident.seq + 1, updated_at=self._now)
        if change in FLIPS and incident.signal is not Signal.DRILL:
            window = timedelta(seconds=self._paging.flapping.window)
            recorded = replace(recorded, flips=(*(at for at in incident.flips if self._now - at <= window), self._now))
        self.incidents[recorded.id] = recorded
        self.changed[recorded.id] = recorded
        self.transitions.append(
            Transition(
                incident=recorded.id,
                seq=recorded.seq,
                change=change,
                state=recorded.state,
                severity=recorded.severity,
                scope=recorded.scope,
                cause=cause,
                at=self._now,
            )
        )
        many = len(recorded.flips) > self._paging.flapping.changes
        if many and not recorded.flapping and recorded.state not in OVER:
            said = f"{len(recorded.flips)} changes within {self._paging.flapping.window:g} s"
            return self._record(replace(recorded, flapping=True), Change.FLAPPING, said)
        return recorded

    def _page(self, incident: Incident, change: Change, only: tuple[str, ...] = ()) -> Incident:
        """Say *change*, unless it is held back: by a silence, by flapping, or because its opening never was said."""
        if change in CLOSING and not incident.told:
            return incident
        if incident.suppressed_by and change not in CLOSING:
            return incident
        if incident.flapping and incident.told and change in {Change.REOPENED, Change.PROMOTED}:
            return incident
        self.intents.append(
            PageIntent(
                incident=incident.id,
                seq=incident.seq,
                change=change,
                signal=incident.signal,
                severity=incident.severity,
                provider=incident.provider,
                scope=incident.scope,
                state=incident.state,
                summary=summary(incident, change),
                reason=incident.reason,
                rule=incident.rule,
                failed_at=incident.failed_at,
                opened_at=incident.opened_at,
                at=self._now,
                resolved_at=incident.resolved_at,
                evidence=incident.evidence,
                acknowledged_by=incident.acknowledged.by if incident.acknowledged else "",
                step=incident.escalated,
                only=only or incident.only,
            )
        )
        said = replace(incident, told=True, ladder_from=incident.ladder_from or self._now)
        self.incidents[incident.id] = self.changed[incident.id] = said
        return said


def _unheld(incident: Incident, now: datetime) -> Incident:
    """*incident*, worse than it was when somebody took it: nobody has it any more."""
    state = IncidentState.OPEN if incident.state is IncidentState.ACKED else incident.state
    return replace(incident, acknowledged=None, state=state, ladder_from=now, escalated=0)


def _contains(wide: Scope, wide_provider: str, scope: Scope, provider: str) -> bool:
    """Whether what is inside *scope* is inside *wide*; a vantage may see everything."""
    if wide == scope:
        return True
    if wide.level is Level.OBSERVER:
        return scope.level is not Level.OBSERVER
    if wide.level is Level.PROVIDER:
        return scope.level in {Level.CLUSTER, Level.TARGET} and wide_provider == provider
    return wide.level is Level.CLUSTER and scope.level is Level.TARGET and scope.id.startswith(f"{wide.id}/")


def _within(watch: Watch, scope: Scope) -> bool:
    match scope.level:
        case Level.OBSERVER:
            return watch.vantage == scope.id
        case Level.PROVIDER:
            return watch.provider == scope.id
        case Level.CLUSTER:
            return watch.cluster == scope.id
        case Level.TARGET:
            return watch.target == scope.id


def _as_grave(one: Signal, other: Signal) -> bool:
    """Whether both are about the same kind of thing, and *one* is at least as grave as *other*."""
    return one in GRAVITY and other in GRAVITY and GRAVITY.index(one) <= GRAVITY.index(other)


def _burns(incident: Incident, reading: BurnReading) -> bool:
    """Whether *reading* is what *incident* is about."""
    return burn_signal(reading) is incident.signal and _contains(
        incident.scope, incident.provider, reading.scope, reading.provider
    )

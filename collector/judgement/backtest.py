"""
A stored past, judged again: what a policy would have paged, and when.

The same pure code as live: `decide` for what is hard down, `readings` for budgets that burn. Observations count when
they were finished; budgets are read every STEP where something was bad, every minute where one may burn or did, and
tickets every five minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from collector.judgement.burn_past import Past, Track
from collector.judgement.burn_rate import SLOW, BurnReading, readings, stands
from collector.judgement.hot_state import FleetIndex, HotState
from collector.judgement.incidents import OVER, Decision, decide
from schemas.incident import Change, Level, Scope, Severity, Signal
from schemas.objectives import Alarm, Objective
from schemas.observation import Observation, Outcome
from schemas.paging import Paging, SeverityPolicy

STEP = timedelta(seconds=15)
SECOND = timedelta(seconds=1)
OPENING = {Change.OPENED, Change.PROMOTED, Change.RAISED, Change.REOPENED}
_STEPS_OF_A_MINUTE, _STEPS_OF_TICKETS = 4, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldPage:
    """One page that a policy would have sent: *failed_at* is the first evidence, *rule* the why with its numbers."""

    at: datetime
    change: Change
    severity: Severity
    signal: Signal
    scope: Scope
    provider: str
    reason: str
    rule: str
    failed_at: datetime
    objective: str = ""  # of a budget that burns


class Replay:
    """One policy over a past that is fed in the order of arrival."""

    def __init__(self, paging: Paging, objectives: Sequence[Objective], index: FleetIndex, start: datetime) -> None:
        self._paging, self._objectives, self._index = paging, tuple(objectives), index
        self._state, self._past = HotState(), Past(objectives)
        self._windows = {
            objective.name: tuple(sorted({w for pair in objective.burn.pairs for w in (pair.long, pair.short)}))
            for objective in objectives
        }
        self._standing: dict[tuple[str, str], set[str]] = {}  # of each track, its alarms that stand
        self._waiting: list[Observation] = []  # not finished by now
        self._now, self._steps = start, 0

    def feed(self, observations: Iterable[Observation], until: datetime) -> Iterator[WouldPage]:
        """The pages up to *until*, a whole number of steps after the start, as these *observations* arrive."""
        waiting = sorted([*self._waiting, *observations], key=lambda one: one.finished_at)
        taken = 0
        while self._now < until:
            end, first = self._now + STEP, taken
            while taken < len(waiting) and waiting[taken].finished_at < end:
                taken += 1
            facts = waiting[first:taken]
            yield from self._hard_down(facts, end)
            yield from self._burning(facts, end)
            self._now, self._steps = end, self._steps + 1
        self._waiting = waiting[taken:]

    def _hard_down(self, facts: list[Observation], end: datetime) -> Iterator[WouldPage]:
        """A calm step is one decision; one with a failure is decided second by second, as it would be live."""
        if not self._state.unpaged and all(one.outcome is not Outcome.FAILED for one in facts):
            yield from self._decided(facts, end)
            return
        for number in range(STEP // SECOND):
            now = self._now + (number + 1) * SECOND
            due = [one for one in facts if one.finished_at < now]
            facts = facts[len(due) :]
            if due or self._state.unpaged:
                yield from self._decided(due, now)
        if facts:
            yield from self._decided(facts, end)

    def _decided(self, facts: Sequence[Observation], now: datetime) -> Iterator[WouldPage]:
        made = judged(self._state, facts, now, self._paging, self._index)
        self._state = made.state
        for intent in made.intents:
            if intent.change in OPENING:
                yield WouldPage(
                    at=intent.at,
                    change=intent.change,
                    severity=intent.severity,
                    signal=intent.signal,
                    scope=intent.scope,
                    provider=intent.provider,
                    reason=intent.reason,
                    rule=intent.rule,
                    failed_at=intent.failed_at,
                )

    def _burning(self, facts: list[Observation], now: datetime) -> Iterator[WouldPage]:
        for reading in self._read(facts, now):
            if self._raised(reading):
                yield page_of(reading, self._paging.severities)

    def _read(self, facts: list[Observation], now: datetime) -> Iterator[BurnReading]:
        """What the budgets say now that have to be looked at."""
        worse = self._past.take(facts)
        minute = self._steps % _STEPS_OF_A_MINUTE == 0
        for key, track in self._past.tracks() if minute else ((key, self._past[key]) for key in sorted(worse)):
            if key in worse or self._due(key, track, now):
                tally = track.tally(now, self._windows[track.objective.name])
                yield from readings([tally], (track.objective,), now)

    def _due(self, key: tuple[str, str], track: Track, now: datetime) -> bool:
        if key in self._standing or track.may_fire(now, Alarm.PAGE):
            return True
        return self._steps % _STEPS_OF_TICKETS == 0 and track.may_fire(now, Alarm.TICKET)

    def _raised(self, reading: BurnReading) -> bool:
        """
        Whether *reading* raises an alarm that did not stand.

        Not of a target that an open incident is about, and no ticket of an objective whose page stands.
        """
        key = reading.objective.removesuffix(SLOW), reading.scope.id
        standing = self._standing.setdefault(key, set())
        stood = reading.objective in standing
        now_stands = stands(reading.verdict, stood)
        (standing.add if now_stands else standing.discard)(reading.objective)
        if not standing:
            del self._standing[key]
        paged = reading.objective.endswith(SLOW) and key[0] in standing
        return now_stands and not stood and not paged and not self._covered(reading)

    def _covered(self, reading: BurnReading) -> bool:
        about = {
            Scope(Level.PROVIDER, reading.provider),
            Scope(Level.CLUSTER, reading.cluster),
            reading.scope,
        }
        return any(
            incident.state not in OVER and (incident.scope in about or incident.scope.level is Level.OBSERVER)
            for incident in self._state.incidents.values()
        )


def judged(state: HotState, facts: Sequence[Observation], now: datetime, paging: Paging, index: FleetIndex) -> Decision:
    """The live decision on *facts* at *now*."""
    return decide(state, facts, now, paging.hard_down, index)


def page_of(reading: BurnReading, severities: SeverityPolicy) -> WouldPage:
    """The page of an alarm that *reading* raises."""
    severity = severities.latency_burn if reading.signal is Signal.LATENCY_BURN else severities.error_burn
    return WouldPage(
        at=reading.at,
        change=Change.OPENED,
        severity=severities.slow_burn if reading.objective.endswith(SLOW) else severity,
        signal=reading.signal,
        scope=reading.scope,
        provider=reading.provider,
        reason=reading.reason,
        rule=reading.rule,
        failed_at=reading.since,
        objective=reading.objective,
    )


def minutes_to_page(pages: Iterable[WouldPage], signal: Signal | None = None) -> float | None:
    """
    The median time from the first failure to the first page, in minutes; None without any.

    Of *signal*, or of all; tickets, whose failures lie days apart, are left out.
    """
    delays = [
        (page.at - page.failed_at) / timedelta(minutes=1)
        for page in pages
        if page.change is Change.OPENED and signal in {None, page.signal} and not page.objective.endswith(SLOW)
    ]
    return median(delays) if delays else None


def by_week(pages: Iterable[tuple[datetime, Severity]], start: datetime, end: datetime) -> list[dict[Severity, int]]:
    """How many pages of each severity came in each week of [start, end), the last one perhaps shorter."""
    weeks: list[dict[Severity, int]] = [{} for _ in range(-((start - end) // timedelta(days=7)))]
    for at, severity in pages:
        week = weeks[min(len(weeks) - 1, max(0, (at - start) // timedelta(days=7)))]
        week[severity] = week.get(severity, 0) + 1
    return weeks

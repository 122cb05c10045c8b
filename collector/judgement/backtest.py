"""
A stored past, judged again: what a policy would have paged, and when.

The same pure code as live: `readings` for budgets that burn, `decide` for everything. What is missing is not judged:
the store holds what came, not when somebody listened. Observations count when
they were finished; budgets are read every STEP where something was bad, every minute where one may burn or did, and
tickets every five minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from collector.judgement.blind_spans import blind_spans
from collector.judgement.burn_past import BurnReader
from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Inputs, decide
from schemas.incident import OVER, Change, Scope, Severity, Signal
from schemas.objectives import Objective
from schemas.observation import Observation, Outcome
from schemas.paging import Paging

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


class Replay:
    """One policy over a past that is fed in the order of arrival."""

    def __init__(self, paging: Paging, objectives: Sequence[Objective], index: FleetIndex, start: datetime) -> None:
        self._paging, self._index = paging, index
        self._state, self._burns = HotState(), BurnReader(objectives)
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
            yield from self._step(waiting[first:taken], end)
            self._now, self._steps = end, self._steps + 1
        self._waiting = waiting[taken:]

    def _step(self, facts: list[Observation], end: datetime) -> Iterator[WouldPage]:
        """A calm step is one decision; one with a failure is decided second by second, as it would be live."""
        burns = tuple(
            self._burns.read(
                facts, end, self._state.burning.values(), blind=blind_spans(self._state.incidents.values()),
                everywhere=self._steps % _STEPS_OF_A_MINUTE == 0, tickets=self._steps % _STEPS_OF_TICKETS == 0,
            )
        )  # fmt: skip
        if self._said_everything() and all(one.outcome is not Outcome.FAILED for one in facts):
            yield from self._decided(Inputs(facts, burns), end)
            return
        for number in range(STEP // SECOND):
            now = self._now + (number + 1) * SECOND
            due = [one for one in facts if one.finished_at < now]
            facts = facts[len(due) :]
            if due or not self._said_everything():
                yield from self._decided(Inputs(due), now)
        yield from self._decided(Inputs(facts, burns), end)

    def _said_everything(self) -> bool:
        """Whether no first page waits for a wider cause."""
        return all(one.told or one.state in OVER for one in self._state.incidents.values())

    def _decided(self, inputs: Inputs, now: datetime) -> Iterator[WouldPage]:
        made = decide(self._state, inputs, now, self._paging, self._index)
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


def minutes_to_page(pages: Iterable[WouldPage], signal: Signal | None = None) -> float | None:
    """
    The median time from the first failure to the first page, in minutes; None without any.

    Of *signal*, or of all; tickets, whose failures lie days apart, are left out.
    """
    delays = [
        (page.at - page.failed_at) / timedelta(minutes=1)
        for page in pages
        if page.change is Change.OPENED and signal in {None, page.signal} and page.signal is not Signal.SLOW_BURN
    ]
    return median(delays) if delays else None


def by_week(pages: Iterable[tuple[datetime, Severity]], start: datetime, end: datetime) -> list[dict[Severity, int]]:
    """How many pages of each severity came in each week of [start, end), the last one perhaps shorter."""
    weeks: list[dict[Severity, int]] = [{} for _ in range(-((start - end) // timedelta(days=7)))]
    for at, severity in pages:
        week = weeks[min(len(weeks) - 1, max(0, (at - start) // timedelta(days=7)))]
        week[severity] = week.get(severity, 0) + 1
    return weeks

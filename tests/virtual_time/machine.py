"""The machine that simulated agents run on: what stays when a process dies, and the collector beyond it."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from probes.budget import NOTHING, Cost, granted, refusal
from probes.budget_ledger import PARTS
from probes.contract import Subject
from probes.schedule import Grid
from probes.spool import SEEN_PER_SUBJECT_MAX, Seen, joined
from schemas.errors import DeliveryError, SpoolError
from schemas.fleet import Budget
from schemas.observation import Observation, Reason
from tests.support.virtual_loop import VirtualClock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
DAY_S = 86_400
SLOW_S = 1.0  # for each piece of work, while the disk is slow
PRUNED_AT = SEEN_PER_SUBJECT_MAX + 100


@dataclass(frozen=True, slots=True)
class Batch:
    """As probes.spool.Batch, with the observations as they are."""

    id: int
    rows: tuple[tuple[int, Observation], ...]
    after: int | None = None
    spans_bytes: int = 0


class MemorySpool:
    """A spool in memory that keeps what the real one keeps: rows, the batch that was cut, and the newest ticks."""

    def __init__(self, number: int) -> None:
        self._number, self._batches = number, 0
        self.rows: deque[Observation] = deque()
        self._cut = list[Batch]()
        self._seen: dict[str, set[datetime]] = defaultdict(set)
        self._forgotten: dict[str, datetime] = {}  # trail -> the newest tick that was forgotten

    def put(self, observations: Sequence[tuple[str, Observation]]) -> None:
        """As Spool.put."""
        for trail, one in observations:
            self.rows.append(one)
            if one.attempt == 0:
                seen = self._seen[trail]
                seen.add(one.tick)
                if len(seen) >= PRUNED_AT:
                    ticks = sorted(seen)
                    self._forgotten[trail] = max(ticks[-SEEN_PER_SUBJECT_MAX - 1], self._forgotten.get(trail, EPOCH))
                    self._seen[trail] = {tick for tick in ticks if tick > self._forgotten[trail]}

    def seen(self, trail: str) -> Seen | None:
        """As Spool.seen."""
        if trail not in self._seen and trail not in self._forgotten:
            return None
        floor = self._forgotten.get(trail)
        since = EPOCH if floor is None else floor + MS
        return Seen(since, frozenset(tick for tick in self._seen[trail] if tick >= since))

    def forget(self, until: Mapping[str, datetime]) -> None:
        """As Spool.forget."""
        for trail, instant in until.items():
            self._seen[trail] = {tick for tick in self._seen[trail] if tick > instant}
            self._forgotten[trail] = max(instant, self._forgotten.get(trail, EPOCH))

    def next_batch(self, rows_max: int, after: Batch | None = None) -> Batch | None:
        """As Spool.next_batch."""
        behind = [batch for batch in self._cut if after is None or batch.id > after.id]
        if not behind and self.rows:
            rows = [self.rows.popleft() for _ in range(min(rows_max, len(self.rows)))]
            self._batches += 1
            behind = [Batch(self._batches * 100 + self._number, tuple(enumerate(rows)))]
            self._cut += behind
        return replace(behind[0], after=None if after is None else after.id) if behind else None

    def delivered(self, batch: Batch) -> None:
        """As Spool.delivered."""
        self._cut = [one for one in self._cut if one.id != batch.id]

    @property
    def empty(self) -> bool:
        """Whether everything was handed over."""
        return not self._cut and not self.rows


class Spools:
    """Every worker's spool; `of` gives a worker's own, with the memory of all."""

    def __init__(self) -> None:
        self.all: dict[int, MemorySpool] = {}

    def of(self, worker: int) -> WorkerMemory:
        """The spool of *worker*, made when it is not there."""
        if worker not in self.all:
            self.all[worker] = MemorySpool(worker)
        return WorkerMemory(self.all[worker], self)


class WorkerMemory:
    """As probes.spool_files.WorkerSpool."""

    def __init__(self, own: MemorySpool, spools: Spools) -> None:
        self.put, self.forget, self._spools = own.put, own.forget, spools

    def seen(self, trail: str) -> Seen | None:
        """What any spool remembers."""
        return joined([spool.seen(trail) for spool in self._spools.all.values()])


class MemoryTill:
    """As probes.budget_ledger.BudgetLedger."""

    def __init__(self) -> None:
        self.drawn: dict[tuple[date, str], Cost] = defaultdict(lambda: NOTHING)

    def draw(self, day: date, provider: str, budget: Budget, need: Cost, want: Cost, debt: Cost) -> Cost | str:
        """As BudgetLedger.draw."""
        drawn = self.drawn[day, provider] + debt
        why = refusal(budget, drawn, need)
        grant = NOTHING if why else granted(budget, drawn, need, want, PARTS)
        self.drawn[day, provider] = drawn + grant
        return why or grant

    def add(self, day: date, provider: str, more: Cost) -> None:
        """As BudgetLedger.add."""
        self.drawn[day, provider] = (self.drawn[day, provider] + more).most(NOTHING)


class Disk:
    """The disk as one process sees it: it may be slow, refuse to write, or be out of reach because the process died."""

    def __init__(self, clock: VirtualClock, machine: Machine) -> None:
        self._clock, self._machine, self.dead = clock, machine, False

    async def __call__(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Done at once, in order of asking; late when the disk is slow."""
        machine = self._machine
        now = self._clock.monotonic()
        if now < machine.disk_slow_until or machine.busy:
            await machine.turn()
            now = self._clock.monotonic()
        refuses = now < machine.disk_refuses_until and work.__name__ in {"put", "forget"}
        if self.dead or refuses:
            raise SpoolError("the disk refuses")
        return work(*arguments)


class Machine:
    """Disk and ledger, and their troubles."""

    def __init__(self, clock: VirtualClock) -> None:
        self.spools, self.till = Spools(), MemoryTill()
        self.disk_slow_until = self.disk_refuses_until = 0.0
        self._clock, self._turn = clock, asyncio.Lock()

    @property
    def slow(self) -> bool:
        """Whether the disk takes its time."""
        return self._clock.monotonic() < self.disk_slow_until

    @property
    def busy(self) -> bool:
        """Whether somebody waits for the disk: who comes later waits behind."""
        return self._turn.locked()

    def killed(self) -> None:
        """Every process was: what was put on disk is there."""

    async def turn(self) -> None:
        """Wait for one's turn at the disk."""
        async with self._turn:
            if self.slow:
                await asyncio.sleep(SLOW_S)


class Tally:
    """How often each tick of one trail was counted, from an instant on: one byte a tick."""

    def __init__(self, grid: Grid, start: datetime, end: datetime) -> None:
        assert grid.interval_ms % 1000 == 0, "whole seconds, which are quickly counted"
        self._grid, self._first, self._interval_s = grid, grid.after(start), grid.interval_ms // 1000
        self.counts = bytearray(self._number(grid.after(end)))

    def fits(self, tick: datetime) -> bool:
        """Whether it is a tick of this grid."""
        passed = tick - self._first
        return passed.microseconds == 0 and (passed.days * DAY_S + passed.seconds) % self._interval_s == 0

    def count(self, tick: datetime) -> None:
        """Once more."""
        passed = tick - self._first
        self.counts[(passed.days * DAY_S + passed.seconds) // self._interval_s] += 1

    def forgive(self, tick: datetime) -> None:
        """As if it had not been counted."""
        self.counts[self._number(tick)] = 0

    def of(self, start: datetime, end: datetime) -> bytearray:
        """The counts of the ticks in (start, end]."""
        return self.counts[self._number(self._grid.after(start)) : self._number(self._grid.after(end))]

    @property
    def several(self) -> int:
        """How many ticks were counted more than once."""
        return len(self.counts) - self.counts.count(0) - self.counts.count(1)

    def _number(self, tick: datetime) -> int:
        return (tick - self._first) // self._grid.interval


class Book:
    """A tally for every trail there is."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self._start, self._end = start, end
        self._by_module: dict[tuple[str, str], list[Tally]] = defaultdict(list)
        self.by_trail: dict[str, Tally] = {}
        self._by_subject: dict[int, Tally] = {}  # by its id(): quicker than its trail
        self._subjects: list[Subject] = []  # which keeps those ids theirs
        self._shared: set[tuple[str, str, datetime]] = set()

    def open(self, subject: Subject) -> None:
        """Count its ticks, too."""
        if subject.trail not in self.by_trail:
            tally = self.by_trail[subject.trail] = Tally(subject.grid, self._start, self._end)
            self._by_module[subject.place.id, subject.module_name].append(tally)
        if id(subject) not in self._by_subject:
            self._by_subject[id(subject)] = self.by_trail[subject.trail]
            self._subjects.append(subject)

    def count_asked(self, subject: Subject, tick: datetime) -> None:
        """Once more, of exactly this subject."""
        self._by_subject[id(subject)].count(tick)

    def count(self, target: str, module: str, tick: datetime) -> None:
        """Once more."""
        tallies = self._by_module[target, module]
        if len(tallies) == 1:
            tallies[0].count(tick)
            return
        fitting = [tally for tally in tallies if tally.fits(tick)]
        assert fitting, f"{target}|{module}: {tick} is no tick of any of its grids"
        if len(fitting) > 1:  # a tick of the old interval and of the new: one natural key, stored once
            key = (target, module, tick)
            if key in self._shared:
                return
            self._shared.add(key)
        for tally in fitting:
            tally.count(tick)


class Collector:
    """Takes batches in; a batch that comes again is the same, and is stored once. Counts attempt 0 of every tick."""

    def __init__(self, clock: VirtualClock, book: Book) -> None:
        self._clock, self._book = clock, book
        self.down_until = self.answers_lost_until = 0.0
        self._last: dict[int, int] = {}  # spool -> the number of its last batch
        self._turn = 0
        self.reasons: dict[Reason | None, int] = defaultdict(int)
        self.rows = 0

    async def deliver(self, batch: Batch) -> None:
        """As the agent's parent delivers: returns when it is stored and the answer came back."""
        await asyncio.sleep(0.01)
        now = self._clock.monotonic()
        if now < self.down_until:
            raise DeliveryError("connection refused")
        self._store(batch)
        self._turn += 1
        if now < self.answers_lost_until and self._turn % 2:
            raise DeliveryError("the answer was lost")

    def _store(self, batch: Batch) -> None:
        number, spool = divmod(batch.id, 100)
        last = self._last.get(spool, 0)
        if batch.after is not None and batch.after // 100 > last:
            raise DeliveryError("a batch before it was not taken")
        assert number <= last + 1, "batches come in order"
        if number <= last:
            return
        self._last[spool] = number
        for _, one in batch.rows:
            self.rows += 1
            if one.attempt == 0:
                self._book.count(one.target, one.module, one.tick)
                self.reasons[one.reason] += 1

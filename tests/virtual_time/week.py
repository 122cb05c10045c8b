"""One simulated run: the real agents on a virtual clock, everything around them as badly off as the seed says."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from probes.agent import Agent, Duty
from probes.attempt import Bench
from probes.contract import Subject
from probes.own_network import OwnNetwork
from probes.purse import Purse
from probes.sharding import worker_of
from probes.shipper import Shipper
from probes.trust import limits_of
from schemas.config import Agent as AgentSettings
from schemas.errors import DeliveryError, SpoolError
from schemas.observation import Reason
from tests.support.virtual_loop import START, VirtualAlarm, VirtualClock, VirtualLoop
from tests.virtual_time.clouds import LAG_LIMIT_S, Clouds, Plan, fleet, modules
from tests.virtual_time.faults import Fault, faults
from tests.virtual_time.machine import Book, Collector, Disk, Machine

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
SETTLE_S = 300.0  # at the end all is well again: what waits is handed over
WRONG_MAX = 20
BUDGETED = "cloud-00"  # the provider with a budget of requests, which never lasts the day
KILL_ROUNDS_MAX = 20
GARBAGE_MAX = 200_000  # objects between two looks for cycles, which nothing here makes many of
SETTINGS = AgentSettings(
    canaries=("one.example:1", "two.example:1"), streams_max=200, batch_rows_max=500, ship_every="10s"
)

OWNER: ContextVar[str] = ContextVar("owner", default="nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is simulated. *density*: faults a day, as a multiple of those in faults.py."""

    providers: int = 18
    clusters: int = 5  # of each
    length_s: float = WEEK_S
    density: float = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is made of: one that is broken on purpose shows that the count finds it."""

    agent: type[Agent] = Agent
    machine: type[Machine] = Machine
    collector: type[Collector] = Collector


@dataclass(slots=True)
class Result:
    """What a run came to. *wrong*: ticks that have not exactly one observation, in words; at most WRONG_MAX."""

    seed: int
    ticks: int = 0
    rows: int = 0
    asked_twice: int = 0
    faults: int = 0
    wrong: list[str] = field(default_factory=list)
    reasons: dict[Reason | None, int] = field(default_factory=dict)


def run(
    seed: int, scale: Scale, on_day: Callable[[int], None] = lambda day: None, *, parts: Parts | None = None
) -> Result:
    """Simulate one seed; *on_day* is told when a day of it is over. *parts*: of what, when not of the real ones."""
    logging.disable(logging.CRITICAL)
    clock = VirtualClock()
    loop = OwnersLoop(clock)
    usual = gc.get_threshold()
    gc.set_threshold(GARBAGE_MAX)
    try:
        return loop.run_until_complete(_with_days(Week(seed, scale, clock, parts or Parts()), on_day))
    finally:
        gc.set_threshold(*usual)
        loop.close()
        logging.disable(logging.NOTSET)


async def _with_days(week: Week, on_day: Callable[[int], None]) -> Result:
    async def say() -> None:
        for day in range(1, 10**6):
            await asyncio.sleep(DAY_S)
            on_day(day)

    saying = asyncio.create_task(say())
    try:
        return await week.run()
    finally:
        saying.cancel()


class OwnersLoop(VirtualLoop):
    """Here a task has the name of the simulated process that made it."""

    def create_task(self, work: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        """As asyncio's, but for the name."""
        return asyncio.Task(work, loop=self, name=OWNER.get())


_NUMBERS = count()


class Process:
    """A simulated process: its tasks, and its way to the disk. Killed, it does nothing any more."""

    def __init__(self, clock: VirtualClock, machine: Machine) -> None:
        self._name = f"process {next(_NUMBERS)}"
        self.disk = Disk(clock, machine)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run *work* in it."""
        token = OWNER.set(self._name)
        try:
            return asyncio.get_running_loop().create_task(work)
        finally:
            OWNER.reset(token)

    async def kill(self) -> None:
        """As kill -9: nothing of it reaches the disk any more, and it is gone before anything else happens."""
        self.disk.dead = True
        await self.end()

    async def end(self) -> None:
        """Cancel everything in it."""
        for _ in range(KILL_ROUNDS_MAX):
            tasks = [task for task in asyncio.all_tasks() if task.get_name() == self._name]
            if not tasks:
                return
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=0)
        raise AssertionError(f"a killed process goes on: {tasks}")


class Worker(Process):
    """A worker with its agent."""

    def __init__(self, week: Week, number: int, plan: Plan) -> None:
        super().__init__(week.clock, week.machine)
        self.number, self.plan = number, plan
        self._week, self._stop = week, asyncio.Event()
        self.bench = Bench(
            vantage="v",
            connections=None,
            clock=week.clock,
            lag=NeverLate(),
            limits=limits_of(SETTINGS),
        )
        self.purse = Purse(plan.budgets, week.machine.till, self.disk)
        self.own_network = OwnNetwork(SETTINGS.canaries, week.clock, week.clouds.reach)
        memory = week.machine.spools.of(number)
        self.agent = week.parts.agent(
            self._duty(plan), memory, self.disk, VirtualAlarm(week.clock), lambda: week.ring(number)
        )
        self.running = self.start(self.agent.run(self._stop))

    async def change(self, plan: Plan) -> None:
        """Go on with *plan*."""
        self.plan, self.purse.budgets = plan, plan.budgets
        await self.agent.change(self._duty(plan))

    async def stop(self) -> None:
        """As SIGTERM."""
        self._stop.set()
        await self.running
        self._forgive()
        await self.purse.give_back()

    async def kill(self) -> None:
        """As Process.kill."""
        self._forgive()
        await super().kill()

    def _forgive(self) -> None:
        """What was asked and did not come to the disk is given up, and may be asked again if the clock is set back."""
        for trail, ticks in self.agent.under_way().items():
            for tick in ticks:
                self._week.asked.by_trail[trail].forgive(tick)

    def _duty(self, plan: Plan) -> Duty:
        asks = self._week.clouds.observe(self._week.count_asked)
        paid = self.own_network.around(self.purse.around(asks, self.bench))
        return Duty(subjects=plan.subjects, settings=SETTINGS, bench=self.bench, observe=paid)


class NeverLate:
    """A lag monitor without its 50 beats a second; the simulated clouds know when the loop was busy."""

    async def run(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


class Week:
    """One run of one seed."""

    def __init__(self, seed: int, scale: Scale, clock: VirtualClock, parts: Parts) -> None:
        self.parts = parts
        self.clock, self.scale, self._dice = clock, scale, Random(f"week|{seed}")
        self.machine, self.clouds = parts.machine(clock), Clouds(clock, seed)
        self._budget = int(scale.clusters * 6_000 * min(1.0, scale.length_s / DAY_S))  # it needs 10,000 a day
        self._spent: dict[date, int] = defaultdict(int)
        self._fleet = fleet(scale.providers, scale.clusters, budget_of_first=self._budget)
        self._modules = modules()
        self._plan = Plan.of(self._fleet, self._modules)
        span = timedelta(seconds=scale.length_s * 2 + DAY_S)
        self.book, self.asked = Book(START - span, START + span), Book(START - span, START + span)
        self._collector = parts.collector(clock, self.book)
        self._faults = faults(seed, scale.length_s, scale.density, scale.providers)
        self._workers: dict[int, Worker | None] = {}
        self._parent: Process | None = None
        self._shippers: dict[int, Shipper] = {}
        self._enrolled: dict[str, datetime] = {}
        self._peak = START  # the latest that the wall clock ever was, before it was set back
        self._periods: list[tuple[str, datetime, datetime]] = []
        self._later: set[asyncio.Task[None]] = set()
        self._result = Result(seed)

    async def run(self) -> Result:
        """Faults one after another, a quiet end, and the count."""
        self._start(1 + self._dice.randrange(3))
        for fault in self._faults:
            await self.clock.sleep(max(fault.at_s - self.clock.monotonic(), 0.0))
            await self._befall(fault)
        await self.clock.sleep(max(self.scale.length_s - self.clock.monotonic(), 0.0))
        await self._settled()
        self._heal()
        await self.clock.sleep(SETTLE_S)
        await self._stop()
        counted_to = self.clock.now()
        self._start(2)
        await self.clock.sleep(SETTLE_S)
        await self._stop()
        assert all(spool.empty for spool in self.machine.spools.all.values()), "something was not handed over"
        return self._counted(counted_to)

    def _heal(self) -> None:
        """All is well again."""
        self._collector.down_until = self._collector.answers_lost_until = 0.0
        self.machine.disk_refuses_until = self.machine.disk_slow_until = self.clouds.cut_until = 0.0
        self.clouds.down_until.clear()
        self.clouds.slow_until.clear()

    async def _befall(self, fault: Fault) -> None:
        self._result.faults += 1
        now, until = self.clock.monotonic(), self.clock.monotonic() + fault.size
        provider = f"cloud-{fault.whom:02}"
        match fault.kind:
            case "collector_down":
                self._collector.down_until = until
            case "answers_lost":
                self._collector.answers_lost_until = until
            case "disk_refuses" | "disk_refuses_long":
                self.machine.disk_refuses_until = until
            case "disk_slow":
                self.machine.disk_slow_until = until
            case "probes_slow":
                self.clouds.slow_until[provider] = until
            case "provider_down":
                self.clouds.down_until[provider] = until
            case "network_cut":
                self.clouds.cut_until = until
            case "loop_busy" | "loop_busy_long":
                self.clock.pass_(fault.size)
                self.clouds.busy_at = self.clock.monotonic() if fault.size > LAG_LIMIT_S else now
            case "clock_forward":
                self.clock.set_by(fault.size)
            case "clock_back":
                self._peak = max(self._peak, self.clock.now())
                self.clock.set_by(-fault.size)
            case "worker_killed":
                await self._kill_worker(fault)
            case "all_killed":
                await self._kill_all(fault.size)
            case "workers":
                await self._settled()
                await self._stop()
                self._start(max(1, round(fault.size)))
            case "edit":
                await self._edit(int(fault.size), provider)

    def _start(self, workers: int) -> None:
        """The parent with its shippers, and the workers."""
        self._parent = Process(self.clock, self.machine)
        spools = self.machine.spools
        for number in range(workers):
            spools.of(number)
        for number, spool in spools.all.items():
            shipper = Shipper(spool, SETTINGS, self._collector.deliver, self.clock, self._parent.disk)
            self._shippers[number] = shipper
            self._parent.start(shipper.run())
        self._workers = dict.fromkeys(range(workers))
        for number in range(workers):
            self._start_worker(number)

    def _start_worker(self, number: int) -> None:
        plan = self._shard(number)
        self._enrol(plan.subjects, self.clock.now())
        self._workers[number] = Worker(self, number, plan)

    def _shard(self, number: int) -> Plan:
        mine = [one for one in self._plan.subjects if worker_of(one.place.id, len(self._workers)) == number]
        return Plan(tuple(mine), self._plan.budgets)

    async def _stop(self) -> None:
        """In order: the workers drain, the parent goes."""
        await asyncio.gather(*(worker.stop() for worker in self._workers.values() if worker is not None))
        assert self._parent is not None
        await self._parent.end()
        self._parent = None
        with suppress(DeliveryError, SpoolError):
            await asyncio.gather(*(shipper.ship_all() for shipper in self._shippers.values()))

    async def _kill_worker(self, fault: Fault) -> None:
        worker = self._workers.get(fault.whom % len(self._workers))
        if worker is None or self._parent is None:
            return
        await worker.kill()
        self._workers[worker.number] = None
        died_at, plan = self.clock.now(), worker.plan

        async def again() -> None:
            await self.clock.sleep(fault.size)
            if self._workers.get(worker.number, worker) is None and self._parent is not None:
                gone = {one.trail for one in plan.subjects} - {one.trail for one in self._shard(worker.number).subjects}
                self._withdraw(gone, died_at)
                self._start_worker(worker.number)

        self._do_later(again())

    async def _kill_all(self, for_s: float) -> None:
        """As kill -9 of the parent: nobody is left; then the agent is started again."""
        await self._settled()
        assert self._parent is not None
        for process in (self._parent, *(worker for worker in self._workers.values() if worker is not None)):
            await process.kill()
        self.machine.killed()
        await self.clock.sleep(for_s)
        self._start(len(self._workers))

    def _do_later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _settled(self) -> None:
        """Every worker that was killed runs again."""
        await asyncio.gather(*self._later)

    async def _edit(self, what: int, provider: str) -> None:
        """A cluster goes or comes, the heartbeats of all change their interval, or a module changes otherwise."""
        await self._settled()
        troubled_until = max(self.machine.disk_refuses_until, self.machine.disk_slow_until)
        await self.clock.sleep(max(troubled_until - self.clock.monotonic(), 0.0))
        without = ""
        match what:
            case 0:
                without = f"{provider}/c0"
            case 1:
                self._modules = modules(heartbeat_s=15)
            case 2:
                self._modules = modules(max_tokens=8)
            case _:
                self._modules = modules()
        self._plan = Plan.of(self._fleet, self._modules, without)
        for number, worker in self._workers.items():
            if worker is not None:
                before, plan = {one.trail for one in worker.plan.subjects}, self._shard(number)
                for subject in plan.subjects:
                    self._open(subject)
                await worker.change(plan)
                self._withdraw(before - {one.trail for one in plan.subjects}, self.clock.now())
                self._enrol(plan.subjects, max(self.clock.now(), self._peak))
        await self.clock.sleep(60.0)  # what was asked by an old grid is on disk before the next fault

    def ring(self, number: int) -> None:
        """A worker has a failure."""
        if number in self._shippers:
            self._shippers[number].ring()

    def count_asked(self, subject: Subject, tick: datetime, attempt: int) -> None:
        """How often a tick is asked, and what it costs."""
        if attempt == 0:
            self.asked.count_asked(subject, tick)
        if subject.place.provider == BUDGETED:
            self._spent[tick.date()] += 1

    def _enrol(self, subjects: Sequence[Any], since: datetime) -> None:
        for subject in subjects:
            self._open(subject)
            self._enrolled.setdefault(subject.trail, since)

    def _open(self, subject: Any) -> None:
        self.book.open(subject)
        self.asked.open(subject)

    def _withdraw(self, trails: set[str], until: datetime) -> None:
        for trail in trails:
            if trail in self._enrolled:
                self._periods.append((trail, self._enrolled.pop(trail), until))

    def _counted(self, until: datetime) -> Result:
        """Exactly one row for every tick of every trail while it was to be probed, and never more than one."""
        self._withdraw(set(self._enrolled), until)
        result = self._result
        for trail, start, end in self._periods:
            counts = self.book.by_trail[trail].of(start, end) if start < end else bytearray()
            result.ticks += len(counts)
            if counts.count(1) != len(counts):
                self._say_wrong(trail, start, end, counts)
        for trail, tally in self.book.by_trail.items():
            if tally.several:
                result.wrong.append(f"{trail}: {tally.several} ticks have several rows")
        for day, spent in self._spent.items():
            if spent > self._budget:
                result.wrong.append(f"{BUDGETED}: {spent} requests on {day}, the budget is {self._budget}")
        result.asked_twice = sum(tally.several for tally in self.asked.by_trail.values())
        result.rows, result.reasons = self._collector.rows, dict(self._collector.reasons)
        del result.wrong[WRONG_MAX:]
        return result

    def _say_wrong(self, trail: str, start: datetime, end: datetime, counts: bytearray) -> None:
        missing = [number for number, count in enumerate(counts) if count == 0]
        twice = [number for number, count in enumerate(counts) if count > 1]
        self._result.wrong.append(
            f"{trail}: of {len(counts)} ticks in ({start}, {end}] none for {missing[:5]} ({len(missing)}), "
            f"several for {twice[:5]} ({len(twice)})"
        )

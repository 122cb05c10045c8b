"""
The agent: wakes at every tick, probes, confirms failures, spools what it saw, ships it.

APScheduler is the alarm clock and nothing more; which ticks are due comes from the grid. Every tick leaves exactly one
observation: asked, or `not_observed` with our own reason.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import aiohttp
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from opentelemetry.sdk.resources import Resource

from probes.attempt import Bench, observe, unobserved
from probes.contract import Subject
from probes.schedule import confirm_gap_s, tick_after, ticks_between
from probes.ship import backoff_s, encoded, post
from probes.spool import Ledger, Spool
from probes.telemetry.telemetry import Telemetry
from schemas.config import Agent as AgentSettings
from schemas.errors import DeliveryError, SpoolError
from schemas.fleet import Fleet
from schemas.observation import Blame, Observation, Outcome, Reason

logger = logging.getLogger(__name__)
T = TypeVar("T")

GAP_TICKS_MAX = 2_000  # per subject: more of an absence than this is left as a hole
LATE_TICKS_MAX = 1.0  # intervals: a tick later than this is not asked any more
UNSPOOLED_MAX = 20_000  # kept in memory while the disk refuses
DRAIN_S = 20.0
ALARM_S_MAX = 0.5
SPOOL_RETRY_S = 1.0


def subjects_of(fleet: Fleet, modules: dict[str, Any]) -> tuple[Subject, ...]:
    """Every target with every one of its modules."""
    return tuple(
        Subject(place, name, modules[name]) for place in fleet.places() for name in dict.fromkeys(place.target.modules)
    )


@dataclass(slots=True)
class Agent:
    """One agent; `run` until *stop*, then `ledger` says what became of it."""

    subjects: Sequence[Subject]
    settings: AgentSettings
    bench: Bench
    spool: Spool
    resource: Resource
    telemetry: Telemetry | None = None  # is told what was delivered
    _due: list[tuple[datetime, int]] = field(default_factory=list)
    _attempts: set[asyncio.Task[None]] = field(default_factory=set)
    _unspooled: list[tuple[str, Observation]] = field(default_factory=list)
    _known_down: set[str] = field(default_factory=set)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _wake_spooler: asyncio.Event = field(default_factory=asyncio.Event)
    _wake_shipper: asyncio.Event = field(default_factory=asyncio.Event)
    _draining: bool = False
    _disk: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="spool"))

    async def run(self, stop: asyncio.Event) -> Ledger:
        """Probe until *stop*; then finish what is under way, hand over what can be, and return the spool's ledger."""
        now = self.bench.clock.now()
        await self._fill_gaps(now)
        for number, subject in enumerate(self.subjects):
            heapq.heappush(self._due, (tick_after(subject.key, subject.module.interval, now), number))
        alarm = AsyncIOScheduler(timezone="UTC")
        alarm.start()
        spooling = asyncio.create_task(self._keep_spooling(), name="spool")
        rooms = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("lag", self.bench.lag.run()),
                ("wake", self._keep_waking(alarm)),
                ("ship", self._keep_shipping()),
            )
        ]
        try:
            await _first_of(stop, (spooling, *rooms))
        finally:
            alarm.shutdown(wait=False)
            await self._drain(rooms, spooling)
        return await self._on_disk(self.spool.ledger)

    async def _keep_waking(self, alarm: AsyncIOScheduler) -> None:
        """Begin what is due, set the alarm for the next tick, wait for it; ALARM_S_MAX in case an alarm is skipped."""
        while not self._draining:
            self._begin_due(self.bench.clock.now())
            self._woken.clear()
            if self._due:
                alarm.add_job(
                    self._ring, DateTrigger(self._due[0][0]), id="tick", replace_existing=True,
                    misfire_grace_time=None, max_instances=100,
                )  # fmt: skip
            with suppress(TimeoutError):
                async with asyncio.timeout(ALARM_S_MAX):  # Python 3.11's wait_for may swallow a cancellation
                    await self._woken.wait()

    async def _ring(self) -> None:
        self._woken.set()

    def _begin_due(self, now: datetime) -> None:
        while self._due and self._due[0][0] <= now:
            tick, number = self._due[0]
            subject = self.subjects[number]
            following = tick + timedelta(milliseconds=round(subject.module.interval * 1000))
            heapq.heapreplace(self._due, (following, number))
            self._begin(subject, tick, now)

    def _begin(self, subject: Subject, tick: datetime, now: datetime) -> None:
        late_s = (now - tick).total_seconds()
        if late_s > subject.module.interval * LATE_TICKS_MAX:
            said = f"woken {late_s:.1f} s after the tick"
            self._keep(subject, unobserved(self.bench, subject, tick, Reason.OBSERVER_OVERLOADED, said))
        elif len(self._attempts) >= self.settings.streams_max:
            said = f"{len(self._attempts)} requests open (streams_max {self.settings.streams_max})"
            self._keep(subject, unobserved(self.bench, subject, tick, Reason.OBSERVER_OVERLOADED, said))
        else:
            task = asyncio.create_task(self._attempt(subject, tick))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)

    async def _attempt(self, subject: Subject, tick: datetime) -> None:
        """Probe one tick; a first failure that may be the provider's is asked again, on fresh connections."""
        seen = await observe(self.bench, subject, tick, 0, len(self._attempts))
        self._keep(subject, seen)
        if not doubtful(seen):
            if seen.outcome in {Outcome.OK, Outcome.DEGRADED}:
                self._known_down.discard(subject.key)
            return
        if subject.key in self._known_down:
            return
        for attempt in range(1, self.settings.confirmations + 1):
            gap_s = confirm_gap_s(
                subject.key, tick, attempt, self.settings.confirm_gap_min, self.settings.confirm_gap_max
            )
            await self.bench.clock.sleep(gap_s)
            if self._draining:
                return
            seen = await observe(self.bench, subject, tick, attempt, len(self._attempts))
            self._keep(subject, seen)
            if not doubtful(seen):
                return
        self._known_down.add(subject.key)

    def _keep(self, subject: Subject, observation: Observation) -> None:
        """Hand over to the spooler; while the disk refuses, up to a bound stay in memory."""
        if len(self._unspooled) >= UNSPOOLED_MAX:
            logger.error("%s: observation of %s lost: the spool refuses", subject.key, observation.tick.isoformat())
            return
        self._unspooled.append((subject.key, observation))
        self._wake_spooler.set()
        if observation.outcome is Outcome.FAILED:
            self._wake_shipper.set()

    async def _keep_spooling(self) -> None:
        """Write what has come in; ends by itself when draining, so that no write is ever cut off half-way."""
        while True:
            await self._wake_spooler.wait()
            self._wake_spooler.clear()
            try:
                await self._spool_all()
            except SpoolError as error:
                logger.error("%s", error)
                if not self._draining:
                    await self.bench.clock.sleep(SPOOL_RETRY_S)
                self._wake_spooler.set()
            if self._draining:
                return

    async def _spool_all(self) -> None:
        while self._unspooled:
            taken = self._unspooled[: self.settings.batch_rows_max]
            await self._on_disk(self.spool.put, taken)
            del self._unspooled[: len(taken)]
            if any(observation.outcome is Outcome.FAILED for _, observation in taken):
                self._wake_shipper.set()

    async def _keep_shipping(self) -> None:
        failures = 0
        async with aiohttp.ClientSession(trust_env=False) as session:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.settings.ship_every):
                        await self._wake_shipper.wait()
                self._wake_shipper.clear()
                try:
                    await self._ship_all(session)
                    failures = 0
                except (DeliveryError, SpoolError) as error:
                    failures += 1
                    wished = error.retry_after_s if isinstance(error, DeliveryError) else None
                    pause_s = backoff_s(failures, wished)
                    logger.warning("not delivered (%d in a row, again in %.2f s): %s", failures, pause_s, error)
                    await self.bench.clock.sleep(pause_s)
                    self._wake_shipper.set()

    async def _ship_all(self, session: aiohttp.ClientSession) -> None:
        while True:
            batch = await self._on_disk(self.spool.next_batch, self.settings.batch_rows_max)
            if batch is None:
                return
            await post(session, self.settings.collector_url, encoded(batch, self.resource))
            await self._on_disk(self.spool.delivered, batch)
            if self.telemetry is not None:
                self.telemetry.observed([observation for _, observation in batch.rows])
                self.telemetry.spooled((await self._on_disk(self.spool.ledger)).pending)

    async def _drain(self, rooms: Sequence[asyncio.Task[Any]], spooling: asyncio.Task[None]) -> None:
        """No new ticks; what is under way ends, is spooled, and handed over while the collector takes it."""
        self._draining = True
        if self._attempts:
            await asyncio.wait(set(self._attempts), timeout=DRAIN_S)
        for task in (*self._attempts, *rooms):
            task.cancel()
        self._wake_spooler.set()
        await asyncio.gather(*self._attempts, *rooms, spooling, return_exceptions=True)
        try:
            await self._spool_all()
            async with asyncio.timeout(DRAIN_S), aiohttp.ClientSession(trust_env=False) as session:
                await self._ship_all(session)
        except (DeliveryError, SpoolError, TimeoutError) as error:
            logger.warning("not everything was handed over; it waits in the spool: %s", error)

    async def _fill_gaps(self, now: datetime) -> None:
        """Leave an observation for every tick that passed while no agent ran."""
        for subject in self.subjects:
            known = await self._on_disk(self.spool.seen_since, subject.key)
            if known is None:
                continue
            oldest, seen = known
            missed = [t for t in ticks_between(subject.key, subject.module.interval, oldest, now) if t not in seen]
            if len(missed) > GAP_TICKS_MAX:
                logger.warning("%s: %d ticks missed; the oldest are left out", subject.key, len(missed))
            for tick in missed[-GAP_TICKS_MAX:]:
                self._keep(subject, unobserved(self.bench, subject, tick, Reason.OBSERVER_OFFLINE, "no agent ran"))
            await self._spool_all()

    async def _on_disk(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)


def doubtful(observation: Observation) -> bool:
    """Whether a failure may be the provider's, so that asking again tells something."""
    return observation.outcome is Outcome.FAILED and observation.blame in {Blame.PROVIDER, Blame.UNKNOWN}


async def _first_of(stop: asyncio.Event, rooms: Sequence[asyncio.Task[Any]]) -> None:
    """Wait for *stop*; a room that ends before it is our bug and is raised."""
    stopped: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopped, *rooms}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in done - {stopped}:
        task.result()

"""
The agent's core: wakes at every tick, probes, confirms failures, and has what it saw put on disk.

Every tick leaves exactly one observation: asked, or `not_observed` with our own reason. What it needs of the world
(clock, alarm, disk, the probe itself) is passed in, so that it runs as well on virtual time.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from probes.alarm import Alarm
from probes.attempt import Bench, unobserved
from probes.contract import Subject
from probes.course import Course
from probes.disk_thread import Disk
from probes.gap_filler import GapFiller, Memory
from probes.observe import Observe
from probes.schedule import confirm_gap_s
from probes.spool import Seen
from schemas.config import Agent as AgentSettings
from schemas.errors import SpoolError
from schemas.observation import ANSWERED, Blame, Observation, Outcome, Reason
from schemas.probe_kinds import QUIET_KINDS

logger = logging.getLogger(__name__)

LATE_TICKS_MAX = 1  # intervals: a tick later than this is not asked any more
LEAP_TICKS = 10  # intervals: as late as this, the ticks between are filled in from the spool
UNSPOOLED_MAX = 20_000  # kept in memory while the disk refuses
GONE_MAX = 10_000  # subjects taken out of the configuration that are remembered
DRAIN_S = 20.0
SPOOL_RETRY_S = 1.0
STEP_S = 1.0  # the wall clock may drift this far between two looks; more is a step


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What an agent is to do, until it is told otherwise."""

    subjects: Sequence[Subject]
    settings: AgentSettings
    bench: Bench
    observe: Observe


@dataclass(slots=True)
class Agent:
    """One agent. *on_failure* is called when a failure is safe on disk, so that it can be handed over at once."""

    duty: Duty
    memory: Memory
    disk: Disk
    alarm: Alarm
    on_failure: Callable[[], None] = lambda: None
    _courses: dict[str, Course] = field(default_factory=dict)
    _gone: dict[str, Course] = field(default_factory=dict)
    _due: list[tuple[datetime, int, Course]] = field(default_factory=list)
    _attempts: set[asyncio.Task[None]] = field(default_factory=set)
    _asking: set[tuple[str, datetime]] = field(default_factory=set)
    _unspooled: list[tuple[str, Observation]] = field(default_factory=list)
    _known_down: set[str] = field(default_factory=set)
    _asked_again: dict[str, datetime] = field(default_factory=dict)
    _wake_spooler: asyncio.Event = field(default_factory=asyncio.Event)
    _filler: GapFiller = field(init=False)
    _overflowed: bool = False
    _looked: tuple[datetime, float] | None = None
    _draining: bool = False

    def __post_init__(self) -> None:
        self._filler = GapFiller(self, self.memory, self.disk, rows_max=self.duty.settings.batch_rows_max)

    async def run(self, stop: asyncio.Event) -> None:
        """Probe until *stop*; then finish what is under way and have it put on disk."""
        await self._begin_courses()
        spooling = asyncio.create_task(self._keep_spooling(), name="spool")
        rooms = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("lag", self.duty.bench.lag.run()),
                ("wake", self._keep_waking()),
                ("fill", self._filler.run(self.duty.bench.clock)),
            )
        ]
        try:
            await _first_of(stop, (spooling, *rooms))
        finally:
            await self._drain(rooms, spooling)

    async def change(self, duty: Duty) -> None:
        """
        Go on with *duty*: what is under way ends as it began, and no tick is lost or doubled.

        A subject whose grid stays keeps its next tick, with the module as it now is; one that is gone has no further
        tick; a new one, or a new grid, begins after now. Raises SpoolError, and nothing has changed then.
        """
        fresh = {subject.trail for subject in duty.subjects} - set(self._courses)
        seen = {trail: await self.disk(self.memory.seen, trail) for trail in sorted(fresh)}
        now = self.duty.bench.clock.now()
        self._begin_due(now)
        self.duty = duty
        before, self._courses = self._courses, {}
        until = {course.subject.key: course.until(now) for course in before.values()}
        for subject in duty.subjects:
            trail = subject.trail
            course = before.pop(trail, None)
            if course is None:
                succeeded = until.get(subject.key)
                course = self._taken_up(subject, succeeded or now, seen[trail])
                course.succeeded = succeeded
            course.subject = subject
            self._courses[trail] = course
        self._gone |= before
        for trail in list(self._gone)[:-GONE_MAX]:
            del self._gone[trail]
        self._filler.leave(before)
        self._line_up()
        self.alarm.ring()

    def look_again(self, subjects: Collection[tuple[str, str]]) -> None:
        """
        Ask *subjects* (target, module) once more at their last tick, now, because another vantage sees them fail.

        Not what is being asked at this moment, or known to be down; and each at most once for a tick.
        """
        for course in self._courses.values():
            subject, tick = course.subject, course.grid.before(course.following)
            if (
                (subject.place.id, subject.module_name) not in subjects
                or self._draining
                or subject.module.kind in QUIET_KINDS
                or tick < course.since
                or self._asked_again.get(course.trail) == tick
                or (course.trail, tick) in self._asking
                or subject.key in self._known_down
            ):
                continue
            self._asked_again[course.trail] = tick
            self._attempts.add(asyncio.create_task(self._attempt(self._look_again(course.trail, subject, tick))))

    def _taken_up(self, subject: Subject, now: datetime, seen: Seen | None) -> Course:
        """The course of a subject that is new, or comes back: what was taken of it before is not taken again."""
        self._filler.begin((subject.trail,), now)
        course = self._gone.pop(subject.trail, None)
        if course is None:
            return Course.begun(subject, now, seen, new=True)
        course.resume(now)
        return course

    async def _begin_courses(self) -> None:
        now = self.duty.bench.clock.now()
        for subject in self.duty.subjects:
            seen = await self.disk(self.memory.seen, subject.trail)
            known = seen is not None
            course = Course.begun(subject, now, seen) if known else self._taken_up(subject, now, seen)
            self._courses[course.trail] = course
        self._line_up()
        self._filler.look("no agent ran")

    def _line_up(self) -> None:
        self._due = [(course.following, number, course) for number, course in enumerate(self._courses.values())]
        heapq.heapify(self._due)

    async def _keep_waking(self) -> None:
        """Begin what is due, and wait for the next tick."""
        while not self._draining:
            self._begin_due(self.duty.bench.clock.now())
            await self.alarm.wait(self._due[0][0] if self._due else None)

    def _begin_due(self, now: datetime) -> None:
        stepped_s = self._stepped_s(now)
        if stepped_s < -STEP_S:
            self._rewind(now, -stepped_s)
        due = self._due
        while due and due[0][0] <= now:
            _, number, course = due[0]
            self._begin(course, now, stepped_s)
            heapq.heapreplace(due, (course.following, number, course))

    def _stepped_s(self, now: datetime) -> float:
        """How far the wall clock was set since the last look."""
        monotonic = self.duty.bench.clock.monotonic()
        before, self._looked = self._looked, (now, monotonic)
        return 0.0 if before is None else (now - before[0]).total_seconds() - (monotonic - before[1])

    def _rewind(self, now: datetime, back_s: float) -> None:
        logger.error("the clock was set back by %.1f s: ticks that were taken already are not asked again", back_s)
        for course in self._courses.values():
            course.rewind(now)
        self._line_up()

    def _begin(self, course: Course, now: datetime, stepped_s: float) -> None:
        """Take the next tick of *course*: ask it, or leave our own reason why it is not asked."""
        late = now - course.following
        if late > course.interval * LEAP_TICKS:
            self._leap(course, now, stepped_s)
            return
        tick, subject = course.take(), course.subject
        if late > course.interval * LATE_TICKS_MAX:
            stepped = stepped_s > STEP_S
            reason = Reason.OBSERVER_OFFLINE if stepped else Reason.OBSERVER_OVERLOADED
            how = "after the clock was set forward, " if stepped else ""
            self._refuse(course, tick, reason, f"{how}woken {late.total_seconds():.1f} s after the tick")
        elif len(self._attempts) >= self.duty.settings.streams_max:
            said = f"{len(self._attempts)} requests open (streams_max {self.duty.settings.streams_max})"
            self._refuse(course, tick, Reason.OBSERVER_OVERLOADED, said)
        else:
            self._asking.add((course.trail, tick))
            self._attempts.add(asyncio.create_task(self._attempt(self._ask(course.trail, subject, tick))))

    def _leap(self, course: Course, now: datetime, stepped_s: float) -> None:
        """Go on at the present; the ticks between are filled in, at the speed of the disk."""
        course.leap(now)
        how = f"the clock was set forward by {stepped_s:.0f} s" if stepped_s > STEP_S else "the agent stood still"
        self._filler.look(how)

    def _refuse(self, course: Course, tick: datetime, reason: Reason, said: str) -> None:
        self._keep(course.trail, unobserved(self.duty.bench, course.subject, tick, reason, said))

    async def _attempt(self, asking: Coroutine[Any, Any, None]) -> None:
        """Await *asking*, counted among the requests that are open."""
        task = asyncio.current_task()
        assert task is not None
        try:
            await asking
        finally:
            self._attempts.discard(task)

    async def _ask(self, trail: str, subject: Subject, tick: datetime) -> None:
        """Probe one tick; a first failure that may be the provider's is asked again, on fresh connections."""
        seen = await self.duty.observe(subject, tick, 0, len(self._attempts))
        self._asking.discard((trail, tick))
        self._keep(trail, seen)
        if not doubtful(seen):
            if seen.outcome in ANSWERED:
                self._known_down.discard(subject.key)
            return
        if subject.module.kind in QUIET_KINDS:
            return  # nobody waits for it, and asking again gives a probe away
        if subject.key not in self._known_down and await self._confirm(trail, subject, tick, 1):
            self._known_down.add(subject.key)

    async def _look_again(self, trail: str, subject: Subject, tick: datetime) -> None:
        """Ask at once, after whatever re-probes the tick has had; what fails is confirmed as at a tick."""
        first = self.duty.settings.confirmations + 1
        seen = await self.duty.observe(subject, tick, first, len(self._attempts))
        self._keep(trail, seen)
        if doubtful(seen) and await self._confirm(trail, subject, tick, first + 1):
            self._known_down.add(subject.key)

    async def _confirm(self, trail: str, subject: Subject, tick: datetime, first: int) -> bool:
        """Ask a failed tick again, from attempt *first* on; whether every answer was as doubtful as the one before."""
        settings = self.duty.settings
        for attempt in range(first, first + settings.confirmations):
            gap_s = confirm_gap_s(subject.key, tick, attempt, settings.confirm_gap_min, settings.confirm_gap_max)
            await self.duty.bench.clock.sleep(gap_s)
            if self._draining:
                return False
            seen = await self.duty.observe(subject, tick, attempt, len(self._attempts))
            self._keep(trail, seen)
            if not doubtful(seen):
                return False
        return True

    def _keep(self, trail: str, observation: Observation) -> None:
        """Hand over to the spooler; while the disk refuses, up to a bound stay in memory."""
        if len(self._unspooled) >= UNSPOOLED_MAX:
            if not self._overflowed:
                logger.error("the spool refuses and memory is full: ticks are filled in when it takes again")
            self._overflowed = True
            return
        self._unspooled.append((trail, observation))
        self._wake_spooler.set()

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
                    await self.duty.bench.clock.sleep(SPOOL_RETRY_S)
                self._wake_spooler.set()
            if self._draining:
                return

    async def _spool_all(self) -> None:
        while self._unspooled:
            taken = self._unspooled[: self.duty.settings.batch_rows_max]
            await self.disk(self.memory.put, taken)
            del self._unspooled[: len(taken)]
            if any(observation.outcome is Outcome.FAILED for _, observation in taken):
                self.on_failure()
        if self._overflowed:
            self._overflowed = False
            self._filler.look("the spool refused, and memory was full")

    def courses(self) -> Iterable[Course]:
        """Every subject's."""
        return tuple(self._courses.values())

    def under_way(self) -> dict[str, set[datetime]]:
        """By trail, the ticks that are being asked, or wait for the disk."""
        found: dict[str, set[datetime]] = defaultdict(set)
        for trail, tick in self._asking:
            found[trail].add(tick)
        for trail, seen in self._unspooled:
            if seen.attempt == 0:
                found[trail].add(seen.tick)
        return found

    def missing(self, course: Course, tick: datetime, why: str) -> tuple[str, Observation]:
        """The observation of a tick that has none."""
        return course.trail, unobserved(self.duty.bench, course.subject, tick, Reason.OBSERVER_OFFLINE, why)

    async def _drain(self, rooms: Sequence[asyncio.Task[Any]], spooling: asyncio.Task[None]) -> None:
        """No new ticks; what is under way ends and is spooled."""
        self._draining = True
        if self._attempts:
            await asyncio.wait(set(self._attempts), timeout=DRAIN_S)
        for task in (*self._attempts, *rooms):
            task.cancel()
        self._wake_spooler.set()
        await asyncio.gather(*self._attempts, *rooms, spooling, return_exceptions=True)
        with suppress(SpoolError):  # said by the spooler already; the next start fills in what is not on disk
            await self._spool_all()


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

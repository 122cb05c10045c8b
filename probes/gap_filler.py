"""Leaves an observation for every tick that was taken and has none: after a crash, a leap, a disk that refused."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from probes.course import Course, Span, missed
from probes.disk_thread import Disk
from probes.schedule import Grid
from probes.spool import Seen
from schemas.clock import Clock
from schemas.errors import SpoolError
from schemas.observation import Observation

logger = logging.getLogger(__name__)

RETRY_S = 1.0

Row = tuple[str, Observation]  # trail, observation


class Memory(Protocol):
    """Where observations are put, and what it remembers of each subject's ticks. Everything raises SpoolError."""

    def put(self, observations: Sequence[Row]) -> None:
        """Store them, all or none."""
        ...

    def seen(self, trail: str) -> Seen | None:
        """The ticks remembered."""
        ...

    def forget(self, until: Mapping[str, datetime]) -> None:
        """Remember of each trail nothing up to its instant any more."""
        ...


class Probing(Protocol):
    """What the filler asks the agent."""

    def courses(self) -> Iterable[Course]:
        """Every subject's."""
        ...

    def under_way(self) -> dict[str, set[datetime]]:
        """By trail, the ticks that are being asked, or wait for the disk."""
        ...

    def missing(self, course: Course, tick: datetime, why: str) -> Row:
        """The observation of a tick that has none."""
        ...


@dataclass(frozen=True, slots=True)
class Owed:
    """Ticks in a row that have no observation yet."""

    course: Course
    span: Span
    why: str

    def ticks(self) -> Iterator[datetime]:
        """Ascending."""
        first, last = self.span
        return self.course.grid.between(first - timedelta(milliseconds=1), last)


class GapFiller:
    """Fills in when told that something may be missing, at the speed of the disk."""

    def __init__(self, probing: Probing, memory: Memory, disk: Disk, *, rows_max: int) -> None:
        self._probing, self._memory, self._disk, self._rows_max = probing, memory, disk, rows_max
        self._wake = asyncio.Event()
        self._why = ""
        self._owed: deque[Owed] = deque()
        self._ready: tuple[list[Row], int, Owed | None] | None = None
        self._begun: dict[str, datetime] = {}
        self._leaving: dict[str, Course] = {}

    def begin(self, trails: Iterable[str], now: datetime) -> None:
        """They are new at *now*: what is missing from then on is remembered, though none of their ticks came yet."""
        self._begun |= {trail: now for trail in trails if trail not in self._leaving}
        self._wake.set()

    def look(self, why: str) -> None:
        """There may be ticks without an observation, and *why*."""
        self._why = self._why or why
        self._wake.set()

    def leave(self, gone: dict[str, Course]) -> None:
        """Their subjects are probed no more: once all their ticks have an observation, they are forgotten."""
        self._leaving |= gone
        self.look("its observation was lost")

    async def run(self, clock: Clock) -> None:
        """Fill until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._remember_begun()
                await self._find()
                await self._fill_in()
                await self._let_go()
            except SpoolError as error:
                logger.error("%s", error)
            if self._begun or self._owed or self._why or self._leaving:
                await clock.sleep(RETRY_S)
                self._wake.set()

    async def _remember_begun(self) -> None:
        begun = dict(self._begun)
        if begun:
            await self._disk(self._memory.forget, begun)
            self._begun = {trail: at for trail, at in self._begun.items() if begun.get(trail) != at}

    async def _find(self) -> None:
        """Add what is missing to what is owed."""
        if not self._why:
            return
        courses = {course.trail: course for course in (*self._leaving.values(), *self._probing.courses())}
        spans = [(course, course.spans()) for course in courses.values()]
        spoken_for = self._spoken_for()  # before reading: a tick goes from here to the disk, never back
        for course, taken in spans:
            seen = await self._disk(self._memory.seen, course.trail)
            ticks = missed(course.grid, taken, seen, spoken_for.get(course.trail, ()))
            self._owed += [Owed(course, run, self._why) for run in runs(ticks, course.grid)]
        self._why = ""

    def _spoken_for(self) -> dict[str, set[datetime]]:
        found = defaultdict(set, self._probing.under_way())
        for owed in self._owed:
            found[owed.course.trail].update(owed.ticks())
        return found

    async def _fill_in(self) -> None:
        while self._owed:
            self._ready = self._ready or self._next_rows()  # made once, however often the disk refuses them
            rows, paid, rest = self._ready
            await self._disk(self._memory.put, rows)
            self._ready = None
            for _ in range(paid):
                self._owed.popleft()
            if rest is not None:
                self._owed[0] = rest

    def _next_rows(self) -> tuple[list[Row], int, Owed | None]:
        """The rows of the oldest that is owed; how many they pay in full, and what they leave of the next."""
        rows: list[Row] = []
        for paid, owed in enumerate(self._owed):
            ticks = list(islice(owed.ticks(), self._rows_max - len(rows)))
            rows += [self._probing.missing(owed.course, tick, owed.why) for tick in ticks]
            if not ticks:
                return rows, paid, None
            if ticks[-1] < owed.span[1]:
                return rows, paid, Owed(owed.course, (owed.course.grid.after(ticks[-1]), owed.span[1]), owed.why)
        return rows, len(self._owed), None

    async def _let_go(self) -> None:
        if not self._leaving:
            return
        probed, spoken_for = {course.trail for course in self._probing.courses()}, self._spoken_for()
        well = {trail: one for trail, one in self._leaving.items() if trail in probed or trail not in spoken_for}
        for trail in well:
            del self._leaving[trail]
        until = {trail: course.settle() for trail, course in well.items() if trail not in probed}
        if until:
            await self._disk(self._memory.forget, until)


def runs(ticks: Sequence[datetime], grid: Grid) -> list[Span]:
    """Ascending *ticks* of *grid* as spans of ticks that follow one another."""
    found: list[Span] = []
    for tick in ticks:
        if found and grid.after(found[-1][1]) == tick:
            found[-1] = found[-1][0], tick
        else:
            found.append((tick, tick))
    return found

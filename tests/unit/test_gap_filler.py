"""What is missing is found once, filled in as soon as the disk takes it, and never filled in twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from probes.course import Course
from probes.gap_filler import GapFiller, runs
from probes.schedule import Grid
from probes.spool import Seen
from schemas.errors import SpoolError
from schemas.observation import Observation
from tests.support.observations import seen
from tests.support.subjects import http_subject
from tests.support.virtual_loop import VirtualClock, VirtualLoop
from tests.virtual_time.machine import MemorySpool

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SUBJECT = http_subject("http://127.0.0.1:1", interval="10s")


class Probing:
    """An agent with one course, of whose ticks some are under way."""

    def __init__(self, course: Course) -> None:
        self.course, self.asked = course, set[datetime]()

    def courses(self) -> Iterable[Course]:
        """The one."""
        return (self.course,)

    def under_way(self) -> dict[str, set[datetime]]:
        """As told."""
        return {self.course.trail: set(self.asked)}

    def missing(self, course: Course, tick: datetime, why: str) -> tuple[str, Observation]:
        """A row for it."""
        return course.trail, seen(tick=tick, detail=why)


class Disk:
    """Refuses to write as often as told."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals, self.puts = refusals, 0

    async def __call__(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Done at once, unless it refuses."""
        await asyncio.sleep(0)
        if work.__name__ == "put":
            self.puts += 1
            if self.puts <= self.refusals:
                raise SpoolError("disk is full")
        return work(*arguments)


def filled(looks: Sequence[str], *, refusals: int = 0, taken: int = 40, under_way: int = 3, known: int = 5) -> Any:
    """What is in the spool after *looks*: (ticks, rows), when *known* were seen before and the last are *under_way*."""
    clock, spool = VirtualClock(NOON), MemorySpool(0)
    course = Course.begun(SUBJECT, NOON)
    probing, disk = Probing(course), Disk(refusals)
    ticks = [course.take() for _ in range(taken)]
    probing.asked = set(ticks[taken - under_way :])
    spool.put([(course.trail, seen(tick=tick)) for tick in ticks[:known]])

    async def life() -> None:
        filler = GapFiller(probing, spool, disk, rows_max=7)
        running = asyncio.create_task(filler.run(clock))
        for why in looks:
            filler.look(why)
            await clock.sleep(0.3)
        await clock.sleep(refusals + 5.0)
        running.cancel()

    loop = VirtualLoop(clock)
    loop.run_until_complete(life())
    loop.close()
    return ticks, list(spool.rows)


def test_what_is_neither_seen_nor_under_way_is_filled_in_once() -> None:
    """However often one looks."""
    ticks, rows = filled(["no agent ran", "again", "and again"])

    assert [row.tick for row in rows] == ticks[:37]
    assert {row.detail for row in rows[5:]} == {"no agent ran"}


def test_a_disk_that_refuses_is_asked_again_and_nothing_is_doubled() -> None:
    """Ten times refused, and looked at anew meanwhile."""
    ticks, rows = filled(["no agent ran", "the clock was set", "the agent stood still"], refusals=10)

    assert sorted(row.tick for row in rows) == ticks[:37]


def test_what_was_found_is_owed_although_the_memory_of_it_fades() -> None:
    """The disk refuses for so long that newer ticks drive the gap out of the memory: it is filled in all the same."""
    clock, spool = VirtualClock(NOON), MemorySpool(0)
    course = Course.begun(SUBJECT, NOON)
    probing, disk = Probing(course), Disk(refusals=3)
    first, *gap = [course.take() for _ in range(20)]
    spool.put([(course.trail, seen(tick=first))])

    async def life() -> None:
        filler = GapFiller(probing, spool, disk, rows_max=500)
        running = asyncio.create_task(filler.run(clock))
        filler.look("no agent ran")
        await clock.sleep(1.5)
        spool.put([(course.trail, seen(tick=course.take())) for _ in range(1000)])
        filler.look("later")
        await clock.sleep(60)
        running.cancel()

    loop = VirtualLoop(clock)
    loop.run_until_complete(life())
    loop.close()
    memory = spool.seen(course.trail)

    assert memory is not None and memory.since > gap[-1]
    assert [row.tick for row in spool.rows if row.detail] == gap


def test_a_subject_that_left_is_forgotten_when_all_of_it_is_on_disk() -> None:
    """Not while one of its ticks is being asked."""
    clock, spool = VirtualClock(NOON), MemorySpool(0)
    staying, leaving = (Course.begun(http_subject("http://x", interval=f"{n}s"), NOON) for n in (10, 11))
    probing, disk = Probing(staying), Disk()
    tick, last = leaving.take(), leaving.take()
    spool.put([(leaving.trail, seen(tick=tick))])
    memories: list[Seen | None] = []

    async def life() -> None:
        filler = GapFiller(probing, spool, disk, rows_max=7)
        probing.under_way = lambda: {leaving.trail: {last}}  # type: ignore[method-assign]
        running = asyncio.create_task(filler.run(clock))
        filler.leave({leaving.trail: leaving})
        await clock.sleep(10)
        memories.append(spool.seen(leaving.trail))
        spool.put([(leaving.trail, seen(tick=last))])
        probing.under_way = dict  # type: ignore[method-assign]
        await clock.sleep(10)
        memories.append(spool.seen(leaving.trail))
        running.cancel()

    loop = VirtualLoop(clock)
    loop.run_until_complete(life())
    loop.close()

    assert [memory.ticks if memory else None for memory in memories] == [{tick}, set()]
    assert memories[1] is not None and memories[1].since > last


@settings(max_examples=60)
@given(numbers=st.sets(st.integers(0, 60)))
def test_runs_are_the_same_ticks_in_as_few_spans_as_possible(numbers: set[int]) -> None:
    """Each span from first to last, none touching the next."""
    interval, grid = timedelta(seconds=10), Grid(10_000, 0)
    ticks = [NOON + interval * number for number in sorted(numbers)]
    found = runs(ticks, grid)

    spread = [first + interval * n for first, last in found for n in range((last - first) // interval + 1)]
    assert spread == ticks
    assert all(later[0] - earlier[1] > interval for earlier, later in pairwise(found))

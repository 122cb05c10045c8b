"""An event loop on virtual time: where a real one waits, this one moves the clock. No threads, no waiting."""

from __future__ import annotations

import asyncio
import heapq
import math
import selectors
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from probes.alarm import ALARM_S_MAX

START = datetime(2026, 11, 23, tzinfo=UTC)  # a Monday


class VirtualClock:
    """Wall and monotonic time of a VirtualLoop; the wall can be set, and time can pass while the loop is busy."""

    def __init__(self, start: datetime = START) -> None:
        self._start, self._ns, self._set = start, 0, timedelta(0)
        self._now, self._now_at = start, 0

    def now(self) -> datetime:
        """The wall time, aware, UTC."""
        if self._now_at != self._ns:
            self._now = self._start + timedelta(microseconds=self._ns // 1000) + self._set
            self._now_at = self._ns
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._ns / 1e9

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(seconds)

    def pass_(self, seconds: float) -> None:
        """Let time pass at once: what a busy callback does to everybody else."""
        self._ns += round(seconds * 1e9)

    def reach(self, instant_s: float) -> None:
        """Let time pass until *instant_s* of the monotonic clock."""
        self._ns = max(self._ns, math.ceil(instant_s * 1e9))

    def set_by(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._set += timedelta(seconds=seconds)
        self._now_at = -1


class _NoFiles(selectors.BaseSelector):
    """For asyncio's own pipe, which nobody writes to."""

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is *clock*'s."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_NoFiles())
        self._virtual = clock

    def time(self) -> float:
        """Virtual seconds."""
        return self._virtual.monotonic()

    def _run_once(self) -> None:
        """As asyncio's own, without what has to do with files: with nothing ready, time goes on to the next timer."""
        timers, ready, clock = self._scheduled, self._ready, self._virtual
        if not ready:
            while timers and timers[0]._cancelled:
                heapq.heappop(timers)._scheduled = False
                self._timer_cancelled_count -= 1
            if not timers:
                raise RuntimeError("nothing will ever happen again: everybody waits for somebody")
            clock.reach(timers[0]._when)
        end = clock.monotonic() + self._clock_resolution
        while timers and timers[0]._when <= end:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()


class VirtualAlarm:
    """A probes.alarm.Alarm on virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self._rung = clock, False
        self._waiting: asyncio.Future[None] | None = None

    async def wait(self, until: datetime | None) -> None:
        """As Alarm.wait."""
        if not self._rung:
            loop = asyncio.get_running_loop()
            delay_s = ALARM_S_MAX if until is None else (until - self._clock.now()).total_seconds()
            self._waiting = loop.create_future()
            handle = loop.call_later(min(max(delay_s, 0.0), ALARM_S_MAX), self._end, self._waiting)
            try:
                await self._waiting
            finally:
                handle.cancel()
        self._rung = False

    def ring(self) -> None:
        """As Alarm.ring."""
        self._rung = True
        if self._waiting is not None:
            self._end(self._waiting)

    @staticmethod
    def _end(waiting: asyncio.Future[None]) -> None:
        if not waiting.done():
            waiting.set_result(None)

"""
An event loop on virtual time: where a real one waits, this one moves the clock. No threads, no files, no waiting.

It does what asyncio's own loop does with callbacks and timers, and no more: a week is tens of millions of them.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from probes.alarm import ALARM_S_MAX

START = datetime(2026, 11, 23, tzinfo=UTC)  # a Monday
RESOLUTION_S = 1e-9


class VirtualClock:
    """Wall and monotonic time of a VirtualLoop; the wall can be set, and time can pass while the loop is busy."""

    def __init__(self, start: datetime = START) -> None:
        self._ns, self._seconds = 0, 0.0
        self._wall_at_start = self._now = start
        self._now_at = 0
        # As heapq keeps it: when, in order of asking, and who waits for it.
        self.timers: list[tuple[float, int, _Handle | asyncio.Future[None]]] = []
        self._timers_made = 0

    def now(self) -> datetime:
        """The wall time, aware, UTC."""
        if self._now_at != self._ns:
            self._now = self._wall_at_start + timedelta(0, 0, self._ns // 1000)
            self._now_at = self._ns
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await self.moment(seconds)

    def moment(self, seconds: float) -> asyncio.Future[None]:
        """Done when so much time has passed: what most of a simulation waits for, without a handle."""
        future: asyncio.Future[None] = asyncio.Future()
        self._timers_made += 1
        heapq.heappush(self.timers, (self._seconds + seconds, self._timers_made, future))
        return future

    def wake(self, when: float, whom: _Handle | asyncio.Future[None]) -> None:
        """Have it called, or done, at *when*."""
        self._timers_made += 1
        heapq.heappush(self.timers, (when, self._timers_made, whom))

    def pass_(self, seconds: float) -> None:
        """Let time pass at once: what a busy callback does to everybody else."""
        self._ns += round(seconds * 1e9)
        self._seconds = self._ns / 1e9

    def reach(self, instant_s: float) -> float:
        """Let time pass until *instant_s* of the monotonic clock, if that is still to come; what it then says."""
        if instant_s > self._seconds:
            self._ns = math.ceil(instant_s * 1e9)
            self._seconds = self._ns / 1e9
        return self._seconds

    def set_by(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._wall_at_start += timedelta(seconds=seconds)
        self._now_at = -1


class _Handle:
    """A call to come, in the context of who asked for it; it can be cancelled."""

    __slots__ = ("_arguments", "_callback", "_context", "_off")

    def __init__(self, callback: Callable[..., Any], arguments: tuple[Any, ...], context: Context | None) -> None:
        self._callback, self._arguments, self._off = callback, arguments, False
        self._context = copy_context() if context is None else context

    def cancel(self) -> None:
        """Do not call."""
        self._off = True

    def call(self) -> None:
        """Now."""
        if not self._off:
            self._context.run(self._callback, *self._arguments)


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is *clock*'s. What a callback raises ends it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._virtual = clock
        self._ready: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]

    def time(self) -> float:
        """Virtual seconds."""
        return self._virtual.monotonic()

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        """As asyncio's; tasks and futures, which give their context, have no use for a handle and get none."""
        if context is not None:
            self._ready.append((context.run, (callback, *args)))
            return None
        handle = _Handle(callback, args, context)
        self._ready.append((handle.call, ()))
        return handle

    call_soon_threadsafe = call_soon  # there is one thread

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        """As asyncio's."""
        return self.call_at(self._virtual.monotonic() + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        """As asyncio's; of two with the same instant, the one that was asked for first comes first."""
        handle = _Handle(callback, args, context)
        self._virtual.wake(when, handle)
        return handle

    def _run_once(self) -> None:
        """Until stopped: call all that is ready, then go on to the instant of the next timer."""
        clock, timers, ready = self._virtual, self._virtual.timers, self._ready
        while True:
            while ready:
                callback, arguments = ready.popleft()
                callback(*arguments)
            if self._stopping:
                return
            if not timers:
                raise RuntimeError("nothing will ever happen again: everybody waits for somebody")
            now = clock.reach(timers[0][0]) + RESOLUTION_S
            while timers and timers[0][0] <= now:
                waiting = heapq.heappop(timers)[2]
                if type(waiting) is _Handle:
                    ready.append((waiting.call, ()))
                elif not waiting.done():
                    waiting.set_result(None)


class VirtualAlarm:
    """A probes.alarm.Alarm on virtual time."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self._rung = clock, False
        self._waiting: asyncio.Future[None] | None = None

    async def wait(self, until: datetime | None) -> None:
        """As Alarm.wait."""
        if not self._rung:
            delay_s = ALARM_S_MAX if until is None else (until - self._clock.now()).total_seconds()
            self._waiting = self._clock.moment(min(max(delay_s, 0.0), ALARM_S_MAX))
            await self._waiting
        self._rung = False

    def ring(self) -> None:
        """As Alarm.ring."""
        self._rung = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

"""The agent's alarm clock: it wakes at an instant and decides nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

ALARM_S_MAX = 0.5  # a look at the clock at least this often: it may have been set


class Alarm(Protocol):
    """What the agent waits on."""

    async def wait(self, until: datetime | None) -> None:
        """Return at *until*, when rung, or after ALARM_S_MAX, whichever is first."""
        ...

    def ring(self) -> None:
        """Wake whoever waits; who waits next returns at once."""
        ...


class SchedulerAlarm:
    """An Alarm on APScheduler, as an async context manager."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._rung = asyncio.Event()

    async def __aenter__(self) -> SchedulerAlarm:
        self._scheduler.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.shutdown(wait=False)

    async def wait(self, until: datetime | None) -> None:
        """As Alarm.wait."""
        if until is not None:
            self._scheduler.add_job(
                self._ring, DateTrigger(until), id="tick", replace_existing=True,
                misfire_grace_time=None, max_instances=100,
            )  # fmt: skip
        with suppress(TimeoutError):
            async with asyncio.timeout(ALARM_S_MAX):  # Python 3.11's wait_for may swallow a cancellation
                await self._rung.wait()
        self._rung.clear()

    def ring(self) -> None:
        """As Alarm.ring."""
        self._rung.set()

    async def _ring(self) -> None:
        self._rung.set()

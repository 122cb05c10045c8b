"""The loop on virtual time: a day passes at once, in order, and a deadlock is said instead of waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from probes.alarm import ALARM_S_MAX
from tests.support.virtual_loop import START, VirtualAlarm, VirtualClock, VirtualLoop


def lived(clock: VirtualClock, life: Coroutine[Any, Any, Any]) -> Any:
    """What *life* comes to on virtual time."""
    loop = VirtualLoop(clock)
    try:
        return loop.run_until_complete(life)
    finally:
        loop.close()


def test_a_day_passes_at_once_and_in_order() -> None:
    """Three sleepers, the longest a day; both clocks say so."""
    clock, woken = VirtualClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    async def life() -> None:
        await asyncio.gather(*(sleeper(seconds) for seconds in (86_400, 0.25, 3_600)))

    lived(clock, life())

    assert woken == [(0.25, 0.25), (3_600, 3_600), (86_400, 86_400)]
    assert clock.now() == START + timedelta(days=1)


def test_setting_the_wall_clock_does_not_touch_the_monotonic_one() -> None:
    """And a busy callback makes others late."""
    clock = VirtualClock()

    async def life() -> tuple[float, float]:
        clock.set_by(-100)
        clock.pass_(5)
        before = clock.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.Event().wait()
        return before, clock.monotonic()

    assert lived(clock, life()) == (5, 6)
    assert clock.now() == START - timedelta(seconds=94)


def test_when_nothing_can_ever_happen_it_says_so() -> None:
    """A real loop would hang."""

    async def life() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will ever happen again"):
        lived(VirtualClock(), life())


def test_the_alarm_rings_at_its_instant_when_rung_and_now_and_then() -> None:
    """As the real one promises."""
    clock = VirtualClock()

    async def life() -> list[float]:
        alarm, at = VirtualAlarm(clock), []
        for until in (START + timedelta(seconds=0.2), None, START + timedelta(days=9)):
            await alarm.wait(until)
            at.append(round(clock.monotonic(), 6))
        asyncio.get_running_loop().call_later(0.1, alarm.ring)
        await alarm.wait(None)
        alarm.ring()
        await alarm.wait(None)
        return [*at, round(clock.monotonic(), 6)]

    assert lived(clock, life()) == [0.2, 0.2 + ALARM_S_MAX, 0.2 + 2 * ALARM_S_MAX, 0.3 + 2 * ALARM_S_MAX]

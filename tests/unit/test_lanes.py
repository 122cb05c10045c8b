"""One at a time, and of two lanes that both wait neither keeps the other waiting for more than one."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.lanes import Lane, Lanes


async def order_of(comers: list[Lane]) -> list[Lane]:
    """In which order they have their turn, when all wait from the start behind one that is busy."""
    lanes, went, inside = Lanes(), list[Lane](), 0
    await lanes.enter(Lane.BACKLOG)

    async def go(lane: Lane) -> None:
        nonlocal inside
        async with lanes.turn(lane):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            went.append(lane)
            inside -= 1

    waits = [asyncio.create_task(go(lane)) for lane in comers]
    await asyncio.sleep(0)
    lanes.leave()
    await asyncio.gather(*waits)
    return went


@settings(deadline=None)
@given(comers=st.lists(st.sampled_from(Lane), max_size=12))
def test_the_lanes_take_turns(comers: list[Lane]) -> None:
    """As long as both wait, no lane goes twice; everybody goes once."""
    went = asyncio.run(order_of(comers))

    assert sorted(went, key=list(Lane).index) == sorted(comers, key=list(Lane).index)
    both = 2 * min(comers.count(lane) for lane in Lane)
    assert went[:both] == [Lane.FRESH, Lane.BACKLOG] * (both // 2)


async def test_who_gives_up_makes_way() -> None:
    """Its lane's turn is not waited for."""
    lanes = Lanes()
    await lanes.enter(Lane.BACKLOG)
    fresh, backlog = (asyncio.create_task(lanes.enter(lane)) for lane in (Lane.FRESH, Lane.BACKLOG))
    await asyncio.sleep(0)
    fresh.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fresh
    lanes.leave()

    async with asyncio.timeout(5):
        await backlog


async def test_who_gives_up_as_his_turn_comes_passes_it_on() -> None:
    """Nobody waits for one who is gone."""
    lanes = Lanes()
    await lanes.enter(Lane.BACKLOG)
    fresh, backlog = (asyncio.create_task(lanes.enter(lane)) for lane in (Lane.FRESH, Lane.BACKLOG))
    await asyncio.sleep(0)
    lanes.leave()
    fresh.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fresh

    async with asyncio.timeout(5):
        await backlog

"""The cases of the gauntlet, played for both sides at once: the same outage, the same fault, the same blow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from bench.page.cases import Blow, Case
from bench.page.errors import BenchError
from bench.page.house import BACKUP, OURS, House, peer_sides, until
from bench.page.own_side import Touchstone
from bench.page.peer_side import TUNED
from bench.page.rows import Heard


@dataclass(slots=True)
class Played:
    """A case under way; *restarted_s* is when each side's pager was started again."""

    case: Case
    zero_s: float
    restarted_s: dict[str, float] = field(default_factory=dict)


async def run_gauntlet(house: House, *, from_s: float) -> tuple[dict[str, Mapping[str, Heard]], list[str]]:
    """Every case of the plan, none before *from_s*; what each side's receivers heard by case, and complaints."""
    lanes, complaints = asyncio.Semaphore(house.plan.lanes), list[str]()
    heard: dict[str, Mapping[str, Heard]] = {}

    async def one(case: Case) -> None:
        try:
            heard[case.name] = await _play(house, case, lanes)
        except BenchError as error:
            complaints.append(f"{case.name}: {error}")
            house.say(f"[red]{case.name}: {error}[/red]")

    await until(from_s)
    async with asyncio.TaskGroup() as group:
        for case in house.plan.cases:
            group.create_task(one(case))
    return heard, complaints


async def _play(house: House, case: Case, lanes: asyncio.Semaphore) -> Mapping[str, Heard]:
    async with lanes, house.touchstone(house.wanted(case)) as ours:
        await asyncio.sleep(house.plan.case_settle_s)
        house.say(f"{case.name}: begins")
        played = Played(case, time.monotonic())
        _script(house, played)
        await asyncio.gather(_strike(house, played, ours), until(played.zero_s + case.ours_s))
    if house.peers is not None and not house.plan.quick:
        house.say(f"{case.name}: ours is done")
        await until(played.zero_s + case.peers_s)
    house.say(f"{case.name}: done")
    return {side: _heard(house, played, side) for side in (OURS, *(peer_sides(case) if house.peers else ()))}


def _script(house: House, played: Played) -> None:
    """Tell targets and receivers what is to come."""
    case, zero_s = played.case, played.zero_s
    for subject in case.names():
        house.targets_of(case).plan(subject, [one.after(zero_s) for one in case.outages])
    for side in (OURS, *peer_sides(case)):
        if (fault := case.fault_of(ours=side == OURS)) is not None:
            house.receiver.misbehave(side, case.name, fault.after(zero_s))


async def _strike(house: House, played: Played, ours: Touchstone) -> None:
    """Every blow at its time, to both sides."""
    case, peers = played.case, house.peers
    for after_s, blow in case.blows:
        await until(played.zero_s + after_s)
        house.say(f"{case.name}: {blow.value}")
        if blow is Blow.CUT_NETWORK:
            await house.network.cut()
        elif blow is Blow.MEND_NETWORK:
            await house.network.mend()
        elif blow is Blow.KILL_PROBER:
            ours.kill_prober()
            if peers is not None:
                peers.kill_prober(case.name)
        elif blow is Blow.KILL_PAGER:
            ours.kill_pager()
            if peers is not None:
                peers.kill_pager(case.name)
        else:
            played.restarted_s[OURS] = ours.start_pager()
            if peers is not None:
                played.restarted_s[TUNED] = peers.start_pager(case.name)
            await ours.pager_listens()
            took_s = time.monotonic() - played.restarted_s[OURS]
            house.say(f"{case.name}: the collector listens {took_s:.1f} s after its start")


def _heard(house: House, played: Played, side: str) -> Heard:
    case = played.case
    fault = case.fault_of(ours=side == OURS)
    mine = [one for one in house.receiver.arrivals if one.case == case.name and one.at_s >= played.zero_s]
    return Heard(
        subjects=case.names(),
        arrivals=[one for one in mine if one.side == side],
        zero_s=played.zero_s,
        back_s=played.zero_s + fault.until_s if fault else inf,
        restarted_s=played.restarted_s.get(side),
        backup=[one for one in mine if one.side == BACKUP],
    )

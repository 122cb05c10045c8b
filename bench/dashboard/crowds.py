"""Nobody, twenty viewers, and one, while the agent probes: what viewers wait for, what the agent's timings are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.dashboard.agent_side import Timings, now_ms, probing, rows_in, timings_of
from bench.dashboard.history import Say
from bench.dashboard.house import Opened
from bench.dashboard.places import Place
from bench.dashboard.plan import Plan
from bench.dashboard.viewers import Crowd, crowd
from bench.measure.lateness import Window

SETTLE_S = 2.0  # between two windows
WATCHED = ("dashboard", "store", "collect")
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Crowds:
    """Of each pair of windows: the agent's timings with nobody there and with all viewers; what those and one saw."""

    quiet: list[Timings] = field(default_factory=list)
    watched: list[Timings] = field(default_factory=list)
    alone: list[Crowd] = field(default_factory=list)
    together: list[Crowd] = field(default_factory=list)
    cores: dict[str, list[float]] = field(default_factory=dict)  # that each process kept busy, with all viewers
    idle_cores: dict[str, list[float]] = field(default_factory=dict)


async def measure(house: Opened, places: Sequence[Place], plan: Plan, folder: Path, say: Say) -> Crowds:
    """Everything, pair by pair; the order within a pair turns."""
    found, windows = Crowds(), []
    whole_s = plan.pairs * 3 * (plan.watch_s + SETTLE_S)
    async with probing(house, folder, for_s=whole_s + 60) as agent:
        for number in range(plan.pairs):
            order = (0, plan.viewers) if number % 2 == 0 else (plan.viewers, 0)
            for viewers in (*order, 1):
                begins_ms, before = now_ms(), {name: cpu_s(house.pid(name)) for name in WATCHED}
                if viewers:
                    some = await crowd(house.url, places, viewers, for_s=plan.watch_s, stay_s=plan.stay_s)
                    (found.together if viewers > 1 else found.alone).append(some)
                else:
                    await asyncio.sleep(plan.watch_s)
                wall_s = (now_ms() - begins_ms) / 1000
                if viewers != 1:
                    windows.append((viewers, Window(begins_ms, now_ms())))
                    cores = found.cores if viewers else found.idle_cores
                    for name in WATCHED:
                        cores.setdefault(name, []).append((cpu_s(house.pid(name)) - before[name]) / wall_s)
                say(f"pair {number + 1} of {plan.pairs}: {viewers} viewers, {wall_s:.0f} s")
                await asyncio.sleep(SETTLE_S)
    for viewers, window in windows:
        timings = timings_of(agent, window, rows_in(house.store, window))
        (found.watched if viewers else found.quiet).append(timings)
    return found


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK

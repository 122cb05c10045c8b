"""
The house that is looked at: store, receiver, collector and dashboard by the configuration that `up` writes.

As in `up`, the dashboard is five steps nicer than the rest. The judge looks every minute, which is its default.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from bench.dashboard import history
from bench.dashboard.errors import BenchError
from bench.dashboard.furnishing import furnish
from bench.measure.place import OUR_ENVIRON
from bench.page.process import Process
from collector.storage.queries import Reader
from schemas.config import Configuration, Store
from simulator.world import World
from touchstone.config_file import load_configuration
from touchstone.house import Addresses, House

START_S, STORE_START_S = 60.0, 300.0
READY_S_MAX = 7200.0  # to roll up, judge and count 70 million observations for the first time
EXAMINED_S_MAX = 600.0  # and then to examine them; pages without an examination can be looked at, too
POLL_S = 2.0


@dataclass(slots=True)
class Opened:
    """A house at work. *holds* is what its store holds beside observations, *missing* what the collector did not do."""

    house: House
    store: Store
    processes: dict[str, Process]
    holds: dict[str, int]
    missing: tuple[str, ...]

    @property
    def url(self) -> str:
        """Of its dashboard."""
        return self.house.addresses.dashboard_url

    def pid(self, name: str) -> int:
        """Of one of its processes."""
        return self.processes[name].pid


@asynccontextmanager
async def opened(folder: Path, days: int, say: history.Say) -> AsyncIterator[Opened]:
    """The house in *folder*, whose store holds the last *days*, with all that its pages show."""
    world = World.of()
    house = House.built(folder, world, Addresses.free())
    configuration = as_measured(house.config)
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    processes = {
        program.name: _process(program.arguments, program.nice, logs / f"{program.name}.log", folder)
        for program in house.programs(datetime.now(UTC), days)
        if program.name in {"store", "receiver", "collect", "dashboard"}
    }
    where, store = house.addresses, configuration.settings.store
    try:
        processes["store"].start()
        await processes["store"].listens(where.store, within_s=STORE_START_S)
        history.load(house.config, days, say)
        end = await history.catch_up(store, world, datetime.now(UTC), say)
        processes["receiver"].start()
        processes["collect"].start()
        await processes["collect"].listens(where.collector, within_s=START_S)
        missing = await _worked_out(store, end, say)
        holds = await asyncio.to_thread(furnish, store, end - timedelta(days=days), end)
        say("beside them: " + ", ".join(f"{n:,} {name}" for name, n in holds.items()))
        processes["dashboard"].start()
        await processes["dashboard"].listens(where.dashboard, within_s=START_S)
        yield Opened(house, store, processes, holds, missing)
    finally:
        for name in ("dashboard", "collect", "receiver", "store"):
            await processes[name].stop()


def as_measured(config: Path) -> Configuration:
    """Have the file *config* judge as often as it is judged by default; the configuration."""
    settings = yaml.safe_load(config.read_text())
    del settings["collector"]["judge_every"]
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    return load_configuration(config, {})


async def _worked_out(store: Store, end: datetime, say: history.Say) -> tuple[str, ...]:
    """Wait until the collector has rolled up, judged, examined and counted until *end*; what it has not done."""
    said: list[str] = []
    examining_s = 0.0
    for _ in range(round(READY_S_MAX / POLL_S)):
        with Reader.open(store) as reader:
            health, statements = reader.monitor_health(), reader.statements(end - timedelta(days=1))
        hour = end.replace(minute=0, second=0, microsecond=0)
        waits = [
            name
            for name, done in (
                ("rolled up", health.rolled_up_to is not None and health.rolled_up_to >= hour),
                ("judged", health.judged_at is not None and health.judged_at >= end),
                ("examined", health.examined_at is not None),
                ("counted", bool(statements)),
            )
            if not done
        ]
        if not waits or (waits == ["examined"] and examining_s >= EXAMINED_S_MAX):
            return tuple(waits)
        examining_s += POLL_S if waits == ["examined"] else 0.0
        if waits != said:
            say(f"not {', '.join(waits)} yet")
            said = waits
        await asyncio.sleep(POLL_S)
    raise BenchError(f"the collector did not come to its end within {READY_S_MAX:.0f} s")


def _process(arguments: tuple[str, ...], nice: int, log: Path, folder: Path) -> Process:
    words = [sys.executable, "-m", "touchstone", *arguments]
    return Process(words, log=log, folder=folder, environ=OUR_ENVIRON, nice=nice)

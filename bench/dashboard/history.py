"""
The past that is looked at: that of the simulated fleet, a probe of each of 90 clusters every 10 s, up to now.

Loaded once into a folder that is kept; a later run adds the time that has passed since.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.dashboard.errors import BenchError
from bench.dashboard.plan import STEP_S
from collector.storage.clickhouse import ClickHouse
from schemas.config import Store
from simulator.history import Past
from simulator.world import World
from touchstone.system_clock import SystemClock

GAP_MAX = timedelta(minutes=10)  # a shorter one is no hole in any page

Say = Callable[[str], None]


def load(config: Path, days: int, say: Say) -> None:
    """The last *days*, by the command that loads them for `up`; what is there already stays."""
    words = [sys.executable, "-m", "touchstone", "-c", str(config), "simulate", "history"]
    say(f"the past of {days} days, unless it is there")
    done = subprocess.run(
        [*words, "--days", str(days), "--step", str(STEP_S), "--json"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"the past could not be loaded: {done.stderr[-500:]}")


async def catch_up(store: Store, world: World, now: datetime, say: Say) -> datetime:
    """Load what lies between the end of the past and *now*; where it ends then."""
    async with ClickHouse.opened(store, clock=SystemClock()) as house:
        progress = await house.history_progress()
        assert progress is not None and progress.finished
        end = Past.named(world, progress.id).end
        until = datetime.fromtimestamp(now.timestamp() // STEP_S * STEP_S, UTC)
        if until - end < GAP_MAX:
            return end
        past = Past(world, end, until, STEP_S)
        say(f"{past.rows:,} rows from {end:%d %b %H:%M} until now")
        for part in past.parts():
            if not await house.count_batch(part.batch_id, part.day):
                await house.insert_arrow("observations", past.table(part, datetime.now(UTC)))
        await house.note_history(past.name, rows_done=past.rows, rows_total=past.rows, finished=True, at=now)
        return until

"""`make chaos`: kill -9 at random moments under load, then every row counted; exit 1 when one is lost or doubled."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import orjson

from collector.storage.clickhouse import ClickHouse
from schemas.config import Store
from tests.chaos.house import DATABASE, KINDS, House
from tests.chaos.load import journaled
from touchstone.system_clock import SystemClock

VICTIMS = (*KINDS, "worker")
BETWEEN_S = (0.2, 2.5)  # from everything at work to the next kill
DOWN_S = (0.0, 1.5)
TWO_AT_ONCE = 0.25  # the share of kills that take a second process with them
REOPEN_MAX_S = 5.0


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    kills: Counter[str] = field(default_factory=Counter)
    reopened_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    reopened_cpu_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    rows: int = 0
    agent_rows: int = 0
    took_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


def run(seed: int, kills: int, folder: Path, *, rate: float = 300.0) -> Outcome:
    """Kill *kills* times, chosen from *seed*, and count."""
    dice, outcome, began = Random(f"chaos|{seed}"), Outcome(), time.monotonic()
    house = House(folder, rate=rate)
    house.write()
    try:
        with house.targets():
            for name in KINDS:
                house.reopened_s(name)
            while outcome.kills.total() < kills:
                time.sleep(dice.uniform(*BETWEEN_S))
                victims = dice.sample(VICTIMS, 2 if dice.random() < TWO_AT_ONCE else 1)
                _kill(house, victims[: kills - outcome.kills.total()], dice, outcome)
                print(_line(outcome, kills, house), flush=True)
            time.sleep(1.0)
            house.finish()
            outcome.wrong += house.wrong()
            outcome.wrong += _rollups_wrong(house)
            outcome.rows, outcome.agent_rows = journaled(house.journal), house.agent_rows()
    finally:
        house.close()
        outcome.took_s = time.monotonic() - began
    return outcome


def _kill(house: House, victims: list[str], dice: Random, outcome: Outcome) -> None:
    """Kill them at once; those that nobody else starts again are started again, one after the other."""
    for victim in victims:
        if victim == "worker":
            for pid in _workers(house):
                os.kill(pid, signal.SIGKILL)
        else:
            house.kill(victim)
        outcome.kills[victim] += 1
    time.sleep(dice.uniform(*DOWN_S))
    for victim in sorted(set(victims) & set(KINDS), key=KINDS.index):
        outcome.reopened_s[victim].append(house.reopened_s(victim))
        outcome.reopened_cpu_s[victim].append(house.cpu_s(victim))


def _workers(house: House) -> list[int]:
    """The agent's children, as far as they live."""
    agent = house.pid("agent")
    if agent is None:
        return []
    try:
        children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [int(pid) for pid in children]


def _rollups_wrong(house: House) -> list[str]:
    """Bring the rollups up to date as the collector does, and compare each with a fold over the facts."""

    async def advance() -> None:
        store = Store(url=f"http://127.0.0.1:{house.store_port}", database=DATABASE)
        opened = await ClickHouse.connect(store, clock=SystemClock())
        try:
            now = datetime.now(UTC)
            await opened.rollups.advance(now, now)
        finally:
            await opened.close()

    asyncio.run(advance())
    command = [sys.executable, "-m", "touchstone", "-c", str(house.config), "store", "check", "--json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    findings = orjson.loads(said.stdout)["findings"] if said.stdout else {"store check": [said.stderr]}
    return [f"store check, {name}: {one}" for name, several in findings.items() for one in several]


def _line(outcome: Outcome, kills: int, house: House) -> str:
    last = {name: f"{times[-1]:.2f}" for name, times in outcome.reopened_s.items()}
    put, waiting = journaled(house.journal), house.waiting()
    return f"{outcome.kills.total()} of {kills} kills, {put:,} rows put, {waiting:,} wait; last reopened, s: {last}"


def said(outcome: Outcome, seed: int) -> str:
    """The figures of a run."""
    times = "; ".join(
        f"{name} median {statistics.median(seconds):.2f}, max {max(seconds):.2f} (n={len(seconds)}, "
        f"CPU median {statistics.median(outcome.reopened_cpu_s[name]):.2f})"
        for name, seconds in sorted(outcome.reopened_s.items())
    )
    return (
        f"seed {seed}: {outcome.kills.total()} kills {dict(sorted(outcome.kills.items()))} in {outcome.took_s:.0f} s; "
        f"{outcome.rows:,} rows of the load, {outcome.agent_rows:,} of the agent; "
        f"load average {os.getloadavg()[0]:.1f}; reopened, s: {times}\n"
        f"wrong: {'; '.join(outcome.wrong) or 'nothing'}"
    )


def main() -> int:
    """Run the seeds asked for; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--rate", type=float, default=300.0)
    options = parser.parse_args()
    bad = []
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            outcome = run(seed, options.kills, Path(folder), rate=options.rate)
        slow = max(outcome.reopened_s["store"], default=0.0) > REOPEN_MAX_S
        print(said(outcome, seed) + (f"\nthe store took longer than {REOPEN_MAX_S:g} s to reopen" if slow else ""))
        bad += [seed] if outcome.wrong or slow else []
    print(f"{options.seeds} seeds; wrong: {bad or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

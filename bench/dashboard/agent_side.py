"""
The agent while people look at the dashboard: the real one, on the same machine, probing the server of bench/measure.

It has the targets of the fleet, each at an address of the load server, a probe of each every 3 s, as in `up`; what it
sees goes to the collector and into the store that the pages read. The load server says when it had each request and
when it sent the first token.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.dashboard.errors import BenchError
from bench.dashboard.house import Opened
from bench.measure.lateness import Window, due_in, lateness_on_grid_ms
from bench.measure.load_server import ServerLog, read_log, serving
from bench.measure.place import OUR_ENVIRON, cores, wall_to_monotonic_ns
from bench.measure.stamps import Truth
from bench.page.process import Process
from collector.storage.connection import opened, rows_of
from probes.schedule import phase_ms
from schemas.config import Store

INTERVAL_S = 3
TOKENS = 24
MODULE = "chat-short"
BEGIN_S = 10.0  # until all that it probes has had its turn
STORED_S = 3.0  # until its last rows can be read
STOP_S = 60.0

# Its rows in a window; ms since the epoch.
_ROWS = """
SELECT target, toUnixTimestamp64Milli(tick), first_token_ms, distrust FROM {database}.observations
WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})
  AND attempt = 0 AND source = 'active' AND module = {module:String} AND agent_version != 'simulated'"""


@dataclass(frozen=True, slots=True)
class Row:
    """What the agent said of one tick."""

    target: str
    tick_ms: int
    first_token_ms: float | None
    distrust: str


@dataclass(frozen=True, slots=True)
class Timings:
    """One window: how late requests were, how far times to first token are off, how many rows say not to be trusted."""

    lateness_ms: Sequence[float]
    due: int
    ttft_error_ms: Sequence[float]
    rows: int
    distrusted: int


@dataclass(slots=True)
class Probing:
    """The agent at work, and afterwards what the load server saw."""

    key_of: Mapping[str, str]  # path at the load server -> key of the subject
    offset_ns: int = field(default_factory=wall_to_monotonic_ns)
    log: ServerLog | None = None


@asynccontextmanager
async def probing(house: Opened, folder: Path, *, for_s: float) -> AsyncIterator[Probing]:
    """The agent, probing for at most *for_s*; the load server's log is read when the block is left."""
    with serving(folder, tokens=TOKENS, for_s=round(for_s + STOP_S), core=cores().server) as server:
        config, key_of = write_configuration(house.house.config, folder / "agent", server.url)
        words = [sys.executable, "-m", "touchstone", "-c", str(config), "agent"]
        agent = Process(words, log=folder / "agent.log", folder=folder, environ=OUR_ENVIRON)
        found = Probing(key_of)
        try:
            agent.start()
            await asyncio.sleep(BEGIN_S)
            yield found
            await asyncio.sleep(STORED_S)
        finally:
            await agent.stop()
    found.log = read_log(server.log)
    if not found.log.truths:
        raise BenchError(f"the agent asked nothing: {agent.last_words()}")


def write_configuration(config: Path, folder: Path, url: str) -> tuple[Path, Mapping[str, str]]:
    """The agent's own, in *folder*: the fleet of *config*, every target at *url*; and the key behind each path."""
    settings = yaml.safe_load(config.read_text())
    module = {"kind": "chat_stream", "interval": f"{INTERVAL_S}s", "timeout": "5s", "ttft_timeout": "2s"}
    agent = settings["agent"] | {"token_file": str(config.parent / settings["agent"]["token_file"])}
    agent["spool"] = str(folder / "spool.db")
    own = {name: settings[name] for name in ("version", "simulated", "vantage", "store")}
    own |= {"fleet": "fleet.yaml", "agent": agent, "modules": {MODULE: module}}
    providers: dict[str, Any] = {}
    key_of = {}
    for file in sorted((config.parent / settings["fleet"]).glob("*.yaml")):
        providers |= yaml.safe_load(file.read_text())["providers"]
    for provider, cluster, target, asked in _targets(providers):
        path = f"/t{len(key_of)}"
        key_of[f"{path}/chat/completions"] = f"{provider}/{cluster}/{target}|{MODULE}"
        asked["url"], asked["modules"] = url + path, [MODULE]
        for name in ("auth", "tls", "count_by"):
            asked.pop(name, None)
    folder.mkdir(exist_ok=True)
    (folder / "touchstone.yaml").write_text(yaml.safe_dump(own))
    (folder / "fleet.yaml").write_text(yaml.safe_dump({"providers": providers}))
    return folder / "touchstone.yaml", key_of


def _targets(providers: Mapping[str, Any]) -> Sequence[tuple[str, str, str, dict[str, Any]]]:
    return [
        (provider, cluster, target, asked)
        for provider, one in providers.items()
        for cluster, place in one["clusters"].items()
        for target, asked in place["targets"].items()
    ]


def rows_in(store: Store, window: Window) -> list[Row]:
    """What the agent said of *window*."""
    with opened(store) as driver:
        found = rows_of(driver, store, _ROWS, a=int(window.start_ms), b=int(window.end_ms), module=MODULE)
    return [Row(*values) for values in found]


def timings_of(found: Probing, window: Window, rows: Sequence[Row]) -> Timings:
    """What the load server saw in *window*, and how far *rows* are off it."""
    assert found.log is not None
    interval_ms = INTERVAL_S * 1000
    seen = [(one.path, (one.received_ns - found.offset_ns) / 1e6) for one in found.log.truths]
    truths = {
        _tick(found.key_of[path], at_ms, interval_ms): one
        for (path, at_ms), one in zip(seen, found.log.truths, strict=True)
    }
    return Timings(
        lateness_ms=lateness_on_grid_ms(seen, found.key_of, window, interval_ms),
        due=due_in(window, list(found.key_of.values()), interval_ms),
        ttft_error_ms=ttft_errors_ms(rows, truths),
        rows=len(rows),
        distrusted=sum(1 for row in rows if row.distrust),
    )


def ttft_errors_ms(rows: Sequence[Row], truths: Mapping[tuple[str, int], Truth]) -> list[float]:
    """How far each time to first token is off the server's, without sign; of rows whose request the server saw."""
    errors = []
    for row in rows:
        truth = truths.get((row.target, row.tick_ms))
        if truth is not None and row.first_token_ms is not None and truth.sent_ns:
            errors.append(abs(row.first_token_ms - truth.ttft_ms))
    return errors


def _tick(key: str, at_ms: float, interval_ms: int) -> tuple[str, int]:
    """The target, and the tick (ms since the epoch) that a request at *at_ms* belongs to."""
    late_ms = (at_ms - phase_ms(key, interval_ms)) % interval_ms
    return key.partition("|")[0], round(at_ms - late_ms)


def now_ms() -> float:
    """Wall time."""
    return time.time() * 1000

"""`touchstone agent` as processes: workers share the targets, die and come again, and follow the configuration."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from probes.kinds.http_request import HttpRequestModule
from probes.schedule import grid_of
from probes.sharding import worker_of
from probes.spool import Spool
from probes.spool_bounds import Bounds
from probes.spool_files import read_ledger, spool_file
from schemas.observation import Observation, Outcome, Reason
from tests.support.agent_house import AgentHouse, alive, until
from tests.support.bad_server import BadServer, bad_server, plain, sends
from tests.support.observations import TICK, seen
from tests.support.otlp_sink import Sink, otlp_sink
from touchstone.address import free_port

pytestmark = pytest.mark.slow

# It closes after each answer, and says so: a connection that was kept would be lost with the next request on it.
FINE = sends(plain("200 OK", b"{}", "Connection: close"))
BROKEN = sends(plain("500 Internal BadServer Error", b"oops"))
MODULES: dict[str, dict[str, Any]] = {"up": {"kind": "http_request", "interval": "400ms", "timeout": "2s"}}
NAMES = tuple(f"t{number}" for number in range(8))


def targets(server: BadServer, names: Iterable[str] = NAMES, modules: tuple[str, ...] = ("up",)) -> dict[str, Any]:
    """Targets of those names, all behind *server*."""
    return {name: {"model": "-", "url": server.url, "modules": list(modules)} for name in names}


@asynccontextmanager
async def agent_on(folder: Path, *arguments: str, **agent: Any) -> AsyncIterator[tuple[AgentHouse, Sink, BadServer]]:
    """An agent that probes a good server and ships to a sink."""
    async with bad_server(FINE) as server, otlp_sink() as sink:
        house = AgentHouse(folder, sink.url)
        house.write(targets(server), MODULES, **agent)
        await house.start(*arguments)
        try:
            yield house, sink, server
        finally:
            await house.close()
            print(house.log()[-3000:])


def assert_whole(observations: list[Observation], name: str, interval_s: float = 0.4) -> None:
    """One attempt 0 for each tick of the target's grid, from the first to the last that is there."""
    ticks = sorted(one.tick for one in observations if one.target == f"acme/east/{name}" and one.attempt == 0)
    grid = grid_of(f"acme/east/{name}|up", interval_s)

    assert ticks == list(grid.between(ticks[0] - timedelta(milliseconds=1), ticks[-1]))


def last(sink: Sink, name: str) -> datetime:
    """The newest tick of a target."""
    return max(one.tick for one in sink.taken if one.target == f"acme/east/{name}")


def distinct(observations: list[Observation]) -> list[Observation]:
    """Without what was sent again, because the answer to it was lost with the process; it is the very same row."""
    found = {one.id: one for one in observations}
    assert all(found[one.id] == one for one in observations)
    return list(found.values())


async def test_every_target_is_probed_by_exactly_one_of_the_workers(tmp_path: Path) -> None:
    """Three processes, each with a spool of its own; at SIGTERM all is handed over, and nothing waits."""
    async with agent_on(tmp_path, "--workers", "3") as (house, sink, _):
        await until("every target", lambda: len({one.target for one in sink.taken}) == len(NAMES))
        await asyncio.sleep(1.5)
        workers = house.workers()
        assert await house.stop() == 0

    expected = {worker_of(f"acme/east/{name}", 3) for name in NAMES}
    ledger = read_ledger(tmp_path / "spool.db")
    assert len(workers) == 3
    assert expected == {0, 1, 2}
    assert not any(alive(pid) for pid in workers)
    for name in NAMES:
        assert_whole(sink.taken, name)
    assert ledger is not None
    assert (ledger.delivered, ledger.pending) == (len(sink.taken), 0)
    assert f"spooled {len(sink.taken)}, delivered {len(sink.taken)}, waiting 0" in house.log()


async def test_a_killed_worker_is_started_again_and_its_ticks_are_our_absence(tmp_path: Path) -> None:
    """kill -9 of one of two: the other goes on undisturbed, the missed ticks become observer_offline."""
    async with agent_on(tmp_path, "--workers", "2") as (house, sink, _):
        await until("every target", lambda: len({one.target for one in sink.taken}) == len(NAMES))
        first, second = await until("both workers", lambda: house.workers()[1:] and house.workers())
        os.kill(first, signal.SIGKILL)
        await until("the worker again", lambda: len(house.workers()) == 2 and first not in house.workers())
        gone = Counter[str]()
        await until("its absence", lambda: [one for one in sink.taken if one.reason is Reason.OBSERVER_OFFLINE])
        await asyncio.sleep(1.5)
        assert house.workers()[1] == second
        assert await house.stop() == 0

    for one in sink.taken:
        gone[one.target] += one.reason is Reason.OBSERVER_OFFLINE
    for name in NAMES:
        assert_whole(sink.taken, name)
        assert bool(gone[f"acme/east/{name}"]) == (worker_of(f"acme/east/{name}", 2) == 0)


async def test_no_worker_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    """kill -9 of the parent takes the workers with it; the next agent fills the gap, with another number of workers."""
    async with agent_on(tmp_path, "--workers", "2") as (house, sink, _):
        await until("every target", lambda: len({one.target for one in sink.taken}) == len(NAMES))
        workers = await until("both workers", lambda: house.workers()[1:] and house.workers())
        assert house.process is not None
        house.process.kill()
        await house.process.wait()
        await until("the end of the workers", lambda: not any(alive(pid) for pid in workers))
        await house.start("--workers", "3")
        await until("absences", lambda: sum(one.reason is Reason.OBSERVER_OFFLINE for one in sink.taken) >= len(NAMES))
        await asyncio.sleep(1.0)
        assert await house.stop() == 0

    for name in NAMES:
        assert_whole(distinct(sink.taken), name)
    ledger = read_ledger(tmp_path / "spool.db")
    assert ledger is not None
    assert ledger.pending == 0


async def test_a_spool_of_a_worker_that_is_gone_is_still_shipped(tmp_path: Path) -> None:
    """Three workers without a collector; then one worker, and a collector: every row arrives."""
    async with bad_server(FINE) as server, otlp_sink() as sink:
        house = AgentHouse(tmp_path, "http://127.0.0.1:1")
        house.write(targets(server), MODULES)
        await house.start("--workers", "3")
        await until("the spools", lambda: "subjects in 3 workers" in house.log())
        await until("rows", lambda: (ledger := read_ledger(tmp_path / "spool.db")) and ledger.spooled >= 30)
        assert await house.stop() == 0
        house = AgentHouse(tmp_path, sink.url)
        house.write(targets(server), MODULES)
        await house.start()
        await until("all spools empty", lambda: read_ledger(tmp_path / "spool.db").pending == 0)  # type: ignore[union-attr]
        await asyncio.sleep(1.0)
        assert await house.stop() == 0

    for name in NAMES:
        assert_whole(sink.taken, name)


async def test_a_broken_spool_is_saved_told_and_shipped(tmp_path: Path) -> None:
    """Pages of it were overwritten while no agent ran: the agent starts, says what it saved and lost, and goes on."""
    file = spool_file(tmp_path / "spool.db", 0)
    with closing(Spool(file, Bounds(10_000))) as spool:
        spool.put([("old", seen("acme/east/old", TICK + timedelta(seconds=number))) for number in range(1000)])
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode=DELETE")
    with file.open("r+b") as broken:
        broken.seek(file.stat().st_size // 2 // 4096 * 4096)
        broken.write(b"\xa5" * 8192)
    async with agent_on(tmp_path) as (house, sink, _):
        await until("its own rows", lambda: len({one.target for one in sink.taken}) > len(NAMES))
        assert await house.stop() == 0

    found = re.search(r"(\d+) observations were saved into a new spool, (\d+) are lost", house.log())
    assert found
    saved, lost = int(found[1]), int(found[2])
    assert (saved + lost, lost > 0) == (1000, True)
    assert sum(one.target == "acme/east/old" for one in sink.taken) == saved
    assert sum(name.startswith("spool-0.broken-") for name in os.listdir(tmp_path)) == 1  # noqa: PTH208 (no coroutine)


async def test_a_failure_reaches_the_collector_at_once(tmp_path: Path) -> None:
    """Although deliveries are five minutes apart: the worker rings the parent."""
    async with bad_server(BROKEN) as server, otlp_sink() as sink:
        house = AgentHouse(tmp_path, sink.url)
        house.write(targets(server, ["t0"]), MODULES, ship_every="300s")
        await house.start()
        try:
            await until("three failures", lambda: len(sink.taken) >= 3, timeout_s=60)
        finally:
            assert await house.stop() == 0
    first = min(sink.taken, key=lambda one: one.started_at)

    assert (first.outcome, first.attempt) == (Outcome.FAILED, 0)


async def test_a_changed_configuration_is_taken_up_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    """Broken files are said and change nothing; good ones stop, start and change targets, and lose no tick."""
    async with agent_on(tmp_path) as (house, sink, server):
        await until("every target", lambda: len({one.target for one in sink.taken}) == len(NAMES))
        workers = house.workers()
        good = (tmp_path / "fleet.yaml").read_text()
        (tmp_path / "fleet.yaml").write_text(good.replace("up", "upp"))
        await until("the findings", lambda: "no probe module is called 'upp'; did you mean 'up'?" in house.log())
        before = len(sink.taken)
        await until("probes meanwhile", lambda: len(sink.taken) > before + len(NAMES))

        kept = NAMES[1:]
        changed = MODULES | {"slow": {"kind": "http_request", "interval": "700ms", "timeout": "2s"}}
        house.write(targets(server, kept[1:]) | targets(server, [kept[0], "fresh"], ("slow",)), changed)
        assert house.process is not None
        house.process.send_signal(signal.SIGHUP)
        await until("the new target", lambda: [one for one in sink.taken if one.target == "acme/east/fresh"])
        await until(
            "two seconds without the old one", lambda: last(sink, "t2") - last(sink, "t0") > timedelta(seconds=2)
        )
        assert house.workers() == workers
        assert await house.stop() == 0

    assert last(sink, "t2") - last(sink, "t0") > timedelta(seconds=2)
    assert {one.outcome for one in sink.taken} == {Outcome.OK}
    for name in (NAMES[0], *kept[1:]):
        assert_whole(sink.taken, name)
    slow = [one.tick for one in sink.taken if one.target == "acme/east/t1" and one.module == "slow"]
    grid = grid_of("acme/east/t1|slow", HttpRequestModule(kind="http_request", interval="700ms").interval)
    assert sorted(slow) == list(grid.between(min(slow) - timedelta(milliseconds=1), max(slow)))
    assert "configuration read again: 8 subjects in 1 worker" in house.log()


async def metrics_at(address: str) -> dict[str, list[Sample]]:
    """The samples that are scraped at *address*, by the name of their family."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as answer:
        return {family.name: family.samples for family in text_string_to_metric_families(await answer.text())}


def told_in(metrics: dict[str, list[Sample]]) -> list[Sample]:
    """Those of the counter of observations; none while there is nothing to count."""
    return [one for one in metrics.get("touchstone_observations", ()) if one.name.endswith("_total")]


async def test_the_parent_tells_of_what_all_workers_have_delivered(tmp_path: Path) -> None:
    """Prometheus scrapes the parent: the observations of both workers, where they went, and what waits."""
    address = f"127.0.0.1:{free_port()}"
    async with agent_on(tmp_path, "--workers", "2", telemetry={"prometheus_listen": address}) as (house, sink, _):
        await until("every target", lambda: len({one.target for one in sink.taken}) == len(NAMES))
        before = len(distinct(sink.taken))
        metrics = await metrics_at(address)
        for _ in range(300):
            if sum(sample.value for sample in told_in(metrics)) >= before:
                break
            await asyncio.sleep(0.2)  # what was answered is told a moment later
            metrics = await metrics_at(address)
        after = len(distinct(sink.taken))
        assert await house.stop() == 0

    assert f"agent: metrics at http://{address}/metrics" in house.log()
    told = told_in(metrics)
    assert before <= sum(sample.value for sample in told) <= after
    assert {sample.labels["touchstone_outcome"] for sample in told} == {"ok"}
    assert {sample.labels["touchstone_cluster"] for sample in told} == {"acme/east"}
    assert metrics["touchstone_spool_pending"][0].value < 100

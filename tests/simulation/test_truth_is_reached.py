"""From rows alone the judge finds out what every simulated cloud is: eighteen tiers of eighteen, for any shuffle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.examination import suspicions_at
from collector.judgement.tiers import judge
from collector.storage.clickhouse import ClickHouse
from collector.storage.queries import Reader
from schemas.config import Store, TierPolicy
from schemas.verdict import Tier, Verdict
from simulator.configuration import DATABASE, write_configuration
from simulator.history import Past
from simulator.world import World
from tests.support.stores import store, store_process
from touchstone.config_file import load_configuration
from touchstone.system_clock import SystemClock

__all__ = ["store", "store_process"]

POLICY = TierPolicy()
WEEK = timedelta(days=7)
SOON = timedelta(seconds=30)
REASONS = {
    "gold": {"all_gold_gates_passed"},
    "reliable": {"all_reliable_gates_passed", "availability_short_of_gold"},
    "two_faced": {"all_reliable_gates_passed", "availability_short_of_gold"},
    "flaky": {"availability_proven_low"},
    "oversubscribed": {"capacity_refused"},
    "careless": {"wrong_content"},
    "inflating": {"misrepresented"},
    "canned": {"misrepresented"},
}


def settings_for(store: Store, folder: Path) -> Path:
    """touchstone.yaml of the simulated fleet, on *store*."""
    path = write_configuration(
        World.of(), folder, cloud_port=18100, store_url=store.url, store_path="store",
        collector_listen="127.0.0.1:4318", dashboard_listen="127.0.0.1:8501", receiver_url="http://127.0.0.1:18099",
        spool="spool.db", state="state.db",
    )  # fmt: skip
    path.write_text(path.read_text().replace(f"database: {DATABASE}", f"database: {store.database}"))
    return path


def load(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`touchstone simulate history` with *arguments*."""
    command = [sys.executable, "-m", "touchstone", "-c", str(config), "simulate", "history", "--json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=os.environ)


def loaded(config: Path, *arguments: str) -> dict[str, Any]:
    """What a load that went well says."""
    result = load(config, *arguments)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


async def verdicts(store: Store, config: Path) -> dict[str, Verdict]:
    """The verdict on every provider now, soon after the past was taken in and all claims were examined."""
    at = SystemClock().now() + SOON
    configuration = load_configuration(config, os.environ)
    async with ClickHouse.opened(store, clock=SystemClock()) as database:
        facts = await database.facts(at, POLICY)
        claims = await suspicions_at(database, configuration, at)
    return {p: judge(p, facts[p], POLICY, at, None, claims.get(p)) for p in sorted(facts)}


def check(world: World, found: dict[str, Verdict]) -> None:
    """Every tier is the truth, for the reason that is true; the bounds stand well away from the lines."""
    personalities = {cloud.id: cloud.personality for cloud in world.clouds}
    lines = {personality.truth: POLICY.gold.availability_lower for personality in personalities.values()}

    assert {provider: verdict.tier for provider, verdict in found.items()} == world.truth()
    assert {p: set(v.reasons) for p, v in found.items()} == {p: REASONS[personalities[p].name] for p in found}
    for provider, verdict in found.items():
        gate = next(gate for gate in verdict.gates if gate.name == "availability_lower")
        assert gate.low is not None
        assert gate.high is not None
        if verdict.tier is Tier.GOLD:
            assert gate.low > lines[Tier.GOLD], provider
        if verdict.tier is Tier.RELIABLE:
            assert POLICY.reliable.availability_lower < gate.low < gate.high < lines[Tier.GOLD], provider


@pytest.mark.slow
async def test_from_thirty_days_at_a_minute_the_judge_reaches_the_truth(store: Store, tmp_path: Path) -> None:
    """All 3,888,000 rows of probes, traffic and engines' pages beside them, through the store's own bulk writer."""
    config = settings_for(store, tmp_path)
    found = loaded(config)
    end = datetime.fromisoformat(found["end"])

    check(World.of(), await verdicts(store, config))
    beside = 2 * 90 * 30 * 144
    assert found["rows_loaded"] == found["rows"]
    assert 3_888_000 + beside - 2 * 90 <= found["rows"] <= 3_888_000 + beside
    assert end - datetime.fromisoformat(found["start"]) == timedelta(days=30)


@pytest.mark.parametrize(("seed", "shuffle"), [(7, 1), (7, 2), (101, 5)])
async def test_when_the_personalities_are_shuffled_the_verdicts_follow(
    store: Store, tmp_path: Path, seed: int, shuffle: int
) -> None:
    """A row every five minutes is enough: tiers and double standards go with the behaviour, not with the names."""
    config = settings_for(store, tmp_path)
    loaded(config, "--step", "300", "--seed", str(seed), "--shuffle", str(shuffle))

    world, now = World.of(seed, shuffle), SystemClock().now()
    with Reader.open(store) as reader:
        standards = {
            cloud.id: reader.double_standard(cloud.id, now - WEEK, now, confidence=0.95) for cloud in world.clouds
        }

    check(world, await verdicts(store, config))
    assert {provider for provider, standard in standards.items() if standard.reasons} == world.two_faced()
    assert all(standard.failures and standard.first_token for standard in standards.values())


async def test_an_interrupted_load_goes_on_where_it_stopped_and_a_finished_one_is_left_alone(
    store: Store, tmp_path: Path
) -> None:
    """The same rows at the end, none twice; and no second world joins the first."""
    config = settings_for(store, tmp_path)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    past = Past(World.of(), end - timedelta(days=3), end, 600)
    database = await ClickHouse.connect(store, clock=SystemClock())
    await database.note_history(past.name, rows_done=0, rows_total=past.rows, finished=False, at=end)
    for part in past.parts()[:2]:
        await database.insert_arrow("observations", past.table(part, SystemClock().now()))

    resumed, again = loaded(config, "--step", "600"), loaded(config, "--step", "600")
    stored = [await database.count_batch(part.batch_id, part.day) for part in past.parts()]
    progress = await database.history_progress()
    await database.close()
    other = load(config, "--seed", "8")

    assert (resumed["start"], resumed["end"]) == (past.start.isoformat(), past.end.isoformat())
    assert resumed["rows_loaded"] == past.rows - sum(part.rows for part in past.parts()[:2])
    assert again["rows_loaded"] == 0
    assert stored == [part.rows for part in past.parts()]
    assert progress is not None
    assert (progress.rows_done, progress.finished) == (past.rows, True)
    assert other.returncode == 3
    assert "of another world or version" in other.stderr


def test_no_past_is_invented_for_a_store_that_is_not_simulated(store: Store, tmp_path: Path) -> None:
    """The settings must say so."""
    config = settings_for(store, tmp_path)
    config.write_text(config.read_text().replace("simulated: true", "simulated: false"))

    result = load(config)

    assert result.returncode == 2
    assert "simulated: true" in result.stderr

"""What the dashboard and the command line read, asked of a real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from collector.judgement.availability import availability
from collector.storage.clickhouse import ClickHouse
from collector.storage.migrations import shipped
from collector.storage.queries import Reader
from schemas.config import Store
from schemas.errors import StoreRejected, StoreUnavailable
from schemas.incident import IncidentState, Severity
from schemas.verdict import Part, PartLevel, Tier, Verdict
from tests.support import small_world
from tests.support.stores import fresh_database
from touchstone.system_clock import SystemClock

AT = small_world.whole_minute(datetime.now(UTC))


@pytest.fixture(scope="module")
def world(store_process: str) -> Iterator[tuple[Store, tuple[Verdict, ...]]]:
    """The small world in a database of this file's own, with its verdicts."""
    for place in fresh_database(Store(url=store_process, database="t_queries")):
        yield place, small_world.furnish_now(place, AT)


@pytest.fixture
def reader(world: tuple[Store, tuple[Verdict, ...]]) -> Iterator[Reader]:
    """A reader of the small world."""
    with Reader.open(world[0]) as opened:
        yield opened


def test_verdicts_come_back_byte_for_byte(world: tuple[Store, tuple[Verdict, ...]], reader: Reader) -> None:
    """What was stored is what is read, to the last gate."""
    assert reader.latest_verdicts() == world[1]
    assert [v.canonical_json() for v in reader.latest_verdicts()] == [v.canonical_json() for v in world[1]]


def test_a_verdict_can_be_read_as_of_an_instant(reader: Reader) -> None:
    """The one that held then, not the newest; None before the first."""
    minute = timedelta(minutes=1)

    now, then = reader.verdict("agate"), reader.verdict("agate", AT - minute)

    assert now is not None and now.at == AT
    assert then is not None and then.at == AT - minute
    assert reader.verdict("agate", AT - 2 * minute) is None
    assert reader.verdict("nobody") is None


def test_a_tier_is_held_since_the_first_verdict_after_the_last_other_one(store: Store) -> None:
    """Gold, suspect, gold, gold: gold since the third."""
    tiers = [None, Tier.GOLD, Tier.SUSPECT, Tier.GOLD, Tier.GOLD]
    asyncio.run(_store(store, [replace(_verdict(b, n), previous=a) for n, (a, b) in enumerate(pairwise(tiers)) if b]))

    with Reader.open(store) as reader:
        assert reader.tier_since() == {"agate": AT + timedelta(minutes=2)}


def test_changes_of_a_tier_are_listed_the_last_first(store: Store) -> None:
    """Gold, suspect, suspect, gold: the third changed nothing; a part's change counts as well."""
    tiers = [None, Tier.GOLD, Tier.SUSPECT, Tier.SUSPECT, Tier.GOLD, Tier.GOLD]
    given = [
        replace(_verdict(after, minute), previous=before)
        for minute, (before, after) in enumerate(pairwise(tiers))
        if after is not None
    ]
    east = Part(
        level=PartLevel.CLUSTER, name="agate/us-east", tier=Tier.RELIABLE, previous=Tier.GOLD, reasons=("why",),
        availability_low=0.996, availability_high=0.998, ttft_p95_ms=None, n=10,
    )  # fmt: skip
    asyncio.run(_store(store, [*given[:-1], replace(given[-1], parts=(east,))]))

    with Reader.open(store) as reader:
        found = reader.tier_changes("agate")
        assert reader.tier_changes("agate", 1) == found[:1]
    assert [(one.name, one.before, one.after) for one in found] == [
        ("agate/us-east", Tier.GOLD, Tier.RELIABLE),
        ("agate", Tier.SUSPECT, Tier.GOLD),
        ("agate", Tier.GOLD, Tier.SUSPECT),
        ("agate", None, Tier.GOLD),
    ]


def test_bars_count_every_first_attempt_once(reader: Reader) -> None:
    """Thirty days of a probe every quarter of an hour, by cluster."""
    bars = reader.daily_bars()

    assert sum(bar.n for bar in bars) == 3 * 2 * 30 * 96
    assert {bar.cluster for bar in bars if bar.provider == "clay"} == {"clay/us-east", "clay/eu-west"}
    assert all(bar.n == bar.ok + bar.degraded + bar.failed + bar.unknown + bar.not_observed for bar in bars)
    assert sum(bar.failed for bar in bars if bar.provider == "agate") == 0


def test_bars_are_the_same_from_rollups_as_from_facts(store: Store) -> None:
    """Rolled up in the middle: some hours from rollups, others from facts, no hour twice."""
    small_world.furnish_now(store, AT)
    with Reader.open(store) as reader:
        from_facts = reader.daily_bars()
        asyncio.run(_roll_up(store, AT - timedelta(days=20), AT - timedelta(days=3)))

        assert reader.daily_bars() == from_facts


def test_an_hour_rolled_up_before_it_closed_is_counted_from_facts(store: Store) -> None:
    """The rollup of the present hour is unfinished by nature; rows that come after it are not lost."""
    now = datetime.now(UTC)
    early = small_world.observation("agate", "us-east", small_world.whole_minute(now), 1)
    late = small_world.observation("agate", "eu-west", small_world.whole_minute(now), 1)
    asyncio.run(_insert(store, early, 1))
    asyncio.run(_roll_up(store, now - timedelta(minutes=1), now))
    asyncio.run(_insert(store, late, 2))

    with Reader.open(store) as reader:
        assert sum(bar.n for bar in reader.daily_bars(days=2)) == 2


def test_latency_is_a_bounded_number_of_points(reader: Reader) -> None:
    """Never more than asked for of each kind of connection, and the quantiles are of answers only."""
    points = reader.latency_series("agate", AT - timedelta(days=30), AT, points=100)
    one = reader.latency_series("agate", AT - timedelta(days=30), AT, points=100, cluster="agate/us-east")

    assert 50 < len(points) / 2 <= 100
    assert sum(point.n for point in points if point.connection == "cold") == 2880
    assert sum(point.n for point in points) == 2 * sum(point.n for point in one) == 5760
    assert all(240 * 0.99 <= point.p50_ms <= point.p95_ms <= 336 * 1.01 for point in points)  # from log buckets


def test_errors_are_counted_by_reason(reader: Reader) -> None:
    """Clay refuses connections in two hours of every day."""
    points = reader.error_series("clay", AT - timedelta(days=30), AT)

    assert {point.reason for point in points} == {"connect_refused"}
    assert len({point.start.date() for point in points}) >= 30
    assert sum(point.n for point in points) == 2 * 30 * 8


def test_freshness_is_told_by_the_stores_own_clock(reader: Reader) -> None:
    """The newest tick is a quarter of an hour before the judgement."""
    fresh = reader.freshness()

    assert fresh.newest_tick == AT - small_world.EVERY
    assert fresh.rows_last_minute == 0
    assert abs(fresh.now - datetime.now(UTC)) < timedelta(seconds=5)


def test_an_empty_store_is_unknown_and_not_fresh(store: Store) -> None:
    """No rows: None, empty, and no error."""
    with Reader.open(store) as reader:
        assert reader.freshness().newest_tick is None
        assert reader.latest_verdicts() == ()
        assert reader.daily_bars() == ()
        assert reader.open_incidents() == ()
        assert reader.recent_observations("agate") == []
        assert reader.history_progress() is None
        assert reader.incident("inc-000000000000") is None
        assert reader.provider_summary("agate", AT - timedelta(days=1), AT).clusters == ()


def test_an_incident_is_the_fold_of_its_transitions(reader: Reader) -> None:
    """Promoted in place: one incident, its widest scope, its first evidence."""
    (clay,) = reader.open_incidents()

    assert (clay.id, clay.severity, clay.scope, clay.state) == (
        "inc-c1a4c1a4c1a4", Severity.P0, "clay", IncidentState.OPEN,
    )  # fmt: skip
    assert clay.failed_at == AT - timedelta(minutes=12)
    assert clay.resolved_at is None
    assert reader.first_pages([clay.id]) == {clay.id: clay.failed_at + timedelta(seconds=8.5)}


def test_a_resolved_incident_says_when(reader: Reader) -> None:
    """It is recent, not open; and at an instant in its middle it was still open."""
    failed_at = AT - timedelta(days=1)
    (beryl,) = reader.recent_incidents(provider="beryl")
    (then,) = reader.recent_incidents(provider="beryl", until=failed_at + timedelta(seconds=100))

    assert beryl.state is IncidentState.RESOLVED
    assert beryl.resolved_at == failed_at + timedelta(seconds=315)
    assert then.state is IncidentState.OPEN
    assert then.resolved_at is None
    assert reader.recent_incidents(since=AT) == ()


def test_a_story_has_every_transition_and_every_page(reader: Reader) -> None:
    """In order, with the failed try before the delivery."""
    story = reader.incident("inc-c1a4c1a4c1a4")

    assert story is not None
    assert [step.change.value for step in story.transitions] == ["opened", "promoted"]
    assert [(page.attempt, page.status) for page in story.pages] == [(1, 503), (2, 202)]


def test_a_copy_that_comes_twice_is_read_once(store: Store) -> None:
    """The outbox may repeat a copy; the incident has its transitions once."""
    asyncio.run(_copy(store, small_world.transitions(AT)))
    asyncio.run(_copy(store, small_world.transitions(AT)))

    with Reader.open(store) as reader:
        story = reader.incident("inc-be41be41be41")
    assert story is not None
    assert [step.seq for step in story.transitions] == [1, 2, 3]


def test_the_last_observations_are_newest_first(reader: Reader) -> None:
    """As many as asked for."""
    rows = reader.recent_observations("clay", 50)

    assert len(rows) == 50
    assert [row["tick"] for row in rows] == sorted((row["tick"] for row in rows), reverse=True)
    assert rows[0]["tick"] == AT - small_world.EVERY


def test_a_summary_counts_what_the_verdict_counted(world: tuple[Store, tuple[Verdict, ...]], reader: Reader) -> None:
    """Same rows, same window: same counts, same availability bounds."""
    clay = world[1][2]
    summary = reader.provider_summary("clay", clay.window_start, clay.at)
    measured = availability(summary.facts.blocks, confidence=0.95)

    assert sum(block.known for block in summary.facts.blocks) == clay.n
    assert summary.facts.reasons == {"connect_refused": clay.n_failed}
    assert measured is not None
    assert float(f"{measured.upper:.9g}") == next(g.value for g in clay.gates if g.name == "availability_proven_low")


def test_a_value_with_quotes_stays_a_value(reader: Reader) -> None:
    """Server-side parameters: nothing that is asked for becomes SQL."""
    hostile = "agate' OR 1=1 --"

    assert reader.verdict(hostile) is None
    assert reader.recent_observations(hostile) == []
    assert reader.latency_series(hostile, AT - timedelta(days=1), AT) == ()


def test_the_store_says_what_it_is(reader: Reader) -> None:
    """Version and migrations, for the doctor."""
    assert reader.engine_version().startswith("2")
    assert sorted(reader.migrations()) == [one.version for one in shipped()]


def test_a_database_without_tables_is_rejected_by_name(store_process: str) -> None:
    """The message names the table that is missing; the doctor sees no migration."""
    with Reader.open(Store(url=store_process, database="never_made")) as reader:
        assert reader.migrations() == {}
        with pytest.raises(StoreRejected, match="never_made"):
            reader.latest_verdicts()


def test_a_store_that_is_not_there_is_unavailable() -> None:
    """A refused connection has its own name."""
    with pytest.raises(StoreUnavailable):
        Reader.open(Store(url="http://127.0.0.1:9"))


def _verdict(tier: Tier, minutes: int) -> Verdict:
    at = AT + timedelta(minutes=minutes)
    return Verdict(
        provider="agate", at=at, window_start=at - timedelta(days=30), tier=tier, previous=None, reasons=(), gates=(),
        n=0, n_ok=0, n_degraded=0, n_failed=0, n_not_observed=0, policy="0" * 12, rule_version=1,
    )  # fmt: skip


async def _store(store: Store, verdicts: list[Verdict]) -> None:
    house = await ClickHouse.connect(store, clock=SystemClock())
    await house.insert_verdicts(verdicts)
    await house.close()


async def _roll_up(store: Store, start: datetime, end: datetime) -> None:
    house = await ClickHouse.connect(store, clock=SystemClock())
    await house.rollups.recompute(start, end)
    await house.close()


async def _insert(store: Store, observation: small_world.Observation, batch_id: int) -> None:
    house = await ClickHouse.connect(store, clock=SystemClock())
    row = small_world.StoredRow(observation, batch_id=batch_id, seq=0, ingested_at=observation.finished_at)
    await house.insert_observations([row])
    await house.close()


async def _copy(store: Store, rows: list[dict[str, object]]) -> None:
    house = await ClickHouse.connect(store, clock=SystemClock())
    await house.insert_copies("incident_transitions", rows)
    await house.close()

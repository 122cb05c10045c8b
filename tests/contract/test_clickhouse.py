"""What the collector writes to ClickHouse is there once, and the facts it judges by are those known at the time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from collector.judgement.facts import Block, bucket_of
from collector.judgement.tiers import judge
from collector.storage.clickhouse import ClickHouse
from collector.storage.migrations import Migration, migrate, shipped
from collector.storage.rows import StoredRow, key_of
from schemas.config import Configuration, Store, TierPolicy
from schemas.contract import Contract
from schemas.errors import StoreRejected, StoreUnavailable
from schemas.fleet import Fleet
from schemas.observation import BLAME, Blame, Observation, Outcome, Reason, Source, Timings, Tokens
from schemas.verdict import Tier
from tests.support.contracts import contract
from tests.support.observations import fullest, seen
from tests.support.stores import ask
from touchstone.settings_file import SettingsFile
from touchstone.system_clock import SystemClock

# Observations live for 180 days, so the tests live now: at the last border between two blocks of six hours.
AT = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 21600 * 21600, UTC)
POLICY = TierPolicy()
OK, DEGRADED, FAILED, NOT_OBSERVED = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.NOT_OBSERVED


@pytest_asyncio.fixture
async def house(store: Store) -> AsyncIterator[ClickHouse]:
    """An open ClickHouse in a database of the test's own."""
    opened = await ClickHouse.connect(store, clock=SystemClock())
    yield opened
    await opened.close()


def at(minutes: float, outcome: Outcome = OK, **changes: Any) -> Observation:
    """What was seen *minutes* before AT."""
    return seen(tick=AT - timedelta(minutes=minutes), outcome=outcome, **changes)


def stored(observations: Sequence[Observation], ingested_at: datetime | None = None) -> list[StoredRow]:
    """Rows taken in when they were finished, unless said otherwise."""
    return [
        StoredRow(one, batch_id=9, seq=seq, ingested_at=ingested_at or one.finished_at)
        for seq, one in enumerate(observations)
    ]


async def test_what_is_stored_is_known_by_its_natural_key(house: ClickHouse) -> None:
    """Across days, with re-probes, two kinds and two vantages; and nothing else is known."""
    there = [
        at(1), at(1, attempt=1), at(1, vantage="there"), at(1, kind="http_request"), at(60 * 30),
        seen("bolt/one/chat", AT),
    ]  # fmt: skip
    not_there = [at(2), at(1, attempt=2), at(1, vantage="nowhere"), seen("bolt/two/chat", AT)]
    await house.insert_observations(stored(there))

    assert await house.stored_keys([*there, *not_there]) >= {key_of(one) for one in there}
    assert {key_of(one) for one in not_there}.isdisjoint(await house.stored_keys([*there, *not_there]))
    assert await house.stored_keys([]) == frozenset()


async def test_every_field_is_stored(house: ClickHouse, store: Store) -> None:
    """The row of the fullest observation, and of the plainest."""
    await house.insert_observations(stored([replace(fullest(), tick=AT), at(5)]))
    names = (
        "target, attempt, outcome, reason, detail, http_status, connection, dns_ms, total_ms, gap_max_ms, arrivals_ms, "
        "billed_in, counted_by, chunks, stamp, source, simulated, batch_id, seq"
    )
    full, plain = ask(store, f"SELECT {names} FROM observations ORDER BY attempt DESC")

    assert full == (
        "acme/east/chat", 2, "failed", "connect_refused", "closed in mid-stream", 200, "warm", 1.5, 8.5, 0.5,
        [6.5, 7.0, 7.5], 5, "words", 3, "kernel", "passive", True, 9, 0,
    )  # fmt: skip
    assert plain == (
        "acme/east/chat", 0, "ok", "", "", 0, "cold", None, None, None, [], None, "", 0, "user", "active", False, 9, 1,
    )  # fmt: skip


async def test_the_largest_that_the_wire_lets_through_can_be_stored(house: ClickHouse, store: Store) -> None:
    """A hostile sender's numbers must not make a batch that is refused for ever."""
    largest = at(
        1, attempt=15, http_status=999, bytes_in=2**62, streams_open=2**62, loop_lag_ms=9e11,
        timings=Timings(*([9e11] * 10), (9e11,)), tokens=Tokens(*([2**32 - 1] * 3), "x" * 500, 2**32 - 1),
        finish_reason="é" * 500, started_at=datetime(2199, 12, 31, tzinfo=UTC),
        finished_at=datetime(1970, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    await house.insert_observations([StoredRow(largest, 2**64 - 1, 2**63 - 1, AT)])

    assert ask(store, "SELECT count(), max(seq), max(batch_id) FROM observations") == [(1, 2**32 - 1, 2**64 - 1)]


@pytest.mark.parametrize("year", [1970, 2020, 2199])
async def test_a_tick_of_another_time_does_no_harm(house: ClickHouse, year: int) -> None:
    """What is older than observations are kept is gone at once; the rest of its batch is stored."""
    odd = seen(tick=datetime(year, 6, 1, tzinfo=UTC))
    await house.insert_observations(stored([odd, at(1)]))

    assert await house.stored_keys([at(1)]) == {key_of(at(1))}
    assert await house.stored_keys([odd]) <= {key_of(odd)}


async def test_facts_count_by_block_cluster_and_blame(house: ClickHouse) -> None:
    """Ok, degraded, failed by the provider, unknown, ours; re-probes and real traffic are left out."""
    blamed = {blame: next(reason for reason in BLAME if BLAME[reason] is blame) for blame in Blame}
    inside = [
        at(1), at(2), at(3, DEGRADED), at(4, FAILED), at(5, FAILED, reason=blamed[Blame.CALLER]),
        at(6, FAILED, reason=blamed[Blame.UNKNOWN]), at(7, NOT_OBSERVED),
        seen("acme/west/chat", AT - timedelta(minutes=8)), seen("acme/east/chat", AT - timedelta(hours=7)),
    ]  # fmt: skip
    outside = [
        at(1, FAILED, attempt=1), at(2, FAILED, source=Source.PASSIVE, span="1f", module="real", kind="passive"),
        at(0, FAILED), seen(tick=AT - timedelta(days=31), outcome=FAILED),
    ]  # fmt: skip
    await house.insert_observations(stored([*inside, *outside]))
    (facts,) = (await house.facts(AT, POLICY)).values()

    later, earlier = AT - timedelta(hours=6), AT - timedelta(hours=12)
    assert sorted(facts.blocks) == [
        Block("acme/east", earlier, n_ok=1),
        Block("acme/east", later, n_ok=2, n_degraded=1, n_failed=1, n_unknown=2, n_not_observed=1),
        Block("acme/west", later, n_ok=1),
    ]
    assert (facts.first_tick, facts.last_tick) == (AT - timedelta(hours=7), AT - timedelta(minutes=1))
    assert facts.reasons == {
        Reason.SLOW: 1, Reason.CONNECT_REFUSED: 1, blamed[Blame.CALLER]: 1, blamed[Blame.UNKNOWN]: 1,
        Reason.OBSERVER_OFFLINE: 1,
    }  # fmt: skip


async def test_facts_hold_latency(house: ClickHouse) -> None:
    """Only of answers: first tokens of short prompts."""
    await house.insert_observations(
        stored(
            [
                *(at(minutes, timings=Timings(first_token_ms=240.0)) for minutes in (1, 2)),
                at(3, DEGRADED, timings=Timings(first_token_ms=2400.0)),
                at(4, FAILED, timings=Timings(first_token_ms=9.0)),
                at(4, kind="long_prompt", timings=Timings(first_token_ms=24_000.0)),
            ]
        )
    )

    assert (await house.facts(AT, POLICY))["acme"].ttft_hist == {bucket_of(240.0): 2, bucket_of(2400.0): 1}


async def test_facts_at_an_instant_never_change_afterwards(house: ClickHouse) -> None:
    """Law 6: only what was taken in before `at` counts; a late batch counts from then on."""
    await house.insert_observations(stored([at(minutes) for minutes in range(1, 400)]))
    before = await house.facts(AT, POLICY)
    late = [at(minutes + 0.5, FAILED) for minutes in range(1, 50)]
    await house.insert_observations(stored(late[:20], ingested_at=AT))
    await house.insert_observations(stored(late[20:], ingested_at=AT + timedelta(seconds=5)))

    assert await house.facts(AT, POLICY) == before
    after = await house.facts(AT + timedelta(milliseconds=1), POLICY)
    assert sum(block.n_failed for block in after["acme"].blocks) == 20
    assert judge("acme", before["acme"], POLICY, AT, None) == judge(
        "acme", (await house.facts(AT, POLICY))["acme"], POLICY, AT, None
    )


async def test_nothing_stored_is_no_facts(house: ClickHouse) -> None:
    """Of nobody."""
    assert await house.facts(AT, POLICY) == {}
    assert await house.previous_verdicts(AT) == {}
    assert await house.last_verdict_at() is None
    assert await house.verdict_bodies(AT) == {}


async def test_verdicts_come_back_byte_for_byte(house: ClickHouse) -> None:
    """Stored verdicts equal recomputed ones; the previous tier is the last before, not the same instant's."""
    await house.insert_observations(stored([at(minutes) for minutes in range(1, 400)]))
    facts = (await house.facts(AT, POLICY))["acme"]
    first = judge("acme", facts, POLICY, AT - timedelta(minutes=1), None)
    second = replace(judge("acme", facts, POLICY, AT, first.tier), tier=Tier.SUSPECT)
    await house.insert_verdicts([first])
    await house.insert_verdicts([second, judge("bolt", None, POLICY, AT, None)])
    await house.insert_verdicts([second])

    assert (await house.verdict_bodies(AT))["acme"] == second.canonical_json()
    assert set(await house.verdict_bodies(AT)) == {"acme", "bolt"}
    assert await house.previous_verdicts(AT) == {"acme": first}
    later = await house.previous_verdicts(AT + timedelta(milliseconds=1))
    assert {name: one.tier for name, one in later.items()} == {"acme": Tier.SUSPECT, "bolt": Tier.UNRATED}
    assert await house.last_verdict_at() == AT


HOUR = "toUnixTimestamp(toStartOfHour(tick))"
RAW = f"""SELECT {HOUR}, target, vantage, kind, connection, count(), countIf(outcome = 'ok'),
  countIf(outcome = 'degraded'),
  countIf(outcome = 'failed'), countIf(outcome = 'not_observed') FROM observations
  WHERE attempt = 0 AND source = 'active' GROUP BY ALL ORDER BY ALL"""
ROLLED = """SELECT toUnixTimestamp(t), target, vantage, kind, connection, n, n_ok, n_degraded, n_failed, n_not_observed
  FROM rollup_hour FINAL ORDER BY ALL"""
MAPS = "SELECT target, t, connection, reasons, ttft_hist, total_hist, intended_hist FROM rollup_hour FINAL ORDER BY ALL"


async def test_rollups_are_the_facts_however_often_they_are_recomputed(house: ClickHouse, store: Store) -> None:
    """Law 11: once, twice, and after a late batch: always what the raw rows say."""
    outcomes = [OK, OK, DEGRADED, FAILED, NOT_OBSERVED]
    observations = [
        at(minutes, outcomes[minutes % 5], vantage="here" if minutes % 3 else "there",
           timings=Timings(first_token_ms=100.0 + minutes, total_ms=2000.0))
        for minutes in range(1, 60 * 50, 7)
    ]  # fmt: skip
    await house.insert_observations(stored([*observations, at(3, FAILED, attempt=1)]))
    span = AT - timedelta(days=3), AT
    await house.rollups.recompute(*span)
    once, maps = ask(store, ROLLED), ask(store, MAPS)
    assert once == ask(store, RAW)
    assert sum(sum(row[3].values()) for row in maps) == sum(one.reason is not None for one in observations)
    assert sum(sum(row[4].values()) for row in maps) == sum(one.outcome in {OK, DEGRADED} for one in observations)

    await house.rollups.recompute(*span)
    assert (ask(store, ROLLED), ask(store, MAPS)) == (once, maps)

    late = at(60 * 24 + 0.5, FAILED)
    await house.insert_observations(stored([late]))
    await house.rollups.recompute(late.tick, late.tick + timedelta(seconds=1))
    assert ask(store, ROLLED) == ask(store, RAW) != once


async def test_the_collector_rolls_up_closed_hours_that_changed_and_no_others(house: ClickHouse, store: Store) -> None:
    """The hour that is open is left out; a second round does nothing; a late batch marks its hour."""
    now = SystemClock().now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    long_ago = now - timedelta(days=1)
    rows = [seen(tick=hour - timedelta(hours=n, minutes=-1), outcome=OK) for n in (0, 5, 6, 9)]
    await house.insert_observations([StoredRow(row, 1, n, long_ago) for n, row in enumerate(rows)])

    assert await house.rollups.advance(now, now) == 3
    assert len(ask(store, ROLLED)) == 3
    again = await house.rollups.advance(now, now)
    assert again <= 1  # the hour that has just closed, within the overlap

    late = seen(tick=hour - timedelta(hours=6, minutes=-2), outcome=FAILED)
    await house.insert_observations([StoredRow(late, 2, 0, now)])
    assert await house.rollups.advance(now, now) == again + 1
    assert sum(row[5] for row in ask(store, ROLLED)) == 4


async def test_a_copy_that_is_repeated_collapses(house: ClickHouse, store: Store) -> None:
    """At least once into ClickHouse is once when read."""
    row = {
        "incident": "inc-1", "seq": 1, "change": "opened", "state": "open", "severity": "P0", "level": "provider",
        "scope": "acme", "provider": "acme", "reason": "connect_refused", "cause": "3 in a row", "parent": "",
        "failed_at": AT, "opened_at": AT, "at": AT, "simulated": False,
    }  # fmt: skip
    for _ in range(2):
        await house.insert_copies("incident_transitions", [row, row | {"seq": 2}])
    await house.insert_copies("incident_transitions", [])

    assert ask(store, "SELECT incident, seq FROM incident_transitions FINAL ORDER BY seq") == [
        ("inc-1", 1),
        ("inc-1", 2),
    ]


async def test_nothing_is_running_once_it_is_settled(house: ClickHouse) -> None:
    """At once, when nothing was."""
    await house.insert_observations(stored([at(1)]))
    await house.settled()

    assert await house.ping()


async def test_a_store_that_is_gone_is_unavailable() -> None:
    """With its address, without the driver's own errors."""
    nowhere = Store(url="http://127.0.0.1:1")
    with pytest.raises(StoreUnavailable, match=r"^http://127\.0\.0\.1:1: "):
        await ClickHouse.connect(nowhere, clock=SystemClock())


async def test_a_query_that_is_refused_is_rejected(store: Store) -> None:
    """A table that is not there is our bug, not an outage."""
    elsewhere = store.model_copy(update={"database": "no_such_database"})
    house = await ClickHouse.connect(elsewhere, clock=SystemClock())
    with pytest.raises(StoreRejected, match="no_such_database"):
        await house.facts(AT, POLICY)
    await house.close()


def test_migrations_are_applied_once(store: Store) -> None:
    """The fixture has applied all: nothing is left; the numbers are without gaps."""
    assert migrate(store) == ()
    assert [one.version for one in shipped()] == list(range(1, len(shipped()) + 1))
    applied = ask(store, "SELECT version, name, md5 FROM schema_versions FINAL ORDER BY version")
    assert applied == [(one.version, one.name, one.md5) for one in shipped()]


def test_a_new_migration_is_applied_after_the_others(store: Store) -> None:
    """Every statement of it, in this database, comments left out; and only this one."""
    script = """-- a; comment
    CREATE TABLE ${DATABASE}.extra (id UInt8) ORDER BY id;
    INSERT INTO ${DATABASE}.extra VALUES (7);
    """
    more = Migration(len(shipped()) + 1, "9999_extra.sql", script)

    assert migrate(store, (*shipped(), more)) == ("9999_extra.sql",)
    assert migrate(store, (*shipped(), more)) == ()
    assert ask(store, "SELECT id FROM extra") == [(7,)]


def test_a_migration_that_changed_after_it_was_applied_is_refused(store: Store) -> None:
    """By name, before anything newer is applied."""
    first, *rest = shipped()
    changed = replace(first, script=first.script + "\n-- harmless, but another file\n")
    more = Migration(99, "0099_more.sql", "CREATE TABLE ${DATABASE}.more (id UInt8) ORDER BY id")
    with pytest.raises(StoreRejected, match=f"{first.name} changed after it was applied"):
        migrate(store, (changed, *rest, more))

    assert ask(store, f"SELECT count() FROM system.tables WHERE database = '{store.database}' AND name = 'more'") == [
        (0,)
    ]


async def test_a_configuration_is_kept_when_it_changes_and_without_its_secrets(house: ClickHouse, store: Store) -> None:
    """The same one again is nothing new; one that comes back is."""
    target = {"model": "m", "url": "http://127.0.0.1:9/v1", "modules": ["chat"], "auth": {"bearer": "hush-hush"}}
    fleet = {"providers": {"acme": {"clusters": {"east": {"targets": {"chat": target}}}}}}

    def configuration(interval: str) -> Configuration:
        modules = {"chat": {"kind": "chat_stream", "interval": interval}}
        settings = SettingsFile.model_validate({"version": 1, "modules": modules})
        held = {"acme": contract()}
        return Configuration(settings=settings, fleet=Fleet.model_validate(fleet), contracts=held)

    intervals = ("60s", "60s", "30s", "60s")
    noted = [
        await house.note_configuration(configuration(interval), "0.1.0", AT + timedelta(minutes=n))
        for n, interval in enumerate(intervals)
    ]

    assert noted == [True, False, True, True]
    rows = ask(store, "SELECT at, digest, body FROM configuration_versions ORDER BY at")
    assert len({digest for _, digest, _ in rows}) == 2
    assert all("hush" not in body and '"interval"' in body for _, _, body in rows)
    (held,) = ask(store, "SELECT provider, body FROM contracts FINAL")
    assert (held[0], Contract.model_validate_json(held[1])) == ("acme", contract())

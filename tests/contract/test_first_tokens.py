"""Times to first token: SQL counts what the Python reference counts, cold apart from warm, trusted apart from not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import clickhouse_connect
import pytest
import pytest_asyncio

from collector.judgement.facts import bucket_of
from collector.judgement.first_token import FIRST_TOKEN_KINDS, WAITED_REASONS, from_intended_ms
from collector.storage.clickhouse import ClickHouse
from collector.storage.connection import arguments
from collector.storage.migrations import migrate, shipped
from collector.storage.queries import Reader
from collector.storage.rows import StoredRow
from probes.catalog import KINDS
from schemas.config import Store, TierPolicy
from schemas.observation import Connection, Distrust, Instrument, Observation, Outcome, Reason, Source, Timings
from tests.support.observations import seen
from tests.support.stores import ask
from touchstone.system_clock import SystemClock

AT = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 3600 * 3600, UTC)
COLD, WARM = Connection.COLD, Connection.WARM
WAYS: tuple[tuple[Outcome, Reason | None], ...] = (
    (Outcome.OK, None),
    (Outcome.DEGRADED, Reason.SLOW),
    *((Outcome.FAILED, reason) for reason in sorted(WAITED_REASONS)),
    (Outcome.FAILED, Reason.TRUNCATED),
    (Outcome.FAILED, Reason.CONNECT_REFUSED),
    (Outcome.NOT_OBSERVED, Reason.OBSERVER_OFFLINE),
)


def many(n: int) -> list[Observation]:
    """Observations of every way, with every field that counts now there and now not; the same for ever."""
    dice = random.Random(20261124)

    def ms(most: int) -> float | None:
        return dice.choice([None, dice.randint(0, most * 8) / 8])  # eighths are exact in Float32

    found = []
    for number in range(n):
        outcome, reason = dice.choice(WAYS)
        source = dice.choice([Source.ACTIVE, Source.ACTIVE, Source.PASSIVE])
        one = seen(
            dice.choice(["acme/east/chat", "acme/west/chat"]),
            AT - timedelta(seconds=number + 1),
            outcome,
            kind=dice.choice(["chat_stream", "chat_stream", "http_request"]),
            attempt=dice.choice([0, 0, 0, 1]),
            timings=Timings(sent_ms=ms(50), first_token_ms=ms(2000), total_ms=ms(30_000)),
            late_ms=dice.randint(0, 4000) / 8,
            distrust=dice.choice([None, None, Distrust.LOOP_LAG]),
            instrument=Instrument(connection=dice.choice([COLD, WARM])),
            source=source,
            span=f"{number:016x}" if source is Source.PASSIVE else "",
        )
        found.append(replace(one, reason=reason))
    return found


SEEN = many(3000)
OURS = [one for one in SEEN if one.attempt == 0 and one.source is Source.ACTIVE]


def reference(
    observations: Sequence[Observation], cluster: str, connection: str
) -> tuple[Counter[int], Counter[int], int]:
    """Plain histogram, corrected histogram and how many waited in vain, by the Python reference."""
    mine = [one for one in observations if (one.cluster, one.instrument.connection) == (cluster, connection)]
    answered = Counter(
        bucket_of(one.timings.first_token_ms)
        for one in mine
        if one.timings.first_token_ms is not None
        and one.distrust is None
        and one.outcome in {Outcome.OK, Outcome.DEGRADED}
    )
    counted = [one for one in mine if from_intended_ms(one) is not None]
    intended = Counter(bucket_of(from_intended_ms(one) or 0.0) for one in counted)
    return answered, intended, sum(one.timings.first_token_ms is None for one in counted)


@pytest_asyncio.fixture
async def filled(store: Store) -> Store:
    """A store that holds SEEN, rolled up."""
    house = await ClickHouse.connect(store, clock=SystemClock())
    rows = [StoredRow(one, 1, seq, one.finished_at) for seq, one in enumerate(SEEN)]
    await house.insert_observations(rows)
    await house.rollups.recompute(AT - timedelta(hours=2), AT)
    await house.close()
    return store


def test_a_summary_counts_as_the_reference_does(filled: Store) -> None:
    """By cluster and connection: answers, the corrected figure, and those that waited in vain."""
    with Reader.open(filled) as reader:
        summary = reader.provider_summary("acme", AT - timedelta(hours=2), AT + timedelta(hours=1))
    found = {(one.cluster, part.connection): part for one in summary.clusters for part in one.first_tokens}

    assert set(found) == {(f"acme/{name}", kind) for name in ("east", "west") for kind in ("cold", "warm")}
    for (cluster, connection), part in found.items():
        mine = [one for one in OURS if one.kind in FIRST_TOKEN_KINDS]
        assert reference(mine, cluster, connection) == (part.answered, part.intended, part.waited)
        assert part.waited > 10 and part.n > 15


async def test_the_judge_counts_trusted_timings_only(filled: Store) -> None:
    """The facts of the tier's latency gate, by connection."""
    house = await ClickHouse.connect(filled, clock=SystemClock())
    facts = (await house.facts(AT + timedelta(hours=1), TierPolicy()))["acme"]
    await house.close()

    for connection in ("cold", "warm"):
        east, west = (reference(OURS, f"acme/{name}", connection)[0] for name in ("east", "west"))
        assert facts.ttft_hists[connection] == east + west
    assert sum(one.distrust is not None for one in OURS) > 500
    assert sum(block.known + block.n_unknown + block.n_not_observed for block in facts.blocks) == len(OURS)


def test_a_rollup_tells_cold_from_warm_and_counts_as_the_reference_does(filled: Store) -> None:
    """Histograms of trusted timings only; counts of everything, with how many were not trusted."""
    rows = ask(
        filled,
        """SELECT cluster, connection, sum(n), sum(n_distrusted), sumMap(ttft_hist), sumMap(intended_hist)
           FROM rollup_hour FINAL GROUP BY cluster, connection ORDER BY ALL""",
    )

    assert len(rows) == 4
    for cluster, connection, n, n_distrusted, ttft, intended in rows:
        mine = [one for one in OURS if (one.cluster, one.instrument.connection) == (cluster, connection)]
        assert (n, n_distrusted) == (len(mine), sum(one.distrust is not None for one in mine))
        assert (ttft, intended) == reference(OURS, cluster, connection)[:2]


def test_the_series_of_a_chart_tells_cold_from_warm(filled: Store) -> None:
    """Each point has its connection and its own n."""
    with Reader.open(filled) as reader:
        points = reader.latency_series("acme", AT - timedelta(hours=2), AT, cluster="acme/east")

    for connection in ("cold", "warm"):
        n = sum(point.n for point in points if point.connection == connection)
        assert n == sum(reference(OURS, "acme/east", connection)[0].values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_with_a_limit_for_its_first_token_counts_as_one_that_waits_for_it(kind: str) -> None:
    """Its timeouts are in the corrected figure; those of other kinds say nothing of a token."""
    assert (kind in FIRST_TOKEN_KINDS) == ("ttft_timeout" in KINDS[kind].settings.model_fields)


def test_rollups_of_before_are_taken_over_where_the_facts_are_gone_and_only_there(store: Store) -> None:
    """An old hour keeps its counts, with no connection; an hour that still has facts is left to the collector."""
    database = store.model_copy(update={"database": f"{store.database}_old"})
    client = clickhouse_connect.get_client(**arguments(store))
    try:
        migrate(database, shipped()[:5])
        for hours, n in ((24 * 300, 60), (2, 7)):
            client.command(
                f"""INSERT INTO {database.database}.rollup_1h
                      (t, provider, cluster, target, vantage, kind, n, n_ok, ver)
                    VALUES (toDateTime({int((AT - timedelta(hours=hours)).timestamp())}), 'acme', 'acme/east',
                            'acme/east/chat', 'here', 'chat_stream', {n}, {n}, now64(6))"""
            )
        client.command(
            f"""INSERT INTO {database.database}.observations (tick, provider, cluster, target, kind, outcome, source)
                VALUES (toDateTime64({int((AT - timedelta(hours=2)).timestamp())}, 3), 'acme', 'acme/east',
                        'acme/east/chat', 'chat_stream', 'ok', 'active')"""
        )

        assert migrate(database) == tuple(one.name for one in shipped()[5:])
        rows = client.query(f"SELECT connection, n FROM {database.database}.rollup_hour FINAL").result_rows
        assert [tuple(row) for row in rows] == [("", 60)]
        names = client.query(f"SHOW TABLES FROM {database.database}").result_rows
        assert ("rollup_1h",) not in [tuple(row) for row in names]
    finally:
        client.command(f"DROP DATABASE IF EXISTS {database.database}")
        client.close()


async def test_the_collector_recomputes_everything_after_the_rollups_have_changed(store: Store) -> None:
    """Rows that were taken over are no reason to think that the hours are rolled up."""
    client = clickhouse_connect.get_client(**arguments(store))
    client.command(
        f"""INSERT INTO {store.database}.rollup_hour
              (t, provider, cluster, target, vantage, kind, connection, n, ver)
            VALUES (now() - 86400 * 300, 'acme', 'acme/east', 'acme/east/chat', 'here', 'chat_stream', '', 60,
                    now64(6))"""
    )
    client.close()
    house = await ClickHouse.connect(store, clock=SystemClock())
    old = seen(tick=AT - timedelta(days=20))
    await house.insert_observations([StoredRow(old, 1, 0, AT - timedelta(days=20))])

    assert await house.rollups.advance(SystemClock().now(), SystemClock().now()) == 1
    await house.close()
    assert sorted(row[0] for row in ask(store, "SELECT n FROM rollup_hour FINAL")) == [1, 60]

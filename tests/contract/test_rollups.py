"""Every rollup is the fold of the facts: as a Python reference says it, after late rows, after a crash at any step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import clickhouse_connect
import numpy as np
import pytest
import pytest_asyncio

from collector.judgement.facts import quantile_ms
from collector.storage.clickhouse import ClickHouse
from collector.storage.client import Client
from collector.storage.connection import arguments
from collector.storage.rollups import Rollups, floor
from collector.storage.rows import StoredRow
from schemas.config import Store
from schemas.errors import StoreUnavailable
from schemas.observation import Connection, Distrust, Instrument, Observation, Outcome, Reason, Source, Timings, Tokens
from tests.support import rollup_fold
from tests.support.observations import seen
from touchstone.system_clock import SystemClock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC)
TODAY = floor(NOW, DAY)
START = TODAY - 3 * DAY
OUTCOMES = (*[Outcome.OK] * 12, Outcome.DEGRADED, Outcome.FAILED, Outcome.NOT_OBSERVED)
COUNTS = (
    """n, n_ok, n_degraded, n_failed, n_not_observed, n_distrusted, reasons, ttft_hist, intended_hist, total_hist"""
)
SERIES = "t, provider, cluster, target, vantage, kind"
BY_CLUSTER = """t, provider, cluster, kind, connection, n, n_ok, n_degraded, n_failed, n_unknown, n_not_observed,
                reasons, ttft_hist, intended_hist"""
TABLES = {
    "bad_minutes": """SELECT t, provider, cluster, target, kind, n, n_failed, n_not_observed, reasons
                      FROM bad_minutes FINAL""",
    "rollup_hour": f"SELECT {SERIES}, connection, {COUNTS} FROM rollup_hour FINAL",
    "rollup_day": f"SELECT {SERIES}, connection, {COUNTS} FROM rollup_day FINAL",
    "cluster_hour": f"SELECT {BY_CLUSTER} FROM cluster_hour FINAL",
    "cluster_day": f"SELECT {BY_CLUSTER} FROM cluster_day FINAL",
    "target_hour": """SELECT t, provider, cluster, target, kind, module, model, access_path, n_ok, n_degraded, n_failed,
                             n_unknown, n_not_observed, last_tick FROM target_hour FINAL""",
    "token_arrivals": f"SELECT {SERIES}, connection, n_streams, gap_hist, longest_hist FROM token_arrivals FINAL",
    "engine_metrics": """SELECT t, provider, cluster, target, vantage, name, n, low, high, total, last
                         FROM engine_metrics FINAL""",
    "model_hour": """SELECT t, provider, model, cluster, target, n_ok, n_degraded, n_failed, n_unknown, n_not_observed,
                            billed_in, billed_out, good_out FROM model_hour FINAL""",
    "model_times": "SELECT t, provider, model, ttft_hist, gap_hist, n_gaps_billed FROM model_times FINAL",
    "model_times_day": "SELECT t, provider, model, ttft_hist, gap_hist, n_gaps_billed FROM model_times_day FINAL",
    "sights": "SELECT t, provider, vantage, seen, down FROM sights FINAL",
    "treatment_hour": """SELECT t, provider, cluster, target, source, size, n_known, n_failed, n_timed, toFloat64(ln),
                                toFloat64(ln_squares) FROM treatment_hour FINAL""",
    "traffic_hour": """SELECT t, provider, cluster, connection, n_ok, n_degraded, n_failed, n_unknown, n_not_observed,
                              ttft_hist FROM traffic_hour FINAL""",
    "capacity_hour": """SELECT t, provider, cluster, target, n, n_read, n_queued, n_gpus, first_tick,
                               kv_hist, running_hist, waiting_hist, load_hist, gpu_util_hist, per_request_hist,
                               running_queued_hist FROM capacity_hour FINAL""",
}
# Of the keys.
WIDTHS = {
    "bad_minutes": 5, "engine_metrics": 6, "model_hour": 5, "model_times": 3, "sights": 3, "treatment_hour": 6,
    "traffic_hour": 4, "capacity_hour": 4, "cluster_hour": 5, "cluster_day": 5, "target_hour": 6, "model_times_day": 3,
}  # fmt: skip


@pytest_asyncio.fixture
async def house(store: Store) -> AsyncIterator[ClickHouse]:
    """An open ClickHouse in a database of the test's own."""
    opened = await ClickHouse.connect(store, clock=SystemClock())
    yield opened
    await opened.close()


def observed(dice: Random, tick: datetime) -> Observation:
    """Something that an agent may have seen at *tick*."""
    outcome = dice.choice(OUTCOMES)
    reason = dice.choice((Reason.TOTAL_TIMEOUT, Reason.CONNECT_REFUSED, Reason.RATE_LIMITED))
    first, engine = round(dice.lognormvariate(5.5, 0.6), 3), dice.random() < 0.1
    gaps = [dice.choice((0.0, round(dice.lognormvariate(3, 0.3), 3))) for _ in range(dice.randrange(6))]
    arrivals = tuple(np.cumsum([first, *gaps]).tolist())
    answered = outcome in rollup_fold.ANSWERS and not engine
    traffic = not engine and dice.random() < 0.1
    kind = "engine_metrics" if engine else dice.choice(("chat_stream", "http_request", "long_prompt", "burst"))
    return seen(
        target=f"{dice.choice(('acme', 'bolt'))}/{dice.choice(('east', 'west'))}/chat",
        tick=tick,
        outcome=outcome,
        vantage=dice.choice(("here", "there")),
        kind="passive_chat" if traffic else kind,
        source=Source.PASSIVE if traffic else Source.ACTIVE,
        span=f"{dice.getrandbits(64):016x}" if traffic else "",
        model=dice.choice(("ours-8b", "ours-70b", "")),
        tokens=tokens(dice) if answered else Tokens(),
        attempt=int(dice.random() < 0.05),
        late_ms=1.5,
        distrust=Distrust.LOOP_LAG if dice.random() < 0.05 else None,
        instrument=Instrument(dice.choice((Connection.COLD, Connection.WARM)), reads=3),
        figures=page(dice) if engine else {},
        timings=Timings(
            first_token_ms=first, last_token_ms=arrivals[-1], sent_ms=2.25, total_ms=first + 100, arrivals_ms=arrivals
        )
        if answered
        else Timings(total_ms=5000.0),
        **({"reason": reason} if outcome is Outcome.FAILED else {}),
    )


def tokens(dice: Random) -> Tokens:
    """Billed or not, counted exactly, by chunks or not at all."""
    billed, counted = dice.choice((None, *range(1, 40))), dice.choice((None, *range(40)))
    by = "" if counted is None else dice.choice(("words", "tokenizer", "chunks"))
    return Tokens(dice.choice((None, 12)), billed, counted, by, chunks=5)


def page(dice: Random) -> dict[str, float]:
    """Some of what engines' pages tell, nothing and large numbers among it."""
    told = {
        "kv_cache_share": dice.choice((0.0, dice.random())),
        "running": float(dice.randrange(4)) * dice.choice((1, 1000)),
        "waiting": dice.choice((0.0, 0.0, 1e11 / 3)),
        "gpu_util_share": dice.random(),
        "gpus": 8.0,
    }
    return {name: value for name, value in told.items() if dice.random() < 0.8}


def several(seed: int, n: int, start: datetime = START, end: datetime = TODAY) -> list[Observation]:
    """*n* observations spread over [start, end), no two at the same instant."""
    dice = Random(seed)
    steps = dice.sample(range(int((end - start).total_seconds())), n)
    return [observed(dice, start + timedelta(seconds=step)) for step in sorted(steps)]


async def put(house: ClickHouse, observations: Sequence[Observation], taken_in: datetime) -> None:
    """Store *observations* as taken in at that instant."""
    await house.insert_observations([StoredRow(one, 1, seq, taken_in) for seq, one in enumerate(observations)])


def held(store: Store, table: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The rows of a rollup by their key."""
    with clickhouse_connect.get_client(**arguments(store), database=store.database) as client:
        rows = client.query(TABLES[table], tz_mode="aware").result_rows
    width = WIDTHS.get(table, 7)
    found = {tuple(row[:width]): tuple(row[width:]) for row in rows}
    assert len(found) == len(rows)
    return found


def folded(observations: Sequence[Observation]) -> dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]:
    """What every rollup must hold."""
    return {
        "bad_minutes": rollup_fold.bad_minutes(observations),
        "rollup_hour": rollup_fold.counts(observations, HOUR),
        "rollup_day": rollup_fold.counts(observations, DAY),
        "cluster_hour": rollup_fold.by_cluster(observations, HOUR),
        "cluster_day": rollup_fold.by_cluster(observations, DAY),
        "target_hour": rollup_fold.target_hour(observations),
        "token_arrivals": rollup_fold.token_arrivals(observations),
        "engine_metrics": {key: pytest.approx(row) for key, row in rollup_fold.engine_metrics(observations).items()},
        "model_hour": rollup_fold.model_hour(observations),
        "model_times": rollup_fold.model_times(observations, HOUR),
        "model_times_day": rollup_fold.model_times(observations, DAY),
        "sights": rollup_fold.sights(observations),
        "traffic_hour": rollup_fold.traffic_hour(observations),
        "treatment_hour": {key: pytest.approx(row) for key, row in rollup_fold.treatment_hour(observations).items()},
        "capacity_hour": rollup_fold.capacity_hour(observations),
    }


def assert_folded(store: Store, observations: Sequence[Observation]) -> None:
    """Every rollup holds what the fold says, and nothing else."""
    for table, expected in folded(observations).items():
        assert expected, table
        assert held(store, table) == expected, table


async def test_sql_equals_the_reference_also_after_a_late_batch(house: ClickHouse, store: Store) -> None:
    """Three days, then rows of the first day that come a day late; and a round with nothing new changes nothing."""
    observations = several(1, 3000)
    await put(house, observations, NOW - timedelta(minutes=10))
    assert await house.rollups.advance(NOW, NOW) > 60
    assert_folded(store, observations)

    late = several(2, 40, START, START + 2 * HOUR)
    late = [one for one in late if one.tick not in {other.tick for other in observations}]
    await put(house, late, NOW)
    assert await house.rollups.advance(NOW, NOW) >= 2
    assert_folded(store, [*observations, *late])

    await house.rollups.advance(NOW, NOW)
    assert_folded(store, [*observations, *late])


class CutOff(Client):
    """A client that fails at its *fail_at*-th statement, before it or after it has been carried out."""

    fail_at, done, carried_out = 0, 0, False

    async def command(self, sql: str, **parameters: Any) -> None:
        """As Client.command, or a lost connection."""
        self.done += 1
        if self.done != self.fail_at or self.carried_out:
            await super().command(sql, **parameters)
        if self.done == self.fail_at:
            raise StoreUnavailable("cut off")


@pytest.mark.parametrize("carried_out", [False, True])
async def test_a_round_that_is_cut_off_anywhere_is_made_good_by_the_next(
    store: Store, house: ClickHouse, *, carried_out: bool
) -> None:
    """The mark is moved last, so whatever was not recomputed still is to be."""
    client = await CutOff.connect(store, SystemClock())
    assert isinstance(client, CutOff)
    client.carried_out, expected = carried_out, list[Observation]()
    rounds = 0
    for fail_at in range(1, 100):
        rows = several(100 + fail_at, 25, START + fail_at * HOUR / 6, START + (fail_at + 1) * HOUR / 6)
        await put(house, rows, NOW - timedelta(minutes=1))
        expected += rows
        client.done, client.fail_at = 0, fail_at
        try:
            await Rollups(client).advance(NOW, NOW)
        except StoreUnavailable:
            rounds += 1
            continue
        break
    assert rounds >= 6
    await client.close()

    await house.rollups.advance(NOW, NOW)
    assert_folded(store, expected)


async def test_the_minutes_of_the_open_hour_are_there_before_it_has_closed(house: ClickHouse, store: Store) -> None:
    """An outage is seen in the minute after; hours and days wait until they are over."""
    hour = floor(NOW, HOUR)
    now = hour + timedelta(minutes=30, seconds=20)
    rows = [seen(tick=hour + timedelta(minutes=n, seconds=1), outcome=Outcome.FAILED) for n in (3, 29, 30)]
    await put(house, rows, hour)

    await house.rollups.advance(now, now)

    assert [key[0] for key in held(store, "bad_minutes")] == [hour + timedelta(minutes=n) for n in (3, 29)]
    assert held(store, "rollup_hour") == held(store, "rollup_day") == {}


async def test_a_day_is_made_of_hours_whose_facts_are_gone(house: ClickHouse, store: Store) -> None:
    """Hours that were rolled up by a version before have their days from the first round on."""
    old = START - 300 * DAY
    with clickhouse_connect.get_client(**arguments(store), database=store.database) as client:
        client.command(
            f"""INSERT INTO rollup_hour (t, provider, cluster, target, vantage, kind, n, n_ok, ver)
                SELECT toDateTime({int(old.timestamp())}) + number * 3600, 'acme', 'acme/east', 'acme/east/chat',
                       'here', 'chat_stream', 60, 59, now64(6) FROM numbers(48)"""
        )
    await house.rollups.advance(NOW, NOW)

    for table in ("rollup_day", "cluster_day"):
        days = {key[0]: row[:2] for key, row in held(store, table).items()}
        assert days == {old: (60 * 24, 59 * 24), old + DAY: (60 * 24, 59 * 24)}, table


async def test_percentiles_from_a_rollup_are_within_one_per_cent_of_exact(house: ClickHouse, store: Store) -> None:
    """p50, p95 and p99 of a long-tailed distribution, over days of hours."""
    dice = Random(5)
    values = [dice.lognormvariate(5.5, 0.8) for _ in range(20_000)]
    rows = [
        seen(tick=START + timedelta(seconds=10 * n), timings=Timings(first_token_ms=value, total_ms=value))
        for n, value in enumerate(values)
    ]
    await put(house, rows, NOW)
    await house.rollups.recompute(START, TODAY)
    histogram: dict[int, int] = {}
    for row in held(store, "rollup_day").values():
        for bucket, n in row[7].items():
            histogram[bucket] = histogram.get(bucket, 0) + n

    assert sum(histogram.values()) == len(values)
    for share in (0.5, 0.95, 0.99):
        assert quantile_ms(histogram, share) == pytest.approx(float(np.quantile(values, share)), rel=0.01)

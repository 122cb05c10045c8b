"""Value, relations, capacity and status pages: the same from rollups as from facts, wherever windows cut an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import clickhouse_connect
import pytest

from collector.judgement.value.facts import ModelFacts
from collector.storage import cluster_rollups, correlation_queries
from collector.storage.clickhouse import ClickHouse
from collector.storage.comparison_rollups import MARK_NAME
from collector.storage.connection import arguments
from collector.storage.queries import Reader
from collector.storage.rollups import DAY, HOUR, floor
from collector.storage.rows import StoredRow
from schemas.config import Store
from schemas.observation import Observation
from tests.contract.test_rollups import observed
from tests.support.stores import ask, on_store

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = floor(NOW, DAY)
START = TODAY - 3 * DAY
FIVE_MINUTES = timedelta(minutes=5)
N, LATE = 3_000, 60
TABLES = (
    "model_hour", "model_times", "model_times_day", "sights", "treatment_hour", "traffic_hour", "capacity_hour",
    "target_hour",
)  # fmt: skip
BY_CLUSTER = ("cluster_hour", "cluster_day")


def tell(store: Store, sql: str) -> None:
    """Carry out a plain statement, with another client."""
    with clickhouse_connect.get_client(**arguments(store), database=store.database) as client:
        client.command(sql)


def delete(store: Store, table: str, where: str) -> None:
    """Delete rows, and wait for it."""
    tell(store, f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 1")


async def advanced(house: ClickHouse, mark: datetime) -> int:
    """A round of rollups at *mark*: how many hours it computed."""
    return await house.rollups.advance(mark, mark)


def history(seed: int) -> list[tuple[Observation, datetime]]:
    """Random observations with when each was taken in: most at once, LATE of them hours or days after."""
    dice = Random(seed)
    found = []
    for number, second in enumerate(sorted(dice.sample(range(int((NOW - START).total_seconds())), N))):
        one = observed(dice, START + timedelta(seconds=second))
        late = timedelta(hours=dice.uniform(1, 60)) if number % (N // LATE) == 7 else timedelta(seconds=1)
        found.append((one, min(one.finished_at + late, NOW - timedelta(seconds=1))))
    return found


def windows(seed: int) -> list[tuple[datetime, datetime]]:
    """From a midnight, an hour or anywhere until anywhere, an hour or now."""
    dice = Random(seed)
    ends = [START + timedelta(milliseconds=dice.randrange(DAY * 3 // timedelta(milliseconds=1))) for _ in range(3)]
    ends += [START + 1.5 * DAY, START + 2 * DAY + 2 * HOUR, NOW]
    starts = [START, START + dice.random() * 12 * HOUR]
    return [(start, end) for end in ends for start in starts if start < end]


def valued(facts: Sequence[ModelFacts]) -> list[Any]:
    """*facts* so that they can be compared."""
    return [
        (
            (one.provider, one.model, one.ttft_hist, one.gap_hist, one.gaps_billed),
            [(of.cluster, of.target) for of in one.blocks],
            [(of.starts.tolist(), of.counts.tolist()) for of in one.blocks],
            [(of.billed_in.tolist(), of.billed_out.tolist(), of.good_out.tolist()) for of in one.blocks],
        )
        for one in facts
    ]


def answers(reader: Reader, start: datetime, at: datetime) -> dict[str, Any]:
    """Everything that is read of [start, at) to compare providers, as known at *at*."""
    begins, ends = floor(start, FIVE_MINUTES), floor(at, FIVE_MINUTES)
    return {
        "value": valued(reader.model_facts(start, at, block_s=6 * 3600)),
        "odd blocks": valued(reader.model_facts(start, at, block_s=5000)),
        "bars": reader.days_as_known(floor(start, DAY), at),
        "bars of one": reader.days_as_known(start, at, provider="acme"),
        "seen": reader.observed_at(start, at),
        "targets": reader.cluster_targets("acme", "acme/east", start, at),
        "capacity": reader.capacity(start, at),
        "sights": [
            (one.provider, one.vantage, one.seen.tolist(), one.down.tolist())
            for one in correlation_queries.sights(reader._rows, begins, ends, at)
        ],
    }


@pytest.fixture(params=[1, 2])
def filled(store: Store, request: pytest.FixtureRequest) -> tuple[Store, int]:
    """A store with a random history, and its seed."""
    rows = [StoredRow(one, 1, seq, taken_in) for seq, (one, taken_in) in enumerate(history(request.param))]
    on_store(store, lambda house: house.insert_observations(rows))
    return store, request.param


def test_rollups_answer_what_facts_answer(filled: tuple[Store, int]) -> None:
    """Before any round, after one in the middle and after the last: the same, also of instants before rows came."""
    store, seed = filled
    with Reader.open(store) as reader:
        expected = [answers(reader, *window) for window in windows(seed)]
        for mark in (TODAY - 5 * HOUR, NOW):
            on_store(store, partial(advanced, mark=mark))
            for window, wanted in zip(windows(seed), expected, strict=True):
                found = answers(reader, *window)
                assert {name for name in wanted if found[name] != wanted[name]} == set(), (mark, window)


def test_who_was_seen_only_before_a_window_has_no_sight_in_it(filled: tuple[Store, int]) -> None:
    """Though the rollup of its first hour knows of it; short windows, in some of which somebody was not seen."""
    store, _ = filled
    on_store(store, partial(advanced, mark=NOW))
    with Reader.open(store) as reader:
        hours = [TODAY - DAY + number * HOUR for number in range(6)]
        windows = [(hour + minutes * FIVE_MINUTES, hour + HOUR) for hour in hours for minutes in range(7, 12)]
        found = [answers(reader, *window)["sights"] for window in windows]
        several = {len(sights) for sights in found}

    assert all(any(seen) for sights in found for _, _, seen, _ in sights)
    assert len(several) > 1  # somebody is missing in some window


def test_whole_hours_are_read_from_rollups_alone(filled: tuple[Store, int]) -> None:
    """Facts of hours that are rolled up can be gone, and the answer is the same; blocks that cut hours need them."""
    store, _ = filled
    on_store(store, partial(advanced, mark=NOW))
    with Reader.open(store) as reader:
        before = answers(reader, START, NOW)
        delete(store, "observations", f"tick < fromUnixTimestamp({int((TODAY - DAY).timestamp())})")
        after = answers(reader, START, NOW)
    for name in ("value", "bars", "sights", "capacity", "targets"):
        assert before[name] and after[name] == before[name], name
    assert after["odd blocks"] != before["odd blocks"]


def test_what_an_upgrade_brings_is_rolled_up_by_the_first_round(filled: tuple[Store, int]) -> None:
    """Without a mark of their own the new rollups serve nothing, and all hours are computed; the others go on."""
    store, seed = filled
    window = windows(seed)[-1]
    on_store(store, partial(advanced, mark=NOW))
    with Reader.open(store) as reader:
        expected = answers(reader, *window)
        for table in TABLES:
            tell(store, f"TRUNCATE TABLE {table}")
        delete(store, "rollup_marks", f"name = '{MARK_NAME}'")

        assert answers(reader, *window) == expected
        assert ask(store, "SELECT name FROM rollup_marks FINAL") == [(cluster_rollups.MARK_NAME,), ("facts",)]
        assert on_store(store, partial(advanced, mark=NOW)) > 60
        assert answers(reader, *window) == expected
    for table in TABLES:
        assert ask(store, f"SELECT count() > 0 FROM {table}") == [(1,)]


def test_rollups_by_cluster_begin_with_those_by_target(filled: tuple[Store, int]) -> None:
    """Where they have no mark and facts are gone the first round takes what there is, and the answers are the same."""
    store, _ = filled
    on_store(store, partial(advanced, mark=NOW))
    gone = START, floor(NOW - DAY, DAY)
    with Reader.open(store) as reader:
        expected = reader.compare(*gone), reader.daily_bars(4), reader.latency_series("acme", *gone, points=20)
        delete(store, "observations", f"tick < fromUnixTimestamp({int(gone[1].timestamp())})")
        for table in BY_CLUSTER:
            tell(store, f"TRUNCATE TABLE {table}")
        delete(store, "rollup_marks", f"name = '{cluster_rollups.MARK_NAME}'")
        assert reader.compare(*gone) == ()

        on_store(store, partial(advanced, mark=NOW))
        found = reader.compare(*gone), reader.daily_bars(4), reader.latency_series("acme", *gone, points=20)
    assert expected[0] and found == expected

"""However batches come to a real store, the rows are the same: each observation once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.ingest import Ingest
from collector.storage.clickhouse import ClickHouse
from collector.storage.rows import key_of
from schemas.config import Store
from schemas.observation import Observation, Outcome, Reason
from tests.support.batches import body_of_batch
from tests.support.observations import seen
from touchstone.collecting import StoreWriter
from touchstone.system_clock import SystemClock

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
BATCHES = [
    [seen(f"acme/east/t{n}", NOW + timedelta(seconds=10 * number + n)) for n in range(10)] for number in range(6)
]
EVERY = sorted((one.target, one.tick) for batch in BATCHES for one in batch)


@pytest.fixture
async def house(store: Store) -> AsyncIterator[ClickHouse]:
    """An open store."""
    opened = await ClickHouse.connect(store, clock=SystemClock())
    yield opened
    await opened.close()


def ingest_of(house: ClickHouse) -> Ingest:
    """As the collector joins it; deciding is left out."""

    async def decided(_: Sequence[Observation]) -> None:
        return None

    return Ingest(StoreWriter(house), key_of, decided, SystemClock(), bytes_max=2**24, spans_max=10_000)


async def rows(house: ClickHouse) -> list[Any]:
    """Target and tick of every row."""
    found = await house._client.rows("SELECT target, tick FROM {database}.observations ORDER BY target, tick")
    return [(target, tick.replace(tzinfo=UTC)) for target, tick in found]


BODIES = [body_of_batch(number + 1, batch) for number, batch in enumerate(BATCHES)]


async def test_every_batch_twice(house: ClickHouse) -> None:
    """One after the other, and at once."""
    ingest = ingest_of(house)
    for body in BODIES:
        await ingest.take(body, "")
        await ingest.take(body, "")
    await asyncio.gather(*(ingest.take(body, "") for body in BODIES for _ in range(3)))

    assert await rows(house) == EVERY


async def test_in_reverse_and_cut_differently(house: ClickHouse) -> None:
    """The last batch first; and the same observations again in other batches, as after a spool was salvaged."""
    ingest = ingest_of(house)
    for body in reversed(BODIES):
        await ingest.take(body, "")
    whole = [one for batch in BATCHES for one in batch]
    for first in range(0, len(whole), 7):
        await ingest.take(body_of_batch(100 + first, whole[first : first + 7]), "")

    assert await rows(house) == EVERY


async def test_a_day_late_beside_what_is_new(house: ClickHouse) -> None:
    """Rows of yesterday, among them some that came in time, in one body with rows of today."""
    ingest = ingest_of(house)
    yesterday = [seen("acme/east/late", NOW - timedelta(days=1) + timedelta(minutes=n)) for n in range(20)]
    await ingest.take(body_of_batch(1, yesterday[::3]), "")
    for body in BODIES:
        await ingest.take(body, "")
    await ingest.take(body_of_batch(2, [*yesterday, *BATCHES[0]]), "")

    assert await rows(house) == sorted([*EVERY, *((one.target, one.tick) for one in yesterday)])


async def test_from_two_agents_at_once(house: ClickHouse) -> None:
    """Two processes that have the same rows, in other batches, under other numbers: each row once."""
    ingest = ingest_of(house)
    whole = [one for batch in BATCHES for one in batch]
    first = [body_of_batch(1000 + n, whole[n : n + 9], first=n) for n in range(0, len(whole), 9)]
    second = [body_of_batch(2000 + n, whole[n : n + 11], first=500 + n) for n in range(0, len(whole), 11)]
    await asyncio.gather(*(ingest.take(body, "") for pair in zip(first, second, strict=False) for body in pair))
    await asyncio.gather(*(ingest.take(body, "") for body in (*first, *second)))

    assert await rows(house) == EVERY


async def test_through_two_collectors_one_after_the_other(house: ClickHouse) -> None:
    """A collector that was started anew: what the one before had stored is known."""
    for body in BODIES[:4]:
        await ingest_of(house).take(body, "")
    for body in BODIES:
        await ingest_of(house).take(body, "")

    assert await rows(house) == EVERY


async def test_twice_in_one_body_the_first_counts(house: ClickHouse) -> None:
    """An observation, and behind it a tick filled in for it: as if they had come one after the other."""
    one = BATCHES[0][0]
    filled_in = seen(one.target, one.tick, Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_SPOOL)
    await ingest_of(house).take(body_of_batch(1, [one, filled_in]), "")

    found = await house._client.rows("SELECT outcome FROM {database}.observations")
    assert [outcome for (outcome,) in found] == ["ok"]

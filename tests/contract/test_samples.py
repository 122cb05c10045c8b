"""Samples reach a real store once, whatever fails, and are read as they were known at an instant."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.ingest import Ingest
from collector.storage.clickhouse import ClickHouse
from collector.storage.packed_rows import PackedRows
from collector.storage.queries import Reader
from collector.storage.rows import StoredRow, key_of
from schemas.config import Store
from schemas.errors import StoreUnavailable
from schemas.observation import Observation, Outcome, Reason, Source
from schemas.sample import SAMPLES_MAX, KeptSample, Sample
from tests.support.batches import body_of_batch, with_attributes
from tests.support.observations import seen
from touchstone.collecting import StoreWriter
from touchstone.system_clock import SystemClock

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
HOUR = timedelta(hours=1)
LATER = NOW + 2 * HOUR


def sampled(n: int, target: str = "acme/east/chat", *, ago: timedelta = timedelta(0), **changes: Any) -> Observation:
    """An observation with two samples of one item and one of another series."""
    samples = (
        Sample("cache", "hit", float(n)),
        Sample("cache", "hit", n + 0.5),
        Sample("identity", f"s:{n:03}", 7, f"é {n}"),
    )
    return seen(target, NOW - ago + timedelta(seconds=n), **({"samples": samples} | changes))


def kept(*observations: Observation) -> list[KeptSample]:
    """What is to be found of them."""
    return sorted(
        KeptSample(o.tick, o.provider, o.cluster, o.target, o.vantage, s.series, s.item, s.value, s.text)
        for o in observations
        for s in o.samples
    )


@pytest.fixture
async def house(store: Store) -> AsyncIterator[ClickHouse]:
    """An open store."""
    opened = await ClickHouse.connect(store, clock=SystemClock())
    yield opened
    await opened.close()


async def found(house: ClickHouse, *series: str, at: datetime = LATER, **which: Any) -> list[KeptSample]:
    """All that is known of *series* at *at*, sorted."""
    window = await house.samples(series or ("cache", "identity"), NOW - 200 * 24 * HOUR, LATER, at, **which)
    return sorted(window.samples)


class DyingWriter(StoreWriter):
    """Dies once in the Nth insert that it is asked for: between the samples and their observations."""

    def __init__(self, house: ClickHouse, *, at: int) -> None:
        super().__init__(house)
        self.left, self.house = at, house

    async def insert_received(self, packed: PackedRows, ingested_at: datetime) -> None:
        """Store, or die half-way."""
        self.left -= 1
        if self.left != 0:
            return await super().insert_received(packed, ingested_at)
        client = self.house._client
        insert = client.insert_block

        async def dies(table: str, *values: Any, **settings: Any) -> None:
            raise StoreUnavailable(f"killed before {table}")

        client.insert_block = dies  # type: ignore[method-assign]
        try:
            return await super().insert_received(packed, ingested_at)
        finally:
            client.insert_block = insert  # type: ignore[method-assign]


def ingest_of(writer: StoreWriter) -> Ingest:
    """As the collector joins it; deciding is left out."""

    async def decided(_: Sequence[Observation]) -> None:
        return None

    return Ingest(writer, key_of, decided, SystemClock(), bytes_max=2**24, spans_max=10_000)


async def test_every_batch_twice_and_cut_differently_each_sample_once(house: ClickHouse) -> None:
    """Two samples of one item in one observation are two; those of last month stand in a part of their own."""
    every = [sampled(n, ago=timedelta(days=40 * (n % 3))) for n in range(9)]
    ingest = ingest_of(StoreWriter(house))
    for first in range(0, 9, 3):
        await ingest.take(body_of_batch(first, every[first : first + 3]), "")
    await ingest.take(body_of_batch(50, every), "")

    assert await found(house) == kept(*every)


async def test_killed_between_samples_and_observations_the_retry_leaves_the_same_rows(house: ClickHouse) -> None:
    """And whoever judged in between is judged by the same samples for ever: the first copy stays, merged or not."""
    every = [sampled(n) for n in range(4)]
    writer = DyingWriter(house, at=1)
    with pytest.raises(StoreUnavailable):
        await ingest_of(writer).take(body_of_batch(1, every), "")
    assert await house.stored_keys(every) == frozenset()
    between = SystemClock().now() + timedelta(milliseconds=2)
    known = await found(house, at=between)
    await SystemClock().sleep(0.005)

    await ingest_of(StoreWriter(house)).take(body_of_batch(1, every), "")
    copies = (await house._client.rows("SELECT count() FROM {database}.integrity_samples"))[0][0]

    assert known == kept(*every) == await found(house, at=between) == await found(house)
    assert copies == 24
    await house._client.command("OPTIMIZE TABLE {database}.integrity_samples FINAL")
    assert await found(house, at=between) == kept(*every)
    assert len(await house.stored_keys(every)) == 4


async def test_an_observation_that_is_stored_has_its_samples_stored(house: ClickHouse) -> None:
    """Samples go first: there is no moment at which a reader finds the observation without them."""
    order = []
    client = house._client

    def noting(insert: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def noted(table: str, *values: Any, **settings: Any) -> None:
            order.append(table)
            await insert(table, *values, **settings)

        return noted

    client.insert, client.insert_block = noting(client.insert), noting(client.insert_block)  # type: ignore[method-assign]
    await ingest_of(StoreWriter(house)).take(body_of_batch(1, [sampled(1), seen()]), "")

    assert order[0] == "integrity_samples"
    assert set(order[1:]) == {"observations"}


async def test_of_two_with_one_key_the_samples_of_the_first_count(house: ClickHouse) -> None:
    """As the observation does."""
    first, second = (
        sampled(1),
        sampled(1, samples=(Sample("identity", "s:001", 9, "another"), Sample("echo", "k", 1.0))),
    )
    ingest = ingest_of(StoreWriter(house))
    await ingest.take(body_of_batch(1, [first, second]), "")
    await ingest.take(body_of_batch(2, [second]), "")

    assert await found(house, "cache", "identity", "echo") == kept(first)


async def test_re_probes_and_real_traffic_have_no_samples(house: ClickHouse) -> None:
    """Whatever their spans say; and without samples nothing is written."""
    re_probe = sampled(1, attempt=1, outcome=Outcome.FAILED, reason=Reason.TRUNCATED)
    passive = sampled(2, source=Source.PASSIVE, span="00f067aa0ba902b7")
    await ingest_of(StoreWriter(house)).take(body_of_batch(1, [re_probe, passive, seen()]), "")

    assert await found(house) == []
    assert len(await house.stored_keys([re_probe, passive, seen()])) == 3


async def test_beside_hostile_samples_the_others_are_stored_texts_of_every_size_too(house: ClickHouse) -> None:
    """A span with one sample too many, and one with as many and as long ones as there may be."""
    most = sampled(1, samples=tuple(Sample("identity", f"s:{n:03}", n, "日" * 1000) for n in range(SAMPLES_MAX)))
    names = ("series", "items", "values", "texts")
    more = {f"touchstone.samples.{name}": [1.0 if name == "values" else "x"] * (SAMPLES_MAX + 1) for name in names}
    body = with_attributes(body_of_batch(1, [sampled(2), most]), more)
    reading = await ingest_of(StoreWriter(house)).take(body, "")

    assert (reading.rejected, "at most 64" in reading.said) == (1, True)
    assert await found(house) == kept(most)


async def test_samples_are_read_as_they_were_known_of_one_provider_or_target_the_newest_when_there_are_too_many(
    house: ClickHouse, store: Store
) -> None:
    """Windows are [start, end); *cut* says that older ones are missing; both facades say the same."""
    dice = random.Random(7)
    targets = ("acme/east/chat", "acme/west/chat", "other/east/chat")
    every = [sampled(n, dice.choice(targets)) for n in range(60)]
    dice.shuffle(every)
    taken_in = {one.id: NOW + timedelta(seconds=dice.randrange(60, 600)) for one in every}
    await house.insert_observations([StoredRow(one, 1, seq, taken_in[one.id]) for seq, one in enumerate(every)])
    at, start, end = NOW + timedelta(seconds=300), NOW + timedelta(seconds=10), NOW + timedelta(seconds=50)
    known = [one for one in every if taken_in[one.id] < at and start <= one.tick < end]

    whole = await house.samples(["cache", "identity"], start, end, at)
    acme = await house.samples(["identity"], start, end, at, provider="acme")
    west = await house.samples(["identity"], start, end, at, target="acme/west/chat")
    newest = await house.samples(["identity"], start, end, at, limit=5)
    with Reader.open(store) as reader:
        again = reader.samples(["identity"], start, end, at, limit=5)

    identity = [one for one in kept(*known) if one.series == "identity"]
    assert (list(whole.samples), whole.cut) == (kept(*known), False)
    assert list(acme.samples) == [one for one in identity if one.provider == "acme"]
    assert list(west.samples) == [one for one in identity if one.target == "acme/west/chat"]
    assert (list(newest.samples), newest.cut) == (identity[-5:], True)
    assert again == newest
    assert (await house.samples(["identity"], start, end, at, limit=len(identity))).cut is False

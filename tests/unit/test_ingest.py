"""Ingest stores a batch once, whatever fails and however often it comes, and knows up to when everything is stored."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from collector.ingest import TOGETHER_MAX, Ingest
from collector.judgement.fleet_index import FleetIndex
from collector.otlp_reading import Received
from collector.service import COPY_ROWS_MAX, Service
from schemas.batch_order import BatchOrder
from schemas.config import Configuration
from schemas.errors import OutOfOrder, StoreRejected, StoreUnavailable, WireError
from schemas.fleet import Fleet
from schemas.observation import Observation
from tests.support.batches import body_of_batch
from tests.support.observations import seen
from touchstone.settings_file import SettingsFile

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


class SteppedClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = AT

    def now(self) -> datetime:
        """The instant set."""
        return self.at

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (self.at - AT).total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Moves the clock instead of waiting."""
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class FailingStore:
    """A store whose Nth insert fails: before it stored anything, or after it stored all (the answer was lost)."""

    def __init__(self, clock: SteppedClock, *, fail: int = 0, stores_anyway: bool = False) -> None:
        self.clock, self.fail, self.stores_anyway = clock, fail, stores_anyway
        self.rows: list[tuple[Any, datetime]] = []
        self.calls: list[str] = []

    async def stored_keys(self, observations: Sequence[Observation]) -> frozenset[Any]:
        """What is stored."""
        self.calls.append("stored_keys")
        await asyncio.sleep(0)
        return frozenset(key for key, _ in self.rows)

    def packed(self, received: Sequence[Received]) -> Sequence[Received]:
        """As they are."""
        return received

    async def insert_received(self, received: Sequence[Received], ingested_at: datetime) -> None:
        """Store, or fail."""
        self.calls.append("insert")
        await asyncio.sleep(0)
        failing = self.calls.count("insert") == self.fail
        if not failing or self.stores_anyway:
            self.rows += [(one.observation.id, ingested_at) for one in received]
        if failing:
            raise StoreUnavailable("the answer was lost")

    async def settled(self) -> None:
        """Nothing is running."""
        self.calls.append("settled")


def body_of(*observations: Observation) -> bytes:
    """A batch on the wire."""
    return gzip.compress(body_of_batch(7, observations))


def ingest_of(store: FailingStore, decided: list[Observation]) -> Ingest:
    """Ingest over *store*."""

    async def note(observations: Sequence[Observation]) -> None:
        decided.extend(observations)

    return Ingest(store, lambda one: one.id, note, store.clock, bytes_max=1_000_000, spans_max=1000)


async def test_the_same_batch_twice_at_once_is_stored_once_and_decided_twice() -> None:
    """A retry that overtakes its first attempt adds nothing."""
    store, decided = FailingStore(SteppedClock()), list[Observation]()
    ingest, body = ingest_of(store, decided), body_of(seen(), seen(attempt=1))

    await asyncio.gather(ingest.take(body, "gzip"), ingest.take(body, "gzip"))

    assert len(store.rows) == 2
    assert len(decided) == 4


def many(n: int) -> list[bytes]:
    """Bodies of two observations each, of targets of their own."""
    return [body_of(seen(f"acme/east/t{number}"), seen(f"acme/east/t{number}", attempt=1)) for number in range(n)]


async def test_what_waits_is_taken_in_together() -> None:
    """Thirty-three bodies at once are three inserts, each of as many as are allowed."""
    store, decided = FailingStore(SteppedClock()), list[Observation]()
    ingest = ingest_of(store, decided)

    await asyncio.gather(*(ingest.take(body, "gzip") for body in many(1 + 2 * TOGETHER_MAX)))

    assert store.calls.count("insert") == 3
    assert len(store.rows) == len(set(store.rows)) == len(decided) == 2 + 4 * TOGETHER_MAX
    assert ingest.counts()["taken"] == {"active": 2 + 4 * TOGETHER_MAX}


async def test_a_bad_body_among_others_is_refused_alone() -> None:
    """Its sender is told, nobody else."""
    store, decided = FailingStore(SteppedClock()), list[Observation]()
    ingest = ingest_of(store, decided)
    bodies = [*many(3), b"no gzip", *many(6)[3:]]

    outcomes = await asyncio.gather(*(ingest.take(body, "gzip") for body in bodies), return_exceptions=True)

    assert [isinstance(one, WireError) for one in outcomes] == [False] * 3 + [True] + [False] * 3
    assert len(store.rows) == 12


class PickyStore(FailingStore):
    """Refuses an insert that has a row of one target."""

    async def insert_received(self, received: Sequence[Received], ingested_at: datetime) -> None:
        """Store, or refuse all of it."""
        if any(one.observation.target.endswith("t2") for one in received):
            raise StoreRejected("that row")
        await super().insert_received(received, ingested_at)


async def test_a_row_that_the_store_refuses_stops_nobody_else() -> None:
    """What came together is tried one by one."""
    store, decided = PickyStore(SteppedClock()), list[Observation]()
    ingest = ingest_of(store, decided)

    outcomes = await asyncio.gather(*(ingest.take(body, "gzip") for body in many(6)), return_exceptions=True)

    assert [isinstance(one, StoreRejected) for one in outcomes] == [number == 2 for number in range(6)]
    assert len(store.rows) == len(decided) == 10


async def test_a_store_that_is_gone_is_gone_for_all_that_came_together() -> None:
    """Each sends again, and everything is there once."""
    store, decided = FailingStore(SteppedClock(), fail=1, stores_anyway=True), list[Observation]()
    ingest = ingest_of(store, decided)
    bodies = many(5)

    outcomes = await asyncio.gather(*(ingest.take(body, "gzip") for body in bodies), return_exceptions=True)
    again = [body for body, one in zip(bodies, outcomes, strict=True) if isinstance(one, StoreUnavailable)]
    await asyncio.gather(*(ingest.take(body, "gzip") for body in again))

    assert len(again) == 5
    assert len(store.rows) == len({id for id, _ in store.rows}) == 10


class HeldStore(FailingStore):
    """Says when an insert has begun."""

    def __init__(self, clock: SteppedClock) -> None:
        super().__init__(clock)
        self.begun = asyncio.Event()

    async def insert_received(self, received: Sequence[Received], ingested_at: datetime) -> None:
        """Store."""
        self.begun.set()
        await super().insert_received(received, ingested_at)


async def test_one_who_hangs_up_takes_nobody_along() -> None:
    """The first of those that came together is cancelled in the middle of the insert."""
    store, decided = HeldStore(SteppedClock()), list[Observation]()
    ingest = ingest_of(store, decided)
    waits = [asyncio.ensure_future(ingest.take(body, "gzip")) for body in many(5)]
    await store.begun.wait()
    waits[0].cancel()
    outcomes = await asyncio.gather(*waits, return_exceptions=True)

    assert sum(isinstance(one, asyncio.CancelledError) for one in outcomes) == 1
    assert len({id for id, _ in store.rows}) >= 8
    assert len(store.rows) == len({id for id, _ in store.rows})


@pytest.mark.parametrize("stores_anyway", [False, True])
async def test_a_batch_whose_insert_failed_is_there_once_after_the_retry(stores_anyway: bool) -> None:
    """Whether the store had it or not, and only after asking whether the first insert is over."""
    store, decided = FailingStore(SteppedClock(), fail=1, stores_anyway=stores_anyway), list[Observation]()
    ingest, body = ingest_of(store, decided), body_of(seen())

    with pytest.raises(StoreUnavailable):
        await ingest.take(body, "gzip")
    assert decided == []
    await ingest.take(body, "gzip")

    assert len(store.rows) == 1
    assert store.calls[:5] == ["settled", "stored_keys", "insert", "settled", "stored_keys"]
    assert len(decided) == 1


async def test_the_watermark_never_passes_a_row_that_may_still_appear() -> None:
    """Unknown until it is known that no earlier process left an insert; held back by an insert that failed."""
    store, decided = FailingStore(SteppedClock(), fail=1, stores_anyway=True), list[Observation]()
    ingest = ingest_of(store, decided)
    assert ingest.watermark() is None
    await ingest.start()
    assert ingest.watermark() == AT

    with pytest.raises(StoreUnavailable):
        await ingest.take(body_of(seen()), "gzip")
    store.clock.at += timedelta(seconds=60)
    assert ingest.watermark() == AT
    assert all(ingested_at >= AT for _, ingested_at in store.rows)

    await ingest.take(body_of(seen()), "gzip")
    assert ingest.watermark() == store.clock.at


def ordered(store: FailingStore) -> list[str]:
    """The targets of what is stored, in the order in which it was."""
    return [str(target) for target, _ in store.rows]


def ingest_by_target(store: FailingStore) -> Ingest:
    """Ingest whose keys are the targets."""

    async def nothing(observations: Sequence[Observation]) -> None:
        """Decides nothing."""

    return Ingest(store, lambda one: one.target, nothing, store.clock, bytes_max=16_000_000, spans_max=1000)


class NamingStore(FailingStore):
    """Keeps targets for keys, and can be held shut."""

    def __init__(self, clock: SteppedClock, *, fail: int = 0) -> None:
        super().__init__(clock, fail=fail)
        self.begun, self.open, self.inserts = asyncio.Event(), asyncio.Event(), list[list[str]]()

    async def insert_received(self, received: Sequence[Received], ingested_at: datetime) -> None:
        """Store when open."""
        self.calls.append("insert")
        self.inserts.append([one.observation.target for one in received])
        self.begun.set()
        await self.open.wait()
        if self.calls.count("insert") == self.fail:
            raise StoreUnavailable("gone")
        self.rows += [(one.observation.target, ingested_at) for one in received]


def chain(n: int) -> list[tuple[bytes, BatchOrder]]:
    """Batches of one sender, each after the one before it."""
    orders = [BatchOrder(1), *(BatchOrder(number, number - 1) for number in range(2, n + 1))]
    return [(body_of(seen(f"acme/east/b{one.batch}")), one) for one in orders]


async def test_batches_that_overtook_each_other_are_stored_in_their_order() -> None:
    """They come last first; each waits for the one before it."""
    store = NamingStore(SteppedClock())
    store.open.set()
    ingest = ingest_by_target(store)

    await asyncio.gather(*(ingest.take(body, "gzip", order) for body, order in reversed(chain(5))))

    assert ordered(store) == [f"acme/east/b{number}" for number in range(1, 6)]


async def test_a_batch_whose_predecessor_never_comes_is_refused() -> None:
    """Soon, and nothing of it is stored; who says nothing of order is taken as it comes."""
    store = NamingStore(SteppedClock())
    store.open.set()
    ingest = ingest_by_target(store)
    body, order = chain(2)[1]

    with pytest.raises(OutOfOrder, match="batch 1 must be taken first"):
        await ingest.take(body, "gzip", order)
    assert store.rows == []
    await ingest.take(body, "gzip")
    assert ordered(store) == ["acme/east/b2"]


async def test_a_batch_is_not_stored_before_one_whose_insert_failed() -> None:
    """The store is gone for the first and back for the second, which was read meanwhile."""
    store = NamingStore(SteppedClock(), fail=1)
    ingest = ingest_by_target(store)
    (first, one), (second, two) = chain(2)
    taking = asyncio.create_task(ingest.take(first, "gzip", one))
    await store.begun.wait()
    after = asyncio.create_task(ingest.take(second, "gzip", two))
    await asyncio.sleep(0.1)
    store.open.set()

    with pytest.raises(StoreUnavailable):
        await taking
    with pytest.raises(OutOfOrder, match="batch 1 must be taken first, and was not"):
        await after
    assert store.rows == []
    for body, order in chain(2):
        await ingest.take(body, "gzip", order)
    assert ordered(store) == ["acme/east/b1", "acme/east/b2"]


async def test_the_next_is_read_while_the_store_writes_and_not_the_one_after_it() -> None:
    """One that is written and one that is read: no more is held decoded."""
    store = NamingStore(SteppedClock())
    ingest = ingest_by_target(store)
    large = [body_of_many(f"acme/east/t{number}") for number in range(8)]
    takes = [asyncio.create_task(ingest.take(body, "")) for body in large]
    await asyncio.sleep(0.5)
    read = [one for one in ingest._waiting if one.reading is not None]

    assert len(store.inserts) == 1
    assert 2 <= len(read) <= 4
    store.open.set()
    await asyncio.gather(*takes)
    assert len(store.rows) == 8


async def test_what_has_just_happened_does_not_wait_behind_a_backlog() -> None:
    """A small body that comes last is stored before all that is not being stored already."""
    store = NamingStore(SteppedClock())
    ingest = ingest_by_target(store)
    takes = [asyncio.create_task(ingest.take(body_of_many(f"acme/east/t{number}"), "")) for number in range(6)]
    await asyncio.sleep(0)
    takes.append(asyncio.create_task(ingest.take(body_of(seen("acme/east/now")), "gzip")))
    await asyncio.sleep(0.3)
    store.open.set()
    await asyncio.gather(*takes)

    assert store.inserts.index(["acme/east/now"]) <= 1
    assert len(store.inserts) > 2


def body_of_many(target: str) -> bytes:
    """A body that is large as it comes: one observation, and 1.5 MB that belong to nothing."""
    return body_of_batch(7, [seen(target)]) + b"\x7a\xe0\xc6\x5b" + bytes(1_500_000)


class QuietStore:
    """Facts of an empty store in which a past is being loaded, or not."""

    def __init__(self, *, loading: bool) -> None:
        self.loading, self.verdicts = loading, list[Any]()
        self.past: Any = None  # that was loaded

    async def facts(self, at: datetime, policy: object) -> dict[str, Any]:
        """None."""
        return {}

    async def previous_verdicts(self, at: datetime) -> dict[str, Any]:
        """None."""
        return {}

    async def conduct(self, at: datetime) -> dict[str, Any]:
        """None."""
        return {}

    async def claimed(self) -> frozenset[str]:
        """Nothing."""
        return frozenset()

    async def incident_records(self, at: datetime, policy: object) -> dict[str, Any]:
        """None."""
        return {}

    async def suspicions(self, at: datetime) -> dict[str, Any]:
        """None."""
        return {}

    async def insert_suspicions(self, suspicions: Sequence[Any], at: datetime, known_at: datetime) -> None:
        """Nothing to keep."""

    async def insert_verdicts(self, verdicts: Sequence[Any]) -> None:
        """Keep them."""
        self.verdicts += verdicts

    async def insert_statements(self, statements: Sequence[Any], at: datetime) -> None:
        """Nothing to keep."""

    async def insert_copies(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Nothing to copy."""

    async def history_progress(self) -> Any:
        """Half-way, or never begun."""

        class Progress:
            finished = False

        return Progress() if self.loading else self.past


def service_of(store: QuietStore, watermark: datetime | None) -> Service:
    """A service over one provider."""
    cluster = {"targets": {"chat": {"model": "m", "url": "http://127.0.0.1:1/v1", "modules": ["chat"]}}}
    configuration = Configuration(
        settings=SettingsFile.model_validate({"version": 1, "modules": {"chat": {"kind": "chat_stream"}}}),
        fleet=Fleet.model_validate({"providers": {"acme": {"clusters": {"east": cluster}}}}),
    )

    async def never(*_: Any) -> None:
        raise AssertionError("nothing is decided here")

    async def at_once(work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)

    state: Any = SimpleNamespace(uncopied=lambda limit: {})
    return Service(
        configuration=configuration, index=FleetIndex.of(configuration), clock=SteppedClock(), facts=store,
        state=state, on_disk=at_once,
        deliveries=lambda intents, known: (), roll_up=never, burn_rates=never, examine=never, account=never,
        watermark=lambda: watermark, wake_sender=lambda: None,
    )  # fmt: skip


async def test_no_verdict_is_stored_while_a_past_is_being_loaded_or_the_watermark_is_unknown() -> None:
    """Such a verdict could not be recomputed from what is stored afterwards."""
    loading, unknown, fine = QuietStore(loading=True), QuietStore(loading=False), QuietStore(loading=False)

    await service_of(loading, AT).give_verdicts()
    await service_of(unknown, None).give_verdicts()
    await service_of(fine, AT.replace(microsecond=123_456)).give_verdicts()

    assert loading.verdicts == unknown.verdicts == []
    assert [(v.provider, v.tier, v.at) for v in fine.verdicts] == [("acme", "unrated", AT.replace(microsecond=123_000))]


async def test_no_verdict_is_stored_before_what_was_decided_is_copied() -> None:
    """It stands on the copies of incidents. A backlog is copied first; one that has no end is waited for."""
    backlog, store, endless = [COPY_ROWS_MAX, COPY_ROWS_MAX, 3, 0], QuietStore(loading=False), QuietStore(loading=False)

    def uncopied(limit: int) -> dict[str, list[dict[str, Any]]]:
        return {"responses": [{}] * backlog.pop(0)}

    service, without_end = service_of(store, AT), service_of(endless, AT)
    service.state = SimpleNamespace(uncopied=uncopied, copied=lambda rows: None)  # type: ignore[assignment]
    without_end.state = SimpleNamespace(  # type: ignore[assignment]
        uncopied=lambda limit: {"responses": [{}] * limit}, copied=lambda rows: None
    )
    await service.give_verdicts()
    await without_end.give_verdicts()

    assert backlog == [0]
    assert (len(store.verdicts), endless.verdicts) == (1, [])


async def test_claims_are_examined_again_when_it_is_time_or_a_past_was_loaded_meanwhile() -> None:
    """A load that begins after the first examination would else wait six hours for the next."""
    examined = list[datetime]()

    async def examine(at: datetime) -> dict[str, Any]:
        examined.append(at)
        return {}

    store = QuietStore(loading=False)
    service = service_of(store, AT)
    service.examine = examine
    clock = service.clock
    assert isinstance(clock, SteppedClock)
    for loading, later_s, times in (
        (False, 0.0, 1), (False, 60.0, 1), (True, 5.0, 1), (False, 5.0, 1), (False, 21_600.0, 2),
    ):  # fmt: skip
        store.loading = loading
        await clock.sleep(later_s)
        await service.examine_when_due()
        assert len(examined) == times
    store.past = SimpleNamespace(finished=True)
    await service.examine_when_due()

    assert len(examined) == 3


async def test_months_are_counted_every_hour_and_after_a_past_was_loaded() -> None:
    """Stored, then decided on; a store that fails in between has them counted again."""
    counted, decided = list[datetime](), list[Any]()

    async def account(at: datetime) -> tuple[Any, ...]:
        counted.append(at)
        if len(counted) == 2:
            raise StoreUnavailable("gone")
        return ()

    async def on_disk(*_: Any) -> Any:
        decided.append(_)
        quiet = {"transitions": (), "intents": (), "asks": frozenset(), "due": None}
        return SimpleNamespace(state=SimpleNamespace(incidents={}), **quiet)

    store = QuietStore(loading=False)
    service = service_of(store, AT)
    service.account, service.on_disk, service.state = account, on_disk, SimpleNamespace(step=None)  # type: ignore[assignment]
    await service.account_when_due()
    await service.account_when_due()
    store.past = SimpleNamespace(finished=True)
    with pytest.raises(StoreUnavailable):
        await service.account_when_due()
    await service.account_when_due()
    await service.clock.sleep(3600)
    await service.account_when_due()

    assert (len(counted), len(decided)) == (4, 3)


async def test_the_watermark_is_read_before_it_is_asked_whether_a_past_is_being_loaded() -> None:
    """A load that begins in between takes in its rows later than the verdict's instant, so they are not in it."""
    order = list[str]()

    class AskedStore(QuietStore):
        """Notes when it is asked."""

        async def history_progress(self) -> Any:
            """Nothing is being loaded."""
            order.append("progress")

    service = service_of(AskedStore(loading=False), AT)
    service.watermark = lambda: order.append("watermark") or AT
    await service.give_verdicts()

    assert order == ["watermark", "progress"]

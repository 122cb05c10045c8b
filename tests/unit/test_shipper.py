"""A backlog goes with several batches under way, in their order; after one that was not taken, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest

from probes.disk_thread import DiskThread
from probes.shipper import UNDER_WAY_MAX, Shipper
from probes.spool import Batch, Spool
from probes.spool_bounds import Bounds
from schemas.config import Agent
from schemas.errors import DeliveryError
from tests.support.observations import TICK, seen
from touchstone.system_clock import SystemClock

ROWS = 10
SETTINGS = Agent(batch_rows_max=ROWS)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An open spool."""
    with closing(Spool(tmp_path / "spool.db", Bounds(10_000))) as opened:
        yield opened


def fill(spool: Spool, rows: int) -> None:
    """So many rows wait."""
    spool.put([("trail", seen(tick=TICK + timedelta(seconds=number))) for number in range(rows)])


class Receiver:
    """Takes batches when it is let; refuses those that it is told to."""

    def __init__(self, *refused: int) -> None:
        self.came, self.under_way, self.most = list[Batch](), 0, 0
        self.arrival = asyncio.Condition()
        self.open, self.refused = asyncio.Event(), set(refused)  # by their number in the order of coming

    async def __call__(self, batch: Batch) -> None:
        """Take *batch*."""
        async with self.arrival:
            number = len(self.came)
            self.came.append(batch)
            self.arrival.notify_all()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.open.wait()
        finally:
            self.under_way -= 1
        if number in self.refused:
            raise DeliveryError("not now")


@asynccontextmanager
async def shipper_of(spool: Spool, receiver: Receiver) -> AsyncIterator[Shipper]:
    """A shipper from *spool* to *receiver*."""
    with closing(DiskThread()) as disk:
        yield Shipper(spool, SETTINGS, receiver, SystemClock(), disk)


async def many_came(receiver: Receiver, n: int) -> None:
    """Return when *n* batches have come."""
    async with asyncio.timeout(10), receiver.arrival:
        await receiver.arrival.wait_for(lambda: len(receiver.came) >= n)


async def test_of_a_backlog_several_batches_are_under_way_each_after_the_one_before(spool: Spool) -> None:
    """As many as are allowed, and no more; in the end each has gone once."""
    fill(spool, 3 * UNDER_WAY_MAX * ROWS + 4)
    receiver = Receiver()
    async with shipper_of(spool, receiver) as shipper:
        shipping = asyncio.create_task(shipper.ship_all())
        await many_came(receiver, UNDER_WAY_MAX)
        await asyncio.sleep(0.1)
        assert len(receiver.came) == UNDER_WAY_MAX
        assert [one.after for one in receiver.came] == [None, *(one.id for one in receiver.came[:-1])]
        receiver.open.set()
        await shipping

    seqs = [seq for batch in receiver.came for seq, _ in batch.rows]
    assert seqs == list(range(1, 3 * UNDER_WAY_MAX * ROWS + 5))
    assert receiver.most == UNDER_WAY_MAX
    assert spool.ledger().pending == 0


async def test_without_a_backlog_the_next_batch_waits_for_the_answer(spool: Spool) -> None:
    """So what comes in meanwhile goes together."""
    fill(spool, ROWS - 1)
    receiver = Receiver()
    async with shipper_of(spool, receiver) as shipper:
        shipping = asyncio.create_task(shipper.ship_all())
        await many_came(receiver, 1)
        spool.put([("trail", seen(tick=TICK + timedelta(hours=1 + n))) for n in range(4)])
        await asyncio.sleep(0.1)
        assert len(receiver.came) == 1
        receiver.open.set()
        await shipping

    assert [len(one.rows) for one in receiver.came] == [ROWS - 1, 4]


async def test_what_was_not_taken_stays_and_then_they_go_one_by_one(spool: Spool) -> None:
    """The second is refused: the others that were under way are not sent again."""
    fill(spool, 5 * ROWS)
    receiver = Receiver(1)
    receiver.open.set()
    async with shipper_of(spool, receiver) as shipper:
        with pytest.raises(DeliveryError, match="not now"):
            await shipper.ship_all()
        first = receiver.came
        assert spool.ledger().pending == ROWS * (6 - len(first))
        receiver.came, receiver.most = [], 0
        receiver.refused = set()
        await shipper.ship_all()

    assert receiver.came[0].rows == first[1].rows
    assert receiver.most == 1
    assert all(one.after is None for one in receiver.came)
    assert spool.ledger().pending == 0


async def test_a_shipper_that_is_stopped_has_nothing_under_way(spool: Spool) -> None:
    """What was cut off goes again, as the same batch."""
    fill(spool, 3 * ROWS)
    receiver = Receiver()
    async with shipper_of(spool, receiver) as shipper:
        shipping = asyncio.create_task(shipper.ship_all())
        await many_came(receiver, 3)
        shipping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shipping
        assert receiver.under_way == 0

    assert spool.next_batch(ROWS) == receiver.came[0]

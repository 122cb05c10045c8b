"""
OTLP in: from a body on the wire to rows that ClickHouse has; and only then 200.

What waits is taken in together, because an insert costs the store tens of ms however few rows are in it: so neither
many agents that send little nor one that sends a backlog wait for it once each. There is one insert at a time. While
the store writes, the next of a backlog is read and packed; what has just happened does not wait behind it: the two take
turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from collector.lanes import Lane, Lanes
from collector.otlp_reading import NO_TARGETS, Reading, Received, Times, read_body, unpacked
from collector.own_spans import OwnSpans
from collector.passive import TargetIndex
from schemas.batch_order import UNORDERED, BatchOrder
from schemas.clock import Clock
from schemas.errors import OutOfOrder, StoreError, StoreRejected, WireError
from schemas.flat_observation import FlatObservation

logger = logging.getLogger(__name__)

TOGETHER_MAX = 16  # bodies that are taken in by one insert
SPANS_ENOUGH = 2000  # with so many, no further body is read along
TOGETHER_BYTES_MAX = 4 * 1024 * 1024  # of them as they came; a larger one is taken in alone
FRESH_BYTES_MAX = 64 * 1024  # of a body as it came; a backlog's are larger
STORED_MAX = 1024  # batches that are remembered to be stored
AFTER_S = 1.0  # that a batch waits for the one before it, which has set out earlier


class Writer(Protocol):
    """What ingest needs of the store."""

    async def stored_keys(self, observations: Sequence[FlatObservation]) -> frozenset[Any]:
        """Which natural keys are stored already."""
        ...

    def packed(self, received: Sequence[Received]) -> Any:
        """New observations as what `insert_received` takes; asked for in a thread, before their turn has come."""
        ...

    async def insert_received(self, packed: Any, ingested_at: datetime) -> None:
        """Store new observations."""
        ...

    async def settled(self) -> None:
        """Return once no insert of an earlier attempt is still running in the store."""
        ...


Decided = Callable[[Sequence[FlatObservation]], Awaitable[None]]
KeyOf = Callable[[FlatObservation], Any]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A body that waits to be taken in, and what became of it."""

    body: bytes
    encoding: str
    order: BatchOrder
    along: asyncio.Event | None = None  # it is being taken in, and this is set when that is over
    unpacked_bytes: int = 0
    reading: Reading | None = None
    error: WireError | StoreError | None = None
    done: bool = False  # stored and decided on

    @property
    def waits(self) -> bool:
        """Whether nobody has begun with it."""
        return self.along is None and not self.over

    @property
    def over(self) -> bool:
        """Whether it has its answer."""
        return self.done or self.error is not None


@dataclass(frozen=True, slots=True)
class _Packed:
    """What one insert may store: of each natural key the first that came, and all of them as the writer wants them."""

    first: Mapping[Any, Received]
    rows: Any


class Ingest:
    """Takes bodies in: checked, stored, decided, one after the other, and those that wait together."""

    def __init__(
        self,
        writer: Writer,
        key_of: KeyOf,
        decided: Decided,
        clock: Clock,
        *,
        bytes_max: int,
        spans_max: int,
        targets: TargetIndex = NO_TARGETS,
    ) -> None:
        self._writer, self._key_of, self._decided, self._clock = writer, key_of, decided, clock
        self._bytes_max, self._spans_max, self._targets = bytes_max, spans_max, targets
        self._own_spans = OwnSpans()
        self._taken, self._rejected = Counter[str](), Counter[str]()
        self._first_of = {lane: asyncio.Lock() for lane in Lane}
        self._lanes = Lanes()  # one insert at a time
        self._waiting: list[_Waiting] = []
        self._arrival = asyncio.Event()  # set, and replaced, when a body has come
        self._stored: dict[int, None] = {}  # the last batches that were stored and decided on, oldest first
        self._under_way: datetime | None = None  # stays when an insert failed, until it is known what became of it
        self._settled = False  # a process before us may have left an insert running

    async def start(self) -> None:
        """Wait for what a process before us may have left running in the store."""
        async with self._lanes.turn(Lane.FRESH):
            await self._settle()

    def counts(self) -> dict[str, dict[str, int]]:
        """Since the start: observations taken in by source, retries included, and spans rejected by name."""
        return {"taken": dict(self._taken), "rejected": dict(self._rejected)}

    def watermark(self) -> datetime | None:
        """Everything taken in before this instant is stored; None while that cannot be said."""
        if not self._settled and self._under_way is None:
            return None
        return self._under_way or self._clock.now()

    async def take(self, body: bytes, encoding: str, order: BatchOrder = UNORDERED) -> Reading:
        """
        Store and judge what *body* holds; raises WireError for the body, StoreError for the store.

        OutOfOrder says that the batch before it was not taken: who has sent it has to send that one first.
        """
        await self._come_after(order.after)
        mine = _Waiting(body, encoding, order)
        self._waiting.append(mine)
        self._arrival.set()
        self._arrival = asyncio.Event()
        try:
            while not mine.over:
                await self._turn(mine)
        finally:
            self._waiting.remove(mine)
        if mine.error is not None:
            raise mine.error
        assert mine.reading is not None
        return mine.reading

    async def _come_after(self, after: int | None) -> None:
        """Return when the batch *after* is here, or was; one that set out before it may still be on its way."""
        try:
            async with asyncio.timeout(AFTER_S):
                while not (self._follows(after) or any(one.order.batch == after for one in self._waiting)):
                    await self._arrival.wait()
        except TimeoutError:
            raise OutOfOrder(f"batch {after} must be taken first, and has not come") from None

    async def _turn(self, mine: _Waiting) -> None:
        """
        Take in *mine* and what waits beside it, or wait for somebody who takes it along.

        Of a backlog the next is made ready while the store writes, and no more than that. What is fresh is little: it
        is read when its turn to be stored has come, so that all goes along that has come by then.
        """
        lane = self._lane_of(mine)
        await self._first_of[lane].acquire()
        if not mine.waits:
            self._first_of[lane].release()
            if mine.along is not None:
                await mine.along.wait()
            return
        with self._company() as company:
            read, packed = list[_Waiting](), None
            try:
                if lane is Lane.BACKLOG:
                    read = await self._read_together(mine, company, lane)
                    packed = await self._packed(_received(read))
                await self._lanes.enter(lane)
            finally:
                self._first_of[lane].release()
            try:
                if lane is Lane.FRESH and mine.waits:
                    read = await self._read_together(mine, company, lane)
                await self._store_together(read, packed)
            finally:
                self._lanes.leave()

    def _lane_of(self, one: _Waiting) -> Lane:
        """What is small and comes after nothing that waits has just happened."""
        return Lane.FRESH if len(one.body) <= FRESH_BYTES_MAX and self._follows(one.order.after) else Lane.BACKLOG

    @contextmanager
    def _company(self) -> Iterator[asyncio.Event]:
        """Who is taken in together; who has no answer when it is over, takes a turn of his own."""
        over = asyncio.Event()
        try:
            yield over
        finally:
            for one in self._waiting:
                if one.along is over:
                    one.along = None
            over.set()

    async def _read_together(self, first: _Waiting, company: asyncio.Event, lane: Lane) -> list[_Waiting]:
        """Read *first* and those that wait beside it in *lane*; one that cannot be read has its error."""
        group, spans, one = list[_Waiting](), 0, first
        while True:
            one.along = company
            group.append(one)
            try:
                await asyncio.to_thread(self._read, one)
            except WireError as error:
                one.error = error
            if one.reading is not None:
                spans += len(one.reading.received)
                self._rejected.update(one.reading.why)
                if one.reading.rejected:
                    logger.warning("%d spans rejected: %s", one.reading.rejected, one.reading.said)
            beside = self._beside(group, lane) if spans < SPANS_ENOUGH else None
            if beside is None:
                return [one for one in group if one.error is None]
            one = beside

    def _beside(self, group: Sequence[_Waiting], lane: Lane) -> _Waiting | None:
        """Who is read next together with *group*, while they are few and small."""
        if len(group) >= TOGETHER_MAX or sum(one.unpacked_bytes for one in group) >= self._bytes_max:
            return None
        coming = {one.order.batch for one in group} | {None}
        for one in self._waiting:
            in_order = one.order.after in coming or self._follows(one.order.after)
            if one.waits and in_order and self._lane_of(one) is lane:
                size = sum(len(other.body) for other in group) + len(one.body)
                return one if size <= TOGETHER_BYTES_MAX else None
        return None

    def _follows(self, after: int | None) -> bool:
        """Whether what comes after that batch may be stored."""
        return after is None or after in self._stored

    async def _store_together(self, read: Sequence[_Waiting], packed: _Packed | None = None) -> None:
        """
        Store and decide on all of *read* that is in order; each gets its answer or its error.

        *packed* is what *read* holds, if that was made ready before.
        """
        in_order, batches = list[_Waiting](), set[int | None]()
        for one in read:
            if self._follows(one.order.after) or one.order.after in batches:
                in_order.append(one)
                batches.add(one.order.batch)
            else:
                one.error = OutOfOrder(f"batch {one.order.after} must be taken first, and was not")
        try:
            await self._take_in(_received(in_order), packed if len(in_order) == len(read) else None)
        except StoreRejected as error:
            if len(in_order) == 1:
                in_order[0].error = error
                return
            for one in in_order:  # what one of them holds is no reason to refuse the others
                await self._store_together([one])
        except StoreError as error:
            for one in in_order:
                one.error = error
        else:
            for one in in_order:
                self._note_stored(one.order.batch)
                one.done = True

    def _note_stored(self, batch: int | None) -> None:
        if batch is not None:
            self._stored.pop(batch, None)
            self._stored[batch] = None
            if len(self._stored) > STORED_MAX:
                del self._stored[next(iter(self._stored))]

    async def _take_in(self, received: Sequence[Received], packed: _Packed | None) -> None:
        if received:
            await self._store(packed or await self._packed(received))
            await self._decided([one.flat for one in received])
            for source, n in Counter([one.flat.source for one in received]).items():
                self._taken[source.value] += n

    def _read(self, one: _Waiting) -> None:
        content = unpacked(one.body, one.encoding, bytes_max=self._bytes_max)
        one.unpacked_bytes = len(content)
        times = Times.around(self._clock.now())
        one.reading = read_body(
            content, spans_max=self._spans_max, targets=self._targets, times=times, own_spans=self._own_spans
        )

    async def _packed(self, received: Sequence[Received]) -> _Packed:
        """Of two with one key the first counts, as if they had come one after the other."""
        first: dict[Any, Received] = {}
        for one in received:
            first.setdefault(self._key_of(one.flat), one)
        return _Packed(first, await asyncio.to_thread(self._writer.packed, tuple(first.values())))

    async def _store(self, packed: _Packed) -> None:
        """Insert what the store has not got; a retry of a batch that was stored, or half of it, adds nothing twice."""
        await self._settle()
        stored = await self._writer.stored_keys([one.flat for one in packed.first.values()])
        if not stored.isdisjoint(packed.first):
            packed = await self._packed([one for key, one in packed.first.items() if key not in stored])
        if packed.first:
            self._under_way, self._settled = self._clock.now(), False
            await self._writer.insert_received(packed.rows, self._under_way)
            self._under_way, self._settled = None, True

    async def _settle(self) -> None:
        if not self._settled:
            await self._writer.settled()
            self._under_way, self._settled = None, True


def _received(read: Sequence[_Waiting]) -> list[Received]:
    """All that *read* hold."""
    return [received for one in read if one.reading for received in one.reading.received]

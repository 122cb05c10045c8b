"""
Empties one spool into the collector: oldest first, again and again until it is taken.

Of a backlog several batches are under way at once, so that agent, collector and store work at the same time, and the
store has much to write in one go. Each says which one it comes after, so that they are taken in their order. Once
something was not taken, they go one by one until all is delivered.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from probes.disk_thread import Disk
from probes.ship import backoff_s
from probes.spool import Batch
from schemas.clock import Clock
from schemas.config import Agent as AgentSettings
from schemas.errors import DeliveryError, SpoolError

logger = logging.getLogger(__name__)

UNDER_WAY_MAX = 12  # batches
UNDER_WAY_BYTES_MAX = 12 * 1024 * 1024  # of their spans; beyond that no further one is read

Deliver = Callable[[Batch], Awaitable[None]]  # returns when the collector has it, else raises DeliveryError


class Outbound(Protocol):
    """What waits to be handed over."""

    def next_batch(self, rows_max: int, after: Batch | None = None) -> Batch | None:
        """The oldest batch behind *after*; None when nothing waits. Raises SpoolError."""
        ...

    def delivered(self, batch: Batch) -> None:
        """Forget *batch*. Raises SpoolError."""
        ...


class Shipper:
    """Hands over what is spooled, every `ship_every`, or at once when rung; *settings* may be replaced meanwhile."""

    def __init__(self, spool: Outbound, settings: AgentSettings, deliver: Deliver, clock: Clock, disk: Disk) -> None:
        self.settings = settings
        self._spool, self._deliver, self._clock, self._disk = spool, deliver, clock, disk
        self._rung = asyncio.Event()
        self._one_by_one = False  # something was not taken

    def ring(self) -> None:
        """There is something that should not wait."""
        self._rung.set()

    async def run(self) -> None:
        """Ship until cancelled; what a cut delivery held is sent again, as the same batch."""
        failures = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.settings.ship_every):
                    await self._rung.wait()
            self._rung.clear()
            try:
                await self.ship_all()
                failures = 0
            except (DeliveryError, SpoolError) as error:
                failures += 1
                wished = error.retry_after_s if isinstance(error, DeliveryError) else None
                pause_s = backoff_s(failures, wished)
                if failures & (failures - 1) == 0:  # the first, second, fourth, eighth ...
                    logger.warning("not delivered (%d in a row, again in %.2f s): %s", failures, pause_s, error)
                await self._clock.sleep(pause_s)
                self.ring()

    async def ship_all(self) -> None:
        """Hand over everything that waits; raises DeliveryError or SpoolError at the first that cannot be."""
        under_way = deque[tuple[Batch, asyncio.Task[None]]]()
        try:
            while True:
                while (batch := await self._next(under_way)) is not None:
                    under_way.append((batch, asyncio.create_task(self._hand_over(batch))))
                if not under_way:
                    self._one_by_one = False
                    return
                await under_way[0][1]
                under_way.popleft()
        except (DeliveryError, SpoolError):
            self._one_by_one = True
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)  # taken ones go no more
            raise
        except asyncio.CancelledError:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
            raise

    async def _next(self, under_way: Sequence[tuple[Batch, asyncio.Task[None]]]) -> Batch | None:
        """What may set out now: the oldest, or behind a full batch that is under way the one after it."""
        rows_max = self.settings.batch_rows_max
        if not under_way:
            return await self._disk(self._spool.next_batch, rows_max)
        last = under_way[-1][0]
        full = len(last.rows) >= rows_max and sum(batch.spans_bytes for batch, _ in under_way) < UNDER_WAY_BYTES_MAX
        if self._one_by_one or not full or len(under_way) >= UNDER_WAY_MAX:
            return None
        return await self._disk(self._spool.next_batch, rows_max, last)

    async def _hand_over(self, batch: Batch) -> None:
        await self._deliver(batch)
        await self._disk(self._spool.delivered, batch)

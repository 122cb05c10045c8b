"""Empties one spool into the collector: oldest first, one batch at a time, again and again until it is taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from probes.disk_thread import Disk
from probes.ship import backoff_s
from probes.spool import Batch
from schemas.clock import Clock
from schemas.config import Agent as AgentSettings
from schemas.errors import DeliveryError, SpoolError

logger = logging.getLogger(__name__)

Deliver = Callable[[Batch], Awaitable[None]]  # returns when the collector has it, else raises DeliveryError


class Outbound(Protocol):
    """What waits to be handed over."""

    def next_batch(self, rows_max: int) -> Batch | None:
        """The oldest batch; None when nothing waits. Raises SpoolError."""
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
        while (batch := await self._disk(self._spool.next_batch, self.settings.batch_rows_max)) is not None:
            await self._deliver(batch)
            await self._disk(self._spool.delivered, batch)

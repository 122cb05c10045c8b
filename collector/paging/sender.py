"""Takes due deliveries from the outbox and hands them over; what it learns goes back to the outbox."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from collector.paging.hand_over import Answer, Carrier
from collector.paging.outbox import after_answer
from schemas.clock import Clock
from schemas.errors import StoreError
from schemas.page import Delivery, DeliveryState, SendResult
from schemas.paging import Paging

logger = logging.getLogger(__name__)

POLL_S = 0.25
AT_ONCE_MAX = 20


class Outbox(Protocol):
    """Where deliveries wait."""

    async def lease(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """Due deliveries, in order per incident and destination, held for this sender."""
        ...

    async def settle(self, delivery: Delivery, result: SendResult) -> None:
        """Record one attempt."""
        ...


class Sender:
    """One sender; `run` until cancelled. `wake` is called when something new is in the outbox."""

    def __init__(self, paging: Paging, outbox: Outbox, clock: Clock) -> None:
        self._paging, self._outbox, self._clock = paging, outbox, clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now, not at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is due, for ever."""
        async with Carrier(self._paging) as carrier:
            while True:
                try:
                    due = await self._outbox.lease(self._clock.now(), AT_ONCE_MAX)
                except StoreError as error:
                    logger.error("outbox: %s", error)
                    due = ()
                if due:
                    await asyncio.gather(*(self._send(carrier, delivery) for delivery in due))
                    continue
                self._woken.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):  # Python 3.11's wait_for may swallow a cancellation
                        await self._woken.wait()

    async def _send(self, carrier: Carrier, delivery: Delivery) -> None:
        settings = self._paging.destinations.get(delivery.destination)
        if settings is None:
            answer = Answer(0, "the destination is no longer configured", accepted=False, hopeless=True)
        else:
            answer = await carrier.hand_over(delivery, settings, self._clock.now())
        result = after_answer(delivery, answer, at=self._clock.now())
        if result.state is DeliveryState.DEAD:
            logger.error("page %s is refused for good: %s", delivery.webhook_id(), answer.error)
        elif result.state is DeliveryState.PENDING:
            attempt = delivery.attempt + 1
            logger.warning("page %s not delivered, attempt %d: %s", delivery.webhook_id(), attempt, answer.error)
        await self._outbox.settle(delivery, result)

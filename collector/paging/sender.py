"""Takes due deliveries from the outbox and hands them over; what it learns goes back to the outbox."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import aiohttp

from collector.paging.catalog import DESTINATIONS
from collector.paging.outbox import after_answer
from schemas.clock import Clock
from schemas.config import Paging
from schemas.errors import StoreError, TouchstoneError
from schemas.page import Delivery, DeliveryState, SendResult

logger = logging.getLogger(__name__)

POLL_S = 0.25
AT_ONCE_MAX = 20
ERROR_CHARS_MAX = 200


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
        async with aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
            while True:
                try:
                    due = await self._outbox.lease(self._clock.now(), AT_ONCE_MAX)
                except StoreError as error:
                    logger.error("outbox: %s", error)
                    due = ()
                if due:
                    await asyncio.gather(*(self._send(session, delivery) for delivery in due))
                    continue
                self._woken.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):  # Python 3.11's wait_for may swallow a cancellation
                        await self._woken.wait()

    async def _send(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        settings = self._paging.destinations.get(delivery.destination)
        if settings is None:
            await self._give_up(delivery, "the destination is no longer configured")
            return
        kind = DESTINATIONS[settings.kind]
        try:
            request = kind.render(delivery, settings, self._paging.deployment, self._clock.now())
        except TouchstoneError as problem:
            await self._give_up(delivery, str(problem))
            return
        status, error, wished = 0, "", None
        try:
            async with session.post(
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(total=request.timeout_s),
                allow_redirects=False,
            ) as answer:
                status = answer.status
                error = "" if kind.accepted(status) else f"HTTP {status}"
                wished = _seconds(answer.headers.get("Retry-After"))
        except (aiohttp.ClientError, OSError, TimeoutError) as failure:
            error = (str(failure) or type(failure).__name__)[:ERROR_CHARS_MAX]
        result = after_answer(
            delivery, status=status, error=error, accepted=kind.accepted(status), retry_after_s=wished,
            at=self._clock.now(),
        )  # fmt: skip
        if result.state is DeliveryState.DEAD:
            logger.error("page %s is refused for good: %s", delivery.webhook_id(), error)
        elif result.state is DeliveryState.PENDING:
            logger.warning("page %s not delivered, attempt %d: %s", delivery.webhook_id(), delivery.attempt + 1, error)
        await self._outbox.settle(delivery, result)

    async def _give_up(self, delivery: Delivery, why: str) -> None:
        logger.error("page %s: %s", delivery.webhook_id(), why)
        result = SendResult(state=DeliveryState.DEAD, status=0, error=why, at=self._clock.now())
        await self._outbox.settle(delivery, result)


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header) if header is not None else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None

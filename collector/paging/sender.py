"""
Takes due deliveries from the outbox and hands them over; what it learns goes back to the outbox.

A receiver that is slow holds up nobody else: each destination has a number of pages on their way at once of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from traceback import format_tb
from typing import Any, Protocol

from collector.paging.hand_over import Answer, Carrier
from collector.paging.outbox import StandIn, after_answer, least, stand_in
from schemas.clock import Clock
from schemas.destinations import Destination
from schemas.errors import StoreError
from schemas.page import CLOSING, Delivery, DeliveryState, SendResult
from schemas.paging import Paging

logger = logging.getLogger(__name__)

POLL_S = 0.25
AT_ONCE_MAX = 20  # for each destination
GRACE_S = 1.0  # a destination bounds its attempt itself; this is for one that does not
SETTLE_S, SETTLES_MAX = 1.0, 10  # within a lease
DIRECT_MAX = 200
BUG_FRAMES = 3


class Covered(Protocol):
    """A delivery that is late or dead, and who is told instead ('' for nobody)."""

    @property
    def delivery(self) -> Delivery:
        """What is late or dead."""
        ...

    @property
    def by(self) -> str:
        """Who is told."""
        ...


class Outbox(Protocol):
    """Where deliveries wait."""

    async def lease(self, now: datetime, destinations: Mapping[str, Destination], at_once: int) -> Sequence[Delivery]:
        """Due deliveries, in order per incident and destination, held for this sender."""
        ...

    async def settle(self, delivery: Delivery, result: SendResult) -> None:
        """Record one attempt."""
        ...

    async def cover(
        self, now: datetime, after_s: float, stand_in: Callable[[Delivery, Sequence[Delivery]], StandIn]
    ) -> Sequence[Covered]:
        """Have others told of what is late or dead."""
        ...


class Sender:
    """One sender; `run` until cancelled. `wake` is called when something new is in the outbox."""

    def __init__(self, paging: Paging, outbox: Outbox, clock: Clock) -> None:
        self._paging, self._outbox, self._clock = paging, outbox, clock
        self._woken = asyncio.Event()
        self._direct: dict[str, Delivery] = {}  # by webhook id: what the outbox could not take
        self._said_directly: set[str] = set()

    def wake(self) -> None:
        """Look now, not at the next poll."""
        self._woken.set()

    def send_directly(self, deliveries: Sequence[Delivery]) -> None:
        """
        Send what the outbox cannot take now: the same keys will come again from there, and the receiver drops those.

        Openings only, each once, as far as memory goes: an end that comes too early would leave an alert for ever.
        """
        for delivery in deliveries:
            id = delivery.webhook_id()
            if delivery.intent.change in CLOSING or id in self._said_directly:
                continue
            if len(self._direct) >= DIRECT_MAX:
                logger.error("page %s waits for the transactional store: too many are sent without it", id)
                continue
            logger.error("page %s is sent without the transactional store: %s", id, delivery.intent.summary)
            self._said_directly.add(id)
            self._direct[id] = delivery
        self.wake()

    def store_is_back(self) -> None:
        """Everything is in the outbox from here on."""
        self._direct.clear()
        self._said_directly.clear()

    async def run(self) -> None:
        """Send what is due, for ever."""
        sending: set[asyncio.Task[None]] = set()
        async with Carrier(self._paging) as carrier:
            try:
                while True:
                    self._woken.clear()
                    due = await self._due()
                    for work in (*self._directly(carrier), *(self._send(carrier, one) for one in due)):
                        task = asyncio.create_task(work)
                        sending.add(task)
                        task.add_done_callback(sending.discard)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):  # Python 3.11's wait_for may swallow a cancellation
                            await self._woken.wait()
            finally:
                for task in sending:
                    task.cancel()
                await asyncio.gather(*sending, return_exceptions=True)

    async def _due(self) -> Sequence[Delivery]:
        now = self._clock.now()
        try:
            stand_ins = partial(stand_in, paging=self._paging, now=now)
            for covered in await self._outbox.cover(now, self._paging.backup_after, stand_ins):
                _say(covered, now)
            return await self._outbox.lease(now, self._paging.destinations, AT_ONCE_MAX)
        except StoreError as error:
            logger.error("outbox: %s", error)
            return ()

    async def _send(self, carrier: Carrier, delivery: Delivery) -> None:
        began = self._clock.monotonic()
        answer = await self._answer(carrier, delivery)
        result = after_answer(delivery, answer, at=self._clock.now())
        _tell(delivery, answer, result)
        result = replace(result, took_ms=(self._clock.monotonic() - began) * 1000)
        for _ in range(SETTLES_MAX):
            try:
                await self._outbox.settle(delivery, result)
                break
            except StoreError as error:
                logger.error("outbox: page %s: %s", delivery.webhook_id(), error)
                await self._clock.sleep(SETTLE_S)
        self.wake()  # the next of this incident goes at once

    async def _answer(self, carrier: Carrier, delivery: Delivery) -> Answer:
        """What came of one attempt; a destination that raises has a bug of ours, and must not stop the others."""
        settings = self._paging.destinations.get(delivery.destination)
        if settings is None:
            return Answer(0, "the destination is no longer configured", accepted=False, hopeless=True)
        try:
            async with asyncio.timeout(settings.timeout + GRACE_S):
                page = least(delivery) if delivery.minimal else delivery
                return await carrier.hand_over(page, settings, self._clock.now())
        except TimeoutError:
            return Answer(0, "TimeoutError", accepted=False)
        except Exception as bug:  # noqa: BLE001 (the page goes elsewhere, the others go on)
            where = "".join(format_tb(bug.__traceback__, -BUG_FRAMES))  # its words may hold a secret
            logger.error("page %s cannot be made: %s\n%s", delivery.webhook_id(), type(bug).__name__, where)
            return Answer(0, f"it cannot be made: {type(bug).__name__}", accepted=False, hopeless=True)

    def _directly(self, carrier: Carrier) -> list[Coroutine[Any, Any, None]]:
        """One attempt for each page that is sent without the outbox and is due."""
        now = self._clock.now()
        due = [one for one in self._direct.values() if one.next_attempt_at <= now]
        for one in due:
            del self._direct[one.webhook_id()]
        return [self._send_directly(carrier, one) for one in due]

    async def _send_directly(self, carrier: Carrier, delivery: Delivery) -> None:
        answer = await self._answer(carrier, delivery)
        result = after_answer(delivery, answer, at=self._clock.now())
        _tell(delivery, answer, result)
        if result.state is DeliveryState.PENDING and result.retry_at and delivery.webhook_id() in self._said_directly:
            again = replace(
                delivery, attempt=delivery.attempt + 1, next_attempt_at=result.retry_at, minimal=result.minimal
            )
            self._direct[again.webhook_id()] = again


def _tell(delivery: Delivery, answer: Answer, result: SendResult) -> None:
    if result.state is DeliveryState.DEAD:
        logger.error("page %s is refused for good: %s", delivery.webhook_id(), answer.error)
    elif result.state is DeliveryState.PENDING:
        logger.warning(
            "page %s not delivered, attempt %d: %s", delivery.webhook_id(), delivery.attempt + 1, answer.error
        )


def _say(covered: Covered, now: datetime) -> None:
    delivery, id = covered.delivery, covered.delivery.webhook_id()
    dead = delivery.state is DeliveryState.DEAD
    waited_s = (now - delivery.intent.at).total_seconds()
    what = "is dead" if dead else f"is late by {waited_s:.0f} s"
    if covered.by:
        logger.warning("page %s %s: %s is told", id, what, covered.by)
    elif dead:
        logger.error("page %s %s, and nobody else can be told: give %s a backup", id, what, delivery.destination)

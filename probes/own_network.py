"""
Whether it is our own way out that is broken: canaries in unrelated networks, asked at the moment of doubt.

A failure to connect says as little of the provider as of us. Only when no canary at all can be reached is it ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from probes.contract import Subject
from probes.observe import Observe
from schemas.clock import Clock
from schemas.observation import DETAIL_CHARS_MAX, Observation, Outcome, Reason

ANSWER_S = 1.0  # what a page may be delayed by
BROKEN_S = 2.0  # so long a broken network is taken to be broken still: a mass failure asks once
FINE_S = 0.5  # and a good one to be good; shorter, because a wrong guess here is charged to a provider
_PORTS = {"http": 80, "https": 443}

IN_DOUBT = frozenset(
    {
        Reason.DNS_FAILED,
        Reason.CONNECT_REFUSED,
        Reason.CONNECT_TIMEOUT,
        Reason.CONNECT_FAILED,
        Reason.CONNECTION_LOST,
        Reason.TTFT_TIMEOUT,
        Reason.TOTAL_TIMEOUT,
        Reason.STALLED,
    }
)

Reach = Callable[[str], Coroutine[Any, Any, bool]]


def in_doubt(observation: Observation) -> bool:
    """Whether a failure looks the same when our own network is broken."""
    return observation.outcome is Outcome.FAILED and observation.reason in IN_DOUBT


def excused(observation: Observation, canaries: int) -> Observation:
    """*observation* as our own fault; what was seen stays in its detail and timings."""
    said = f"none of {canaries} canaries could be reached; seen: {observation.reason} {observation.detail}".rstrip()
    return replace(
        observation,
        outcome=Outcome.NOT_OBSERVED,
        reason=Reason.OBSERVER_NETWORK,
        detail=said[:DETAIL_CHARS_MAX],
    )


def host_and_port(canary: str) -> tuple[str, int]:
    """Where to connect to, of a URL or host:port."""
    parts = urlsplit(canary if "//" in canary else f"//{canary}")
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


async def connects(canary: str) -> bool:
    """Whether a connection to *canary* comes about."""
    try:
        _, writer = await asyncio.open_connection(*host_and_port(canary))
    except OSError:
        return False
    writer.close()
    return True


class OwnNetwork:
    """Asks *canaries* when there is doubt; without any, every observation stays what it is."""

    def __init__(self, canaries: Sequence[str], clock: Clock, reach: Reach = connects) -> None:
        self._canaries, self._clock, self._reach = canaries, clock, reach
        self._known: tuple[bool, float] | None = None  # broken, until when that may be used (monotonic)
        self._asking: asyncio.Task[bool] | None = None

    def around(self, observe: Observe) -> Observe:
        """*observe*, whose doubtful failures are ours while our own network is broken."""

        async def checked(subject: Subject, tick: datetime, attempt: int, streams_open: int) -> Observation:
            seen = await observe(subject, tick, attempt, streams_open)
            if self._canaries and in_doubt(seen) and await self.broken():
                return excused(seen, len(self._canaries))
            return seen

        return checked

    async def broken(self) -> bool:
        """Whether no canary can be reached, within ANSWER_S; all who ask at once share one answer."""
        if self._known is not None and self._clock.monotonic() < self._known[1]:
            return self._known[0]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> bool:
        broken = not await self._any_reached()
        self._known = broken, self._clock.monotonic() + (BROKEN_S if broken else FINE_S)
        return broken

    async def _any_reached(self) -> bool:
        asked = [asyncio.create_task(self._reach(canary)) for canary in self._canaries]
        try:
            for answer in asyncio.as_completed(asked, timeout=ANSWER_S):
                if await answer:
                    return True
        except TimeoutError:
            pass
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return False

"""One at a time out of two lanes, which take turns: whoever comes in one waits for one of the other, never for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum


class Lane(Enum):
    """What has just happened, and what has waited anyway."""

    FRESH = "fresh"
    BACKLOG = "backlog"


class Lanes:
    """The way in: while both lanes wait, the one that was not last goes first."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._waiting = dict.fromkeys(Lane, 0)
        self._busy, self._last = False, Lane.BACKLOG

    async def enter(self, lane: Lane) -> None:
        """Return when it is *lane*'s turn; `leave` ends it."""
        (other,) = set(Lane) - {lane}
        async with self._changed:
            self._waiting[lane] += 1
            try:
                await self._changed.wait_for(
                    lambda: not self._busy and not (self._last is lane and self._waiting[other])
                )
                self._busy, self._last = True, lane
            finally:
                self._waiting[lane] -= 1
                self._changed.notify_all()  # one that gives up makes way

    async def leave(self) -> None:
        """Whose turn it was has done."""
        self._busy = False  # whatever becomes of this call
        async with self._changed:
            self._changed.notify_all()

    @asynccontextmanager
    async def turn(self, lane: Lane) -> AsyncIterator[None]:
        """A turn of *lane*."""
        await self.enter(lane)
        try:
            yield
        finally:
            await self.leave()

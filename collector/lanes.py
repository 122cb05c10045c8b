"""One at a time out of two lanes, which take turns: whoever comes in one waits for one of the other, never for all."""

from __future__ import annotations

import asyncio
from collections import deque
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
        self._waiting = {lane: deque[asyncio.Future[None]]() for lane in Lane}
        self._busy, self._last = False, Lane.BACKLOG

    async def enter(self, lane: Lane) -> None:
        """Return when it is *lane*'s turn; `leave` ends it."""
        if not self._busy:
            self._busy, self._last = True, lane
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[lane].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came at the same moment
                self.leave()
            raise

    def leave(self) -> None:
        """Whose turn it was has done."""
        (other,) = set(Lane) - {self._last}
        for lane in (other, self._last):
            while self._waiting[lane]:
                turn = self._waiting[lane].popleft()
                if not turn.done():  # it has not given up
                    turn.set_result(None)
                    self._last = lane
                    return
        self._busy = False

    @asynccontextmanager
    async def turn(self, lane: Lane) -> AsyncIterator[None]:
        """A turn of *lane*."""
        await self.enter(lane)
        try:
            yield
        finally:
            self.leave()

"""What one embedded store may use: memory, time, queries at once, sessions; and the queue before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from collector.storage.embedded.exceptions import Refused, busy

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a store; a client may ask for less in its own settings, never for more."""

    memory_bytes: int = 2048 * MIB
    query_memory_bytes: int = 1024 * MIB
    query_s: float = 120.0
    result_rows: int = 10_000_000
    result_bytes: int = 256 * MIB
    body_bytes: int = 512 * MIB
    queries: int = 4
    waiting: int = 64
    wait_s: float = 60.0
    sessions: int = 64
    stop_s: float = 10.0

    def settings(self) -> dict[str, str]:
        """The engine's settings that every query starts with."""
        return {
            "max_memory_usage": str(self.query_memory_bytes),
            "max_execution_time": f"{self.query_s:g}",
            "max_result_rows": str(self.result_rows),
            "max_result_bytes": str(self.result_bytes),
        }


class Admission:
    """At most *limits.queries* run at once, *limits.waiting* wait for *limits.wait_s*; the rest are refused."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._free = asyncio.Semaphore(limits.queries)
        self._waiting = 0
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Room for one query; raises Refused when there is none."""
        self._refuse_when_closed()
        if self._waiting >= self._limits.waiting:
            raise busy(f"{self._waiting} queries wait already")
        self._waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self._limits.wait_s)
        except TimeoutError:
            raise busy(f"{self._limits.queries} queries ran for {self._limits.wait_s:g} s") from None
        finally:
            self._waiting -= 1
        self._running += 1
        self._idle.clear()
        try:
            self._refuse_when_closed()
            yield
        finally:
            self._free.release()
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def close(self, wait_s: float) -> bool:
        """Let nothing more in, and wait for what runs; whether all of it ended within *wait_s*."""
        self._closed = True
        try:
            await asyncio.wait_for(self._idle.wait(), wait_s)
        except TimeoutError:
            return False
        return True

    @property
    def closed(self) -> bool:
        """Whether the store is stopping."""
        return self._closed

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Refused(503, 745, "SERVER_OVERLOADED", "the store is stopping")

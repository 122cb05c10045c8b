"""Work that may wait for a disk, kept off the event loop: one thread, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Disk(Protocol):
    """How the agent has work done that may wait for a disk: each piece after the one before it."""

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        """What *work* returns, or raises."""
        ...


class DiskThread:
    """A Disk with a thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="disk")

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        """What *work* returns, or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown()

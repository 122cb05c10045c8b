"""The one file that reads the clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

OFFSET_READS = 3  # the process may lose its core between two readings


class SystemClock:
    """The machine's clocks, as schemas.clock.Clock asks for them."""

    def now(self) -> datetime:
        """The wall time, aware, UTC."""
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)  # s on CLOCK_MONOTONIC; asked at every read, so without a step between

    def wall_offset(self) -> float:
        """CLOCK_REALTIME less CLOCK_MONOTONIC, from the narrowest of OFFSET_READS pairs of readings."""
        return min(_offset_reading() for _ in range(OFFSET_READS))[1]

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the loop."""
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Wait, blocking this thread (command line only)."""
        time.sleep(seconds)


def _offset_reading() -> tuple[float, float]:
    """How long the reading took (s), and the offset it gives."""
    before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return (after - before) / 1e9, (wall - (before + after) // 2) / 1e9

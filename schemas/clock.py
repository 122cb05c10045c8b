"""Time comes in by the door: what a room that needs time asks for. The real one is touchstone/system_clock.py."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps, monotonic time for durations; never mixed."""

    def now(self) -> datetime:
        """The wall time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never steps; its zero means nothing."""
        ...

    def wall_offset(self) -> float:
        """Seconds since the epoch less `monotonic`, read at one instant; it changes only when the wall clock steps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait *seconds* (>= 0) without blocking the loop."""
        ...

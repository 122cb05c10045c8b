"""How one attempt is made: the seam at which budgets and the check of our own network stand around a probe."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from probes.contract import Subject
from schemas.observation import Observation


class Observe(Protocol):
    """One attempt at one tick."""

    async def __call__(self, subject: Subject, tick: datetime, attempt: int, streams_open: int) -> Observation:
        """Ask, and say what became of it; raises nothing but CancelledError."""
        ...

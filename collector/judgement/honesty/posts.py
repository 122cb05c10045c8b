"""What a status page said, and what we saw beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

BACKDATED_BY = timedelta(minutes=5)  # a page may be cached for a while


@dataclass(frozen=True, slots=True)
class Post:
    """
    An incident on a status page. said: impact and name, as first read.

    created_at, ended_at: as the page says; None while it has no end. read_at: when we read it first.
    """

    id: str
    said: str
    created_at: datetime
    ended_at: datetime | None
    read_at: datetime

    @property
    def maintenance(self) -> bool:
        """Whether it tells of planned work."""
        return self.said.startswith("maintenance:")


@dataclass(frozen=True, slots=True)
class Ours:
    """An incident of ours, of a provider or a whole cluster; failed_at is the first evidence."""

    id: str
    scope: str
    reason: str
    failed_at: datetime
    resolved_at: datetime | None

"""How a provider kept its contract: billing months that are over, and in how many of them a promise was broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LOOKED_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Conduct:
    """
    Of the last ninety days: *months* that are over and were counted, *broken* of them.

    A month is broken when any unit was below what was promised as the contract counts, unknown time read as up.
    last_broken: when the last of these ended; None without one. clusters: the same of what it promised of one cluster
    alone, by its full id.
    """

    months: int
    broken: int
    last_broken: datetime | None
    clusters: Mapping[str, Conduct] = field(default_factory=dict)

    def better_from(self) -> datetime | None:
        """When the last broken month is looked back on no more."""
        return None if self.last_broken is None else self.last_broken + LOOKED_BACK

"""The verdict on a provider: its tier, and every gate with value, threshold and sample size."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Tier(StrEnum):
    """Can I build on this provider?"""

    GOLD = "gold"
    RELIABLE = "reliable"
    SUSPECT = "suspect"
    UNRATED = "unrated"  # too little evidence, or the interval straddles the line


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """
    One condition of one tier: *value* compared with *threshold* by *op* (`>=`, `<=`, `<`, `>`).

    passed is None when it cannot be said (too little evidence). low and high bound the underlying
    quantity. note says in words what a pass does and does not show.
    """

    name: str  # e.g. availability_lower
    tier: Tier  # the tier it guards (or, for suspect, proves)
    op: str
    value: float | None
    threshold: float
    low: float | None = None
    high: float | None = None
    unit: str = ""
    n: int = 0
    n_effective: float | None = None
    passed: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    A provider's tier at an instant, over [window_start, at), with the reasons and the evidence.

    The same rows, configuration and *at* give the same bytes of `canonical_json`.
    """

    provider: str
    at: datetime
    window_start: datetime
    tier: Tier
    previous: Tier | None
    reasons: tuple[str, ...]
    gates: tuple[Gate, ...]
    n: int
    n_ok: int
    n_degraded: int
    n_failed: int
    n_not_observed: int
    policy: str  # hash of the tier policy used
    rule_version: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; datetimes as ISO 8601 UTC."""
        plain = asdict(self)
        plain["at"] = self.at.isoformat()
        plain["window_start"] = self.window_start.isoformat()
        return plain

    def canonical_json(self) -> str:
        """One line, sorted keys, no spaces: the bytes that are stored and compared."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

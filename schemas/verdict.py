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
class Need:
    """
    What a gate, by its *name*, still needs for a better tier: its *value* must meet *threshold*.

    at: when it does at the earliest, if nothing fails from now on; None when time alone does not bring it.
    assumes: what *at* rests on beside that.
    """

    name: str
    value: float | None
    threshold: float
    unit: str = ""
    at: datetime | None
    assumes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What would move a provider up to *towards*, and when at the *earliest*: None when time alone does not."""

    towards: Tier
    earliest: datetime | None
    needs: tuple[Need, ...]


class PartLevel(StrEnum):
    """What a part of a provider is."""

    CLUSTER = "cluster"
    MODEL = "model"


PartKey = tuple[PartLevel, str]  # level and name


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The tier of one cluster (by its full id) or model of a provider, by the same rule over its own observations."""

    level: PartLevel
    name: str
    tier: Tier
    previous: Tier | None
    reasons: tuple[str, ...]
    availability_low: float | None
    availability_high: float | None
    ttft_p95_ms: float | None
    n: int

    @property
    def key(self) -> PartKey:
        """What tells it from the provider's other parts."""
        return self.level, self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    A provider's tier at an instant, over [window_start, at), with the reasons and the evidence.

    parts: its clusters, then its models. outlook: what would move it up; None at the top. The same rows, configuration
    and *at* give the same bytes of `canonical_json`.
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
    outlook: Outlook | None = None
    parts: tuple[Part, ...] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        """What is in another tier than before: the provider, and its parts, by name."""
        parts = (part.name for part in self.parts if part.tier is not part.previous)
        return (*((self.provider,) if self.tier is not self.previous else ()), *parts)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; datetimes as ISO 8601 UTC."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=datetime.isoformat))
        return plain

    def canonical_json(self) -> str:
        """One line, sorted keys, no spaces: the bytes that are stored and compared."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))

"""What is read of engines' pages: spreads over a window, the newest look, days; and refusals by blocks of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from collector.judgement.facts import Block

LOOKS_MIN = 100  # a 95th percentile of fewer says nothing
NOW_WITHIN = timedelta(minutes=10)  # an older look says nothing of now


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one figure over a window: *n* looks told it. None where none did, and a p95 of fewer than LOOKS_MIN."""

    n: int = 0
    median: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True)
class DayLevel:
    """The 95th percentile of the KV share on one UTC day: *n* looks told it, in *hours* of its 24 hours."""

    day: date
    n: int
    hours: int
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """
    What was seen of one target's page over a window.

    Of *looks* so many were *read*; the others failed or were not observed, and are unknown. load is running + waiting;
    per_request the KV share for each running request; running_queued what ran while something waited; gpu_looks how
    many told GPUs. newest are the figures of the newest page that was read, at *read_at*.
    """

    target: str
    looks: int = 0
    read: int = 0
    first: datetime | None = None
    kv: Spread = Spread()
    running: Spread = Spread()
    waiting: Spread = Spread()
    load: Spread = Spread()
    gpu_util: Spread = Spread()
    queued: int = 0
    per_request: Spread = Spread()
    running_queued: Spread = Spread()
    gpu_looks: int = 0
    newest: Mapping[str, float] = field(default_factory=dict)
    read_at: datetime | None = None
    days: tuple[DayLevel, ...] = ()

    @property
    def unknown_share(self) -> float | None:
        """The share of looks whose page could not be read, 0 to 1; None without a look."""
        return (self.looks - self.read) / self.looks if self.looks else None

    @property
    def queueing_share(self) -> float | None:
        """The share of looks with something waiting, 0 to 1; None where no look told."""
        return self.queued / self.waiting.n if self.waiting.n else None

    @property
    def is_engine(self) -> bool:
        """Whether it is an engine's page; one that was never read is taken for one."""
        return self.running.n + self.waiting.n + self.kv.n > 0 or self.read == 0

    def now(self, at: datetime) -> Mapping[str, float]:
        """The figures of the newest page, when it was read so shortly before *at* that they are of now; else none."""
        return self.newest if self.read_at is not None and at - self.read_at <= NOW_WITHIN else {}


@dataclass(frozen=True, slots=True)
class CapacityFacts:
    """Pages by target; by cluster and in blocks of time, serving requests that were refused, as either reason."""

    pages: Mapping[str, PageFacts]
    rate_limited: Mapping[str, tuple[Block, ...]]
    no_capacity: Mapping[str, tuple[Block, ...]]

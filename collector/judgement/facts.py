"""The facts a verdict stands on: counts by blocks of time, reasons, a latency histogram."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

HISTOGRAM_BASE = 1.02
HISTOGRAM_FLOOR_MS = 0.01

Key = TypeVar("Key", bound=Hashable)


def bucket_of(milliseconds: float) -> int:
    """The log bucket of a duration: ceil(ln(x) / ln(1.02)), x at least 0.01 ms."""
    return math.ceil(math.log(max(milliseconds, HISTOGRAM_FLOOR_MS)) / math.log(HISTOGRAM_BASE))


def quantile_ms(histogram: Mapping[int, int], share: float) -> float | None:
    """The *share* quantile (0..1) of a log-bucket histogram, in ms, within 1 %; None when it is empty."""
    wanted = share * sum(histogram.values())
    seen = 0
    for bucket, count in sorted(histogram.items()):
        seen += count
        if count and seen >= wanted:
            return float(HISTOGRAM_BASE ** (bucket - 0.5))
    return None


def summed(tables: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    """Tables of counts as one."""
    total: dict[Key, int] = {}
    for table in tables:
        for key, count in table.items():
            total[key] = total.get(key, 0) + count
    return total


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """
    Counts of one cluster over one block of time.

    failed: blame provider. unknown: the reason's blame is caller or unknown, so neither good nor bad for the
    provider. not_observed: our fault.
    """

    cluster: str
    start: datetime
    n_ok: int = 0
    n_degraded: int = 0
    n_failed: int = 0
    n_unknown: int = 0
    n_not_observed: int = 0

    @property
    def good(self) -> int:
        """Answered, whether in time or not."""
        return self.n_ok + self.n_degraded

    @property
    def known(self) -> int:
        """Good or bad, not unknown."""
        return self.good + self.n_failed


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """
    Everything the judge knows about a provider in a window; re-probes are left out.

    ttft_hists: log buckets of the time to first token by connection, of answers with trusted timings.
    """

    provider: str
    blocks: tuple[Block, ...]
    reasons: Mapping[str, int]
    ttft_hists: Mapping[str, Mapping[int, int]]
    first_tick: datetime | None = None
    last_tick: datetime | None = None

    @property
    def ttft_hist(self) -> Mapping[int, int]:
        """Over every connection."""
        return summed(self.ttft_hists.values())

"""The facts a verdict stands on: counts by blocks of time, reasons, a latency histogram."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

HISTOGRAM_BASE = 1.02
HISTOGRAM_FLOOR_MS = 0.01

Key = TypeVar("Key", bound=Hashable)


def bucket_of(milliseconds: float) -> int:
    """The log bucket of a duration: ceil(ln(x) / ln(1.02)), x at least 0.01 ms."""
    return math.ceil(math.log(max(milliseconds, HISTOGRAM_FLOOR_MS)) / math.log(HISTOGRAM_BASE))


def histogram_ms(bucket: int) -> float:
    """The duration that stands for a log bucket, in ms: its middle."""
    return float(HISTOGRAM_BASE ** (bucket - 0.5))


def quantile_ms(histogram: Mapping[int, int], share: float) -> float | None:
    """The *share* quantile (0..1) of a log-bucket histogram, in ms, within 1 %; None when it is empty."""
    wanted = share * sum(histogram.values())
    seen = 0
    for bucket, count in sorted(histogram.items()):
        seen += count
        if count and seen >= wanted:
            return histogram_ms(bucket)
    return None


def summed(tables: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    """Tables of counts as one."""
    several = iter(tables)
    total = dict(next(several, {}))
    for table in several:
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

    def __add__(self, other: Block) -> Block:
        """What was counted in both, which are of the same cluster and time."""
        return Block(
            self.cluster, self.start, self.n_ok + other.n_ok, self.n_degraded + other.n_degraded,
            self.n_failed + other.n_failed, self.n_unknown + other.n_unknown,
            self.n_not_observed + other.n_not_observed,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """
    Everything the judge knows about a provider in a window; re-probes are left out.

    ttft_hists: log buckets of the time to first token by connection, of answers with trusted timings.
    parts: the same of each of its models on each of its clusters, (cluster, model); empty of a part.
    """

    provider: str
    blocks: tuple[Block, ...]
    reasons: Mapping[str, int]
    ttft_hists: Mapping[str, Mapping[int, int]]
    first_tick: datetime | None = None
    last_tick: datetime | None = None
    parts: Mapping[tuple[str, str], ProviderFacts] = field(default_factory=dict)

    @property
    def ttft_hist(self) -> Mapping[int, int]:
        """Over every connection."""
        return summed(self.ttft_hists.values())

    @property
    def span_s(self) -> float:
        """Seconds from the first tick to the last."""
        if self.first_tick is None or self.last_tick is None:
            return 0.0
        return (self.last_tick - self.first_tick).total_seconds()


def together(provider: str, several: Iterable[ProviderFacts]) -> ProviderFacts:
    """The facts of parts of *provider* as one; a cluster's blocks of the same time are one block."""
    parts = list(several)
    blocks: dict[tuple[str, datetime], Block] = {}
    for block in (block for part in parts for block in part.blocks):
        key = (block.cluster, block.start)
        blocks[key] = blocks[key] + block if key in blocks else block
    connections = sorted({connection for part in parts for connection in part.ttft_hists})
    return ProviderFacts(
        provider=provider,
        blocks=tuple(blocks[key] for key in sorted(blocks)),
        reasons=summed(part.reasons for part in parts),
        ttft_hists={name: summed(part.ttft_hists.get(name, {}) for part in parts) for name in connections},
        first_tick=min((part.first_tick for part in parts if part.first_tick), default=None),
        last_tick=max((part.last_tick for part in parts if part.last_tick), default=None),
    )

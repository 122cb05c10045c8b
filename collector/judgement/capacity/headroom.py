"""
How much more could run before an engine is full, from the relation of what runs to the share of its KV cache.

seats = FULL / (KV share for each running request); headroom = seats - load, with load = running + waiting. Where a
queue was seen for long enough, the seats are no more than what ran beside it: a batch limit can bind long before the
cache does, so neither a queue alone nor a cache alone says how full an engine is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from collector.judgement.capacity.facts import LOOKS_MIN, PageFacts
from collector.judgement.capacity.insufficient import Insufficient

FULL = 0.95  # of the cache; beyond it engines put requests back


@dataclass(frozen=True, slots=True)
class Seats:
    """
    How many requests an engine runs when it is full; *low* when they are as large as in the heaviest 5 % of looks.

    bound: whether its cache or its batch binds first. n: the looks that say so.
    """

    typical: float
    low: float
    bound: Literal["cache", "batch"]
    n: int


@dataclass(frozen=True, slots=True)
class Headroom:
    """Requests that fit beside *load*, the 95th percentile of running + waiting; *low* with the seats' low."""

    seats: Seats
    load: float

    @property
    def typical(self) -> float:
        """With requests as large as they usually are."""
        return max(0.0, self.seats.typical - self.load)

    @property
    def low(self) -> float:
        """With requests as large as in the heaviest looks."""
        return max(0.0, self.seats.low - self.load)


def seats(page: PageFacts) -> Seats | Insufficient:
    """Where the engine behind *page* is full."""
    each, beside_queue = page.per_request, page.running_queued
    by_cache = each.median if each.n >= LOOKS_MIN else None
    by_batch = beside_queue.p95 if beside_queue.n >= LOOKS_MIN else None
    if not by_cache and not by_batch:
        return _too_little(page)
    typical = FULL / by_cache if by_cache else float("inf")
    low = FULL / each.p95 if by_cache and each.p95 else typical
    if by_batch and by_batch < typical:
        return Seats(by_batch, min(by_batch, low), "batch", beside_queue.n)
    return Seats(typical, low, "cache", each.n)


def headroom(page: PageFacts) -> Headroom | Insufficient:
    """How much more the engine behind *page* could run at its usual peak."""
    found = seats(page)
    if isinstance(found, Insufficient):
        return found
    if page.load.p95 is None:
        return Insufficient(f"{page.load.n} looks told both running and waiting, {LOOKS_MIN} are needed", page.load.n)
    return Headroom(found, page.load.p95)


def _too_little(page: PageFacts) -> Insufficient:
    if page.read == 0:
        return Insufficient("no page was read", page.read)
    if page.kv.n == 0:
        return Insufficient("the page tells no KV share, and no queue was seen for long enough", page.read)
    n = page.per_request.n
    return Insufficient(f"{n} looks with requests running, {LOOKS_MIN} are needed", n)

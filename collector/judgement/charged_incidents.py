"""
Incidents that a provider is charged with: how often a cluster of it has one, and how long it is until it is over.

Charged are P0 and P1 of what is down or burns its error budget, of the provider, of a cluster or of a target on one,
for a reason that is its fault. What our own vantage is blamed for is none, nor what became part of a wider one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.judgement.facts import Block, ProviderFacts
from collector.judgement.poisson import rate_bounds
from schemas.config import TierPolicy
from schemas.incident import OVER, IncidentState, Level, Severity, Signal

SIGNALS = frozenset({Signal.HARD_DOWN, Signal.ERROR_BURN})  # times to answer have gates of their own
SEVERITIES = frozenset({Severity.P0, Severity.P1})
LEVELS = frozenset({Level.PROVIDER, Level.CLUSTER, Level.TARGET})
MONTH_S = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Step:
    """How an incident stood from *at* on: *held* by a planned window, *blind* when nothing fresh was known of it."""

    at: datetime
    state: IncidentState
    blind: bool
    held: bool


@dataclass(frozen=True, slots=True)
class Charged:
    """An incident about *scope*, over at *ended*, None while it lasts; charged for *down_s* of that time."""

    id: str
    level: Level
    scope: str
    ended: datetime | None
    down_s: float

    @property
    def cluster(self) -> str:
        """The full id of the cluster that it is in; '' when the whole provider was down."""
        return "" if self.level is Level.PROVIDER else "/".join(self.scope.split("/")[:2])


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """
    The incidents of a provider that reach into the window, and when it was looked out for any.

    since: when it was judged first, of two windows. judged: the starts of the blocks in which it was.
    """

    since: datetime
    judged: frozenset[datetime]
    incidents: tuple[Charged, ...]

    def of_cluster(self, cluster: str) -> IncidentRecord:
        """Those that took *cluster* down, or part of it."""
        return replace(self, incidents=tuple(one for one in self.incidents if one.cluster in {"", cluster}))


@dataclass(frozen=True, slots=True)
class Frequency:
    """
    *wide* incidents of the whole provider and *narrow* ones of one cluster, in *watched_s* seconds of clusters.

    rate: how many a cluster has in thirty days, with one-sided bounds. A narrow one counts as one over the number of
    clusters there: it is what the users of one of them had.
    """

    wide: int
    narrow: int
    watched_s: float
    rate: float
    low: float
    high: float

    @property
    def n(self) -> int:
        """All of them."""
        return self.wide + self.narrow


def down_s(failed_at: datetime, steps: Sequence[Step], at: datetime) -> float:
    """
    For how long an incident whose *steps* are known is charged, up to *at*.

    From the first failure on, but not while it was over or part of another, while a planned window held it, nor while
    nothing fresh was known of it: that is our blindness. What one decision took several steps for stands as the last.
    """
    standing = [*{step.at: step for step in steps}.values()]
    ends = [*(step.at for step in standing[1:]), at]
    begins = [failed_at, *(step.at for step in standing[1:])]
    return sum(
        max(0.0, (end - begin).total_seconds())
        for step, begin, end in zip(standing, begins, ends, strict=True)
        if step.state not in OVER and not step.blind and not step.held
    )


def watched_s(
    blocks: Iterable[Block], judged: Collection[datetime], block_s: float, begins: datetime, ends: datetime
) -> dict[str, float]:
    """For how long of [*begins*, *ends*) each cluster was looked out for: blocks in which it was asked, and judged."""
    found: dict[str, float] = {}
    for block in blocks:
        if block.known and block.start in judged:
            until = min(block.start + timedelta(seconds=block_s), ends)
            spent_s = (until - max(block.start, begins)).total_seconds()
            found[block.cluster] = found.get(block.cluster, 0.0) + max(0.0, spent_s)
    return found


def frequency(incidents: Iterable[Charged], watched: Collection[float], *, confidence: float) -> Frequency | None:
    """How often a cluster has one; *watched*: for how long each was looked out for. None when none was."""
    known = [seconds for seconds in watched if seconds > 0]
    if not known:
        return None
    several = list(incidents)
    wide = MONTH_S / sum(known) * len(known)  # what one of all clusters weighs; bounds are known in units of it
    weights = [1 / len(known) if one.cluster else 1.0 for one in several]
    low, high = rate_bounds(weights, 1.0, confidence=confidence)
    n_wide = sum(1 for one in several if not one.cluster)
    return Frequency(n_wide, len(several) - n_wide, sum(known), sum(weights) * wide, low * wide, high * wide)


@dataclass(frozen=True, slots=True)
class Toll:
    """What the incidents of a window come to: how often one came, and the one that is charged for longest."""

    recorded: timedelta  # since it was first looked out for any
    often: Frequency
    longest: Charged | None


def toll(record: IncidentRecord, facts: ProviderFacts, policy: TierPolicy, at: datetime) -> Toll | None:
    """What *record* comes to at *at*; None when nobody looked out for any."""
    begins = at - timedelta(seconds=policy.window)
    watched = watched_s(facts.blocks, record.judged, policy.block, begins, at)
    often = frequency(record.incidents, watched.values(), confidence=policy.confidence)
    longest = max(record.incidents, key=lambda one: (one.down_s, one.id), default=None)
    return None if often is None else Toll(at - record.since, often, longest)

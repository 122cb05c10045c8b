"""When incidents no longer stand in the way: each leaves the window a window after its end, and no other comes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from collector.judgement.charged_incidents import Charged, IncidentRecord, frequency
from collector.judgement.facts import ProviderFacts
from collector.judgement.tier_gates import DAY_S
from schemas.config import TierPolicy


def fewer_from(
    record: IncidentRecord, facts: ProviderFacts, policy: TierPolicy, at: datetime, line: float
) -> datetime | None:
    """The end of the first block to come with an upper bound of their rate of at most *line*; None within a window."""
    window, block = timedelta(seconds=policy.window), timedelta(seconds=policy.block)
    lately = {one.cluster for one in facts.blocks if one.known and one.start >= at - timedelta(seconds=DAY_S)}
    for step, watched in enumerate(_watched_ahead(record, facts, policy, at), start=1):
        then = at + step * block
        fresh_s = min(step * policy.block, policy.window)
        ahead = [seconds + fresh_s * (cluster in lately) for cluster, seconds in watched.items()]
        left = [one for one in record.incidents if _gone_from(one, window, at) > then]
        often = frequency(left, ahead, confidence=policy.confidence)
        if often is not None and often.high <= line:
            return then
    return None


def _watched_ahead(
    record: IncidentRecord, facts: ProviderFacts, policy: TierPolicy, at: datetime
) -> Iterator[dict[str, float]]:
    """What is left of `watched_s` by cluster as the window moves on by whole blocks, step by step until it is past."""
    steps = math.ceil(policy.window / policy.block) + 1
    begins, block_us, window_us = at - timedelta(seconds=policy.window), _us(policy.block), _us(policy.window)
    left: dict[str, int] = {}  # whole microseconds, so that what has left is 0
    leaving: list[list[tuple[str, int]]] = [[] for _ in range(steps + 2)]  # cluster and microseconds by step
    for block in facts.blocks:
        if not block.known or block.start not in record.judged:
            continue
        start_us = (block.start - begins) // timedelta(microseconds=1)
        until_us = min(start_us + block_us, window_us)
        first = max(start_us // block_us + 1, 1)  # no block lasts longer than into the step after it
        kept = [max(0, until_us - max(start_us, step * block_us)) for step in (first - 1, first)]
        left[block.cluster] = left.get(block.cluster, 0) + kept[0]
        leaving[first].append((block.cluster, kept[0] - kept[1]))
        leaving[first + 1].append((block.cluster, kept[1]))
    for several in leaving[1:-1]:
        for cluster, gone_us in several:
            left[cluster] -= gone_us
        yield {cluster: kept_us / 1e6 for cluster, kept_us in left.items()}


def _us(seconds: float) -> int:
    return round(seconds * 1e6)


def shorter_from(record: IncidentRecord, policy: TierPolicy, at: datetime, line_s: float) -> datetime | None:
    """When the last that is longer than *line_s* has left the window; None when none is."""
    window = timedelta(seconds=policy.window)
    return max((_gone_from(one, window, at) for one in record.incidents if one.down_s > line_s), default=None)


def _gone_from(one: Charged, window: timedelta, at: datetime) -> datetime:
    """When *one* has left the window, if what lasts at *at* is over then."""
    return (one.ended or at) + window

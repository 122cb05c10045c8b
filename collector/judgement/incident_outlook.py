"""When incidents no longer stand in the way: each leaves the window a window after its end, and no other comes."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from collector.judgement.charged_incidents import Charged, IncidentRecord, frequency, watched_s
from collector.judgement.facts import ProviderFacts
from collector.judgement.tier_gates import DAY_S
from schemas.config import TierPolicy


def fewer_from(
    record: IncidentRecord, facts: ProviderFacts, policy: TierPolicy, at: datetime, line: float
) -> datetime | None:
    """The end of the first block to come with an upper bound of their rate of at most *line*; None within a window."""
    window, block = timedelta(seconds=policy.window), timedelta(seconds=policy.block)
    lately = {one.cluster for one in facts.blocks if one.known and one.start >= at - timedelta(seconds=DAY_S)}
    for step in range(1, math.ceil(policy.window / policy.block) + 2):
        then = at + step * block
        watched = watched_s(facts.blocks, record.judged, policy.block, then - window, at)
        fresh_s = min(step * policy.block, policy.window)
        ahead = [seconds + fresh_s * (cluster in lately) for cluster, seconds in watched.items()]
        left = [one for one in record.incidents if _gone_from(one, window, at) > then]
        often = frequency(left, ahead, confidence=policy.confidence)
        if often is not None and often.high <= line:
            return then
    return None


def shorter_from(record: IncidentRecord, policy: TierPolicy, at: datetime, line_s: float) -> datetime | None:
    """When the last that is longer than *line_s* has left the window; None when none is."""
    window = timedelta(seconds=policy.window)
    return max((_gone_from(one, window, at) for one in record.incidents if one.down_s > line_s), default=None)


def _gone_from(one: Charged, window: timedelta, at: datetime) -> datetime:
    """When *one* has left the window, if what lasts at *at* is over then."""
    return (one.ended or at) + window

"""
What would move a provider up, and when at the earliest.

Everything is as if nothing failed from now on, at the pace of the last day. Blocks of time leave the window as it
moves, so availability and evidence are computed for each block to come. Of single reasons and times to first token no
block is known: those in the window are taken to lie evenly in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from collector.judgement.availability import (
    Availability,
    Moments,
    availability_of,
    design_effect,
    freedom_of,
    moments,
    wilson,
)
from collector.judgement.charged_incidents import IncidentRecord
from collector.judgement.facts import Block, ProviderFacts, histogram_ms
from collector.judgement.incident_outlook import fewer_from, shorter_from
from collector.judgement.peer_latency import TTFT_SHARE
from collector.judgement.sla.conduct import Conduct
from collector.judgement.tier_gates import DAY_S, SHARES
from schemas.config import TierPolicy
from schemas.observation import Reason
from schemas.verdict import Gate, Need, Outlook, Tier

EVENLY = "what is in the window lies evenly in it"
ENDS_NOW = "what goes on is over now, and no incident comes"
_REASONS = {name: reasons for name, reasons, _, _ in SHARES}


def outlook(
    tier: Tier,
    gates: Sequence[Gate],
    facts: ProviderFacts | None,
    policy: TierPolicy,
    at: datetime,
    conduct: Conduct | None = None,
    record: IncidentRecord | None = None,
) -> Outlook | None:
    """What the next tier up still needs; None for gold, above which there is nothing. The others as of `judge`."""
    if tier is Tier.GOLD:
        return None
    towards = Tier.GOLD if tier is Tier.RELIABLE else Tier.RELIABLE
    if facts is None or not gates:
        days = policy.reliable.evidence / DAY_S
        need = Need(name="evidence", value=0.0, threshold=days, unit="d", at=at + timedelta(days=days))
        return Outlook(towards=towards, earliest=need.at, needs=(need,))
    ahead = _Ahead.of(facts, policy, at, conduct, record)
    needs = tuple(_need(gate, facts, policy, ahead) for gate in gates if _stands_in_the_way(gate, towards))
    instants = [need.at for need in needs]
    known = [at for at in instants if at is not None]
    return Outlook(towards=towards, earliest=max(known) if known and None not in instants else None, needs=needs)


def _stands_in_the_way(gate: Gate, towards: Tier) -> bool:
    """A gate of the tier above that is not passed, or one that proves suspect."""
    return bool(gate.passed) if gate.tier is Tier.SUSPECT else gate.tier is towards and not gate.passed


@dataclass(frozen=True, slots=True)
class _Ahead:
    """
    The window as it moves on by whole blocks, if nothing fails.

    kept: moments of what is left of the blocks of now after so many blocks. perfect: of one block to come. span_s: how
    long it has been looked at, as far as the window reaches. freedom: of the design effect of now.
    """

    at: datetime
    block_s: float
    window_s: float
    span_s: float
    kept: tuple[Moments, ...]
    perfect: Moments
    confidence: float
    freedom: int | None
    conduct: Conduct | None
    record: IncidentRecord | None

    @classmethod
    def of(
        cls,
        facts: ProviderFacts,
        policy: TierPolicy,
        at: datetime,
        conduct: Conduct | None,
        record: IncidentRecord | None,
    ) -> _Ahead:
        """What is to be expected after *facts*."""
        steps = math.ceil(policy.window / policy.block)
        begins = at - timedelta(seconds=policy.window)
        leaving: list[list[Block]] = [[] for _ in range(steps + 1)]  # by the step with which they leave the window
        for block in facts.blocks:
            step = math.floor((block.start - begins).total_seconds() / policy.block) + 1
            leaving[min(max(step, 1), steps)].append(block)
        kept = tuple(accumulate(moments(several) for several in reversed(leaving)))[::-1]
        return cls(
            at, policy.block, policy.window, min(facts.span_s, policy.window), (*kept[2:], Moments()),
            _perfect(facts.blocks, policy, at), policy.confidence, freedom_of(kept[0], design_effect(kept[0])), conduct,
            record,
        )  # fmt: skip

    def first(self, holds: Callable[[Availability], bool]) -> datetime | None:
        """The end of the first block to come at which *holds* says so of the availability; None within a window."""
        for step, measured in enumerate(self._measured(), start=1):
            if measured is not None and holds(measured):
                return self.at + timedelta(seconds=step * self.block_s)
        return None

    def _measured(self) -> Iterator[Availability | None]:
        fresh = Moments()
        for kept in self.kept:
            fresh += self.perfect
            yield availability_of(kept + fresh, confidence=self.confidence)

    def share_after(self, seconds: float) -> tuple[float, float]:
        """
        How many times the share is of what lies evenly in the window, and how many times the sample, *seconds* on.

        Nothing leaves a window that is not full yet, but it grows.
        """
        if self.span_s == 0:
            return 1.0, 1.0
        leaving_s = max(0.0, seconds - (self.window_s - self.span_s))
        grown = min(self.window_s, self.span_s + seconds) / self.span_s
        return max(0.0, 1 - leaving_s / self.span_s) / grown, grown

    def first_share(self, holds: Callable[[float, float], bool]) -> datetime | None:
        """The first block to come after which *holds* says so of `share_after`."""
        for step in range(1, len(self.kept) + 1):
            seconds = step * self.block_s
            if holds(*self.share_after(seconds)):
                return self.at + timedelta(seconds=seconds)
        return None


def _perfect(blocks: Sequence[Block], policy: TierPolicy, at: datetime) -> Moments:
    """A block in which every cluster is asked as often as in the last day, and answers always."""
    since = at - timedelta(seconds=max(DAY_S, policy.block))
    asked: dict[str, int] = {}
    for block in blocks:
        if block.start >= since:
            asked[block.cluster] = asked.get(block.cluster, 0) + block.known + block.n_unknown + block.n_not_observed
    parts = max(1, math.floor(max(DAY_S, policy.block) / policy.block))
    return moments(Block("", at, n_ok=round(n / parts)) for n in asked.values())


def _need(gate: Gate, facts: ProviderFacts, policy: TierPolicy, ahead: _Ahead) -> Need:
    at, assumes = _when(gate, facts, policy, ahead)
    return Need(name=gate.name, value=gate.value, threshold=gate.threshold, unit=gate.unit, at=at, assumes=assumes)


def _when(gate: Gate, facts: ProviderFacts, policy: TierPolicy, ahead: _Ahead) -> tuple[datetime | None, str]:
    """When *gate* no longer stands in the way, and what that rests on."""
    match gate.name:
        case "availability_lower":
            return ahead.first(lambda one: one.lower >= gate.threshold), ""
        case "availability_proven_low":
            line = policy.suspect.hold_availability_upper
            return ahead.first(lambda one: one.upper >= line), ""
        case "evidence":
            return _evidence(gate, facts, policy, ahead), ""
        case "degraded":
            share = gate.value or 0.0
            return ahead.first_share(lambda times, _: share * times <= gate.threshold), EVENLY
        case "ttft_p95":
            over = _share_over(facts, gate.threshold)
            if over is None:
                return None, "no time to first token is known"
            return ahead.first_share(lambda times, _: over * times <= 1 - TTFT_SHARE), EVENLY
        case "contract_kept":
            return ahead.conduct.better_from() if ahead.conduct else None, "the months to come are kept"
        case "incidents":
            at = fewer_from(ahead.record, facts, policy, ahead.at, gate.threshold) if ahead.record else None
            return at, ENDS_NOW
        case "recovery":
            at = shorter_from(ahead.record, policy, ahead.at, gate.threshold) if ahead.record else None
            return at, ENDS_NOW
        case "ttft_peers":
            return None, "it depends on the others"
        case name if name in _REASONS:
            return _shares(gate, _REASONS[name], facts, policy, ahead), EVENLY
    return None, "the evidence about its claims must be explained, or no longer hold"


def _evidence(gate: Gate, facts: ProviderFacts, policy: TierPolicy, ahead: _Ahead) -> datetime | None:
    """When it was looked at for long enough, and often enough; None when nobody asks any more."""
    if facts.first_tick is None or not ahead.perfect.known:
        return None
    long_enough = max(ahead.at, facts.first_tick + timedelta(days=gate.threshold))
    short = max(0, policy.observations_min - gate.n)
    often_enough = ahead.at + timedelta(seconds=short / ahead.perfect.known * ahead.block_s)
    return max(long_enough, often_enough)


def _shares(
    gate: Gate, reasons: Sequence[Reason], facts: ProviderFacts, policy: TierPolicy, ahead: _Ahead
) -> datetime | None:
    """When the lower bound of the share of *reasons* no longer is above its line."""
    if not gate.n or not gate.n_effective:
        return None
    share, effective = sum(facts.reasons.get(one, 0) for one in reasons) / gate.n, gate.n_effective

    def holds(times: float, grown: float) -> bool:
        low, _ = wilson(share * times, effective * grown, confidence=policy.confidence, freedom=ahead.freedom)
        return low <= gate.threshold

    return ahead.first_share(holds)


def _share_over(facts: ProviderFacts, limit_ms: float) -> float | None:
    """The share of times to first token above *limit_ms*; None without any."""
    counts = facts.ttft_hist
    total = sum(counts.values())
    return sum(n for bucket, n in counts.items() if histogram_ms(bucket) > limit_ms) / total if total else None

"""
Markets of eighteen clouds whose truth is known: who behaves how is dealt, and how much of it is drawn from ranges.

Gold and reliable clouds may come near the line between them, liars near what can be told; the truth is what they are
in the long run, whatever their month was like.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from simulator.personality import MINUTE_S, PERSONALITIES, Peak, Personality
from simulator.world import World


def market(number: int) -> World:
    """The world *number*: the personalities of the picture of the market, each drawn anew."""
    dealt = World.of(seed=number)
    chance = np.random.default_rng([number, len(PERSONALITIES)])
    return World(
        number, 0, tuple(replace(cloud, personality=drawn(cloud.personality, chance)) for cloud in dealt.clouds)
    )


def drawn(one: Personality, chance: np.random.Generator) -> Personality:
    """*one* with its numbers drawn: how slow, how often and how long it is down, and how much it lies."""
    ttft_ms = one.ttft_ms * _between(chance, 0.8, 1.4)
    match one.name:
        case "gold":
            return replace(one, ttft_ms=ttft_ms, down_share=_between(chance, 2e-5, 4e-4))
        case "reliable" | "two_faced":
            return replace(one, ttft_ms=ttft_ms, down_share=_between(chance, 1.1e-3, 3e-3))
        case "flaky":
            longest = MINUTE_S * _between(chance, 30, 180)
            down_share = _between(chance, 0.012, 0.05)
            return replace(one, ttft_ms=ttft_ms, down_share=down_share, outage_s=(longest / 6, longest))
        case "oversubscribed":
            from_hour = int(chance.integers(8, 17))
            hours, refused = int(chance.integers(4, 7)), _between(chance, 0.1, 0.4)
            return replace(one, ttft_ms=ttft_ms, peak=Peak(from_hour, from_hour + hours, refused_share=refused))
        case "careless":
            return replace(one, ttft_ms=ttft_ms, wrong_share=_between(chance, 0.025, 0.1))
        case "inflating":
            return replace(one, ttft_ms=ttft_ms, billed_per_word=1 + _between(chance, 0.02, 0.15))
    return replace(one, ttft_ms=ttft_ms)


def _between(chance: np.random.Generator, low: float, high: float) -> float:
    """Evenly in the logarithm."""
    return math.exp(chance.uniform(math.log(low), math.log(high)))

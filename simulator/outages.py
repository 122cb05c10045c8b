"""When the clusters of a simulated cloud were down; a day's outages depend on the seed and the day alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from simulator.dice import number
from simulator.personality import Personality
from simulator.world import Cloud, World

DAY_S = 86400.0
OUTAGES_A_DAY_MAX = 50


@dataclass(frozen=True, slots=True)
class Outage:
    """One cluster down over [starts_s, ends_s) of a UTC day; *way* (0..1) picks how it shows."""

    cluster: int  # index in Cloud.sites
    starts_s: float
    ends_s: float
    way: float


def outages(world: World, cloud: Cloud, day: datetime) -> Iterator[Outage]:
    """The outages of *cloud* in the UTC day that begins at *day*; each ends with the day at the latest."""
    personality = cloud.personality
    chance = np.random.Generator(np.random.PCG64(number(world.seed, "outages", world.shuffle, cloud.id, day.date())))
    everywhere = tuple(range(len(cloud.sites)))
    a_day = personality.down_share * DAY_S / mean_s(personality)
    yield from _drawn(chance, personality, a_day * personality.wide_share, everywhere)
    for cluster in everywhere:
        yield from _drawn(chance, personality, a_day * (1 - personality.wide_share), (cluster,))


def mean_s(personality: Personality) -> float:
    """The mean length of an outage, drawn evenly in the logarithm."""
    shortest, longest = personality.outage_s
    return (longest - shortest) / math.log(longest / shortest)


def _drawn(
    chance: np.random.Generator, personality: Personality, expected: float, clusters: tuple[int, ...]
) -> Iterator[Outage]:
    shortest, longest = personality.outage_s
    for _ in range(min(int(chance.poisson(expected)), OUTAGES_A_DAY_MAX)):
        starts_s, way = chance.uniform(0.0, DAY_S), chance.uniform()
        ends_s = starts_s + shortest * (longest / shortest) ** chance.uniform()
        for cluster in clusters:
            yield Outage(cluster, starts_s, min(ends_s, DAY_S), way)

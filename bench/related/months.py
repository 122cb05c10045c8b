"""Months of eighteen providers whose truth is known: independent ones of the simulator, and a pair that is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from collector.judgement.correlation.buckets import BUCKET_S, DAY_BUCKETS, Mask, Sight, Watched
from collector.judgement.correlation.co_failure import CoFailure, Standing, co_failures
from simulator.outages import outages
from simulator.world import Cloud, World

DAYS = 30
BUCKETS = DAYS * DAY_BUCKETS
BEGAN = datetime(2026, 10, 1, tzinfo=UTC)
LONG = 6.0  # mean length of a made outage, in buckets: half an hour
NIGHTS = range(24, 60)  # buckets of a day in which maintenance begins: 02:00 to 05:00 UTC


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was said of the pairs of a month: tested ones, those said to fail together, and those counted as one."""

    tested: int
    together: int
    linked: int


def simulated(seed: int) -> list[Sight]:
    """A month of the eighteen simulated clouds, seen all the time; each has its outages by itself."""
    world = World.of(seed)
    return [_sight(cloud.id, _down(world, cloud)) for cloud in world.clouds]


def with_nights(sights: Sequence[Sight], seed: int) -> list[Sight]:
    """The same, and each is down for half an hour at an hour of the night of its own region, on most nights."""
    dice = np.random.default_rng((seed, 1))
    found = []
    for one in sights:
        down, begins = one.down.copy(), int(dice.choice(NIGHTS[::12]))
        for day in np.flatnonzero(dice.random(DAYS) < 0.6):
            down[day * DAY_BUCKETS + begins :][:6] = True
        found.append(_sight(one.provider, down))
    return found


def with_reseller(sights: Sequence[Sight], seed: int, *, outages: int, shared: float) -> list[Sight]:
    """The same, but the first two have *outages* each, of which the share *shared* is one and the same."""
    dice = np.random.default_rng((seed, 2))
    common = _made(dice, round(outages * shared))
    own = [common | _made(dice, outages - round(outages * shared)) for _ in range(2)]
    return [_sight(one.provider, down) for one, down in zip(sights, own, strict=False)] + list(sights[2:])


def verdicts(sights: Sequence[Sight]) -> tuple[Verdicts, CoFailure]:
    """What is said of all pairs, and of the first."""
    pairs = co_failures(Watched(sights))
    tested = [one for one in pairs if one.standing is not Standing.INSUFFICIENT]
    together = [one for one in tested if one.standing is Standing.TOGETHER]
    return Verdicts(len(tested), len(together), sum(one.linked for one in together)), pairs[0]


def _down(world: World, cloud: Cloud) -> Mask:
    """Buckets of which at least half is within an outage of one cluster."""
    down = np.zeros(BUCKETS, dtype=bool)
    for day in range(DAYS):
        for outage in outages(world, cloud, BEGAN + timedelta(days=day)):
            first, last = (round(at / BUCKET_S) for at in (outage.starts_s, outage.ends_s))
            down[day * DAY_BUCKETS + first : day * DAY_BUCKETS + last] = True
    return down


def _made(dice: np.random.Generator, number: int) -> Mask:
    down = np.zeros(BUCKETS, dtype=bool)
    for start, length in zip(dice.integers(0, BUCKETS, number), dice.geometric(1 / LONG, number), strict=True):
        down[start : start + length] = True
    return down


def _sight(provider: str, down: Mask) -> Sight:
    return Sight(provider, "here", np.ones(down.size, dtype=bool), down)

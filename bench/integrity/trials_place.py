"""Trials of the place check: three vantages, 30 requests each, times of fibre by a detour, an engine, and jitter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.integrity.trial import Honest, Lie, Trials
from collector.judgement.integrity.place import FIBRE_KM_MS, distance_km, place
from collector.judgement.integrity.regions import CITIES, Point
from schemas.evidence import Evidence, Standing
from schemas.sample import KeptSample

Month = Callable[[np.random.Generator], Evidence]
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("ashburn", "frankfurt", "los angeles", "singapore", "tokyo")
VANTAGES = {name: CITIES[name] for name in NAMES}
CLAIMED, ELSEWHERE = "eu-central-1", "ashburn"  # what is claimed, and where liars stand
DETOUR = 1.3  # of cables over the great circle: assumed
FLOOR_MS, JITTER_MS = 20.0, 15.0  # of a small model's first token, and the mean of what comes on top: assumed
REQUESTS, RUN_DAYS = 30, (0, 14)  # of each vantage, on each of two days of the month
TOKENS = 75 + 1


def samples_of(
    chance: np.random.Generator,
    at: Point,
    *,
    n: int = REQUESTS,
    days: tuple[int, ...] = RUN_DAYS,
    floor_ms: float = FLOOR_MS,
    load: float = 1.0,
) -> list[KeptSample]:
    """What the vantages kept of an endpoint that stands *at*: *n* requests each, on each of *days*."""
    found = []
    for day in days:
        for vantage, where in VANTAGES.items():
            way = DETOUR * distance_km(at, where) / FIBRE_KM_MS
            times = way + floor_ms + chance.exponential(JITTER_MS * load, size=n)
            tick = BEGAN + timedelta(days=day)
            found += [KeptSample(tick, "p", "p/c", "p/c/t", vantage, "place", "", float(ms), "") for ms in times]
    return found


def honest_month(*, floor_ms: float = FLOOR_MS, aside: bool = False, load: float = 1.0) -> Month:
    """A month at the claimed town, or 45 km beside it."""

    def month(chance: np.random.Generator) -> Evidence:
        latitude, longitude = CITIES["frankfurt"]
        angle = chance.uniform(0, 2 * np.pi)
        away = (latitude + 0.4 * np.sin(angle), longitude + 0.6 * np.cos(angle)) if aside else (latitude, longitude)
        return place("p/c", CLAIMED, samples_of(chance, away, floor_ms=floor_ms, load=load), VANTAGES)

    return month


def found(chance: np.random.Generator, floor_ms: float, requests: int) -> bool:
    """Whether an endpoint that stands elsewhere is contradicted after so many requests from all vantages together."""
    samples = samples_of(chance, CITIES[ELSEWHERE], n=requests // len(VANTAGES), days=(0,), floor_ms=floor_ms)
    return place("p/c", CLAIMED, samples, VANTAGES).standing is Standing.CONTRADICTED


TRIALS = (
    Trials(
        check="place",
        honest=(
            Honest("plain", honest_month()),
            Honest("fast first token", honest_month(floor_ms=1.0)),
            Honest("zone beside the town", honest_month(floor_ms=1.0, aside=True)),
            Honest("heavy load", honest_month(load=20.0)),
        ),
        lies=(
            Lie(
                "in Ashburn, not Frankfurt", "ms to first token", (10.0, 20.0, 30.0, 50.0),
                (100, 150, 300, 600),
                found=found,
                days=lambda chance, floor_ms: 1 if found(chance, floor_ms, REQUESTS * len(VANTAGES)) else None,
                tokens_per_request=TOKENS,
            ),
        ),
    ),
)  # fmt: skip

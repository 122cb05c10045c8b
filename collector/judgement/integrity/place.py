"""
Is it where they say? Light in fibre goes 102 km in a millisecond of round trip, so an answer that comes sooner than
from the claimed site comes from elsewhere. Class A: physics, and it only refutes. Slow refutes nothing.

Constraint-based geolocation (Gueye et al. 2006) on the time to the first byte that depends on a nonce, which went edge,
GPU, edge: the time of a connection would find the edge alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from collector.judgement.integrity.regions import SITE_RADIUS_KM, Point, sites
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

CHECK = "place"
SERIES = "place"
FIBRE_KM_MS = 102.0  # of round trip: 204 km/ms one way
VACUUM_KM_MS = 150.0  # light itself
REQUESTS_MIN = 30  # of a vantage, for its minimum
VANTAGES_MIN = 2  # in different places that must agree
APART_KM = 100.0  # nearer ones are one place
EARTH_KM = 6371.0088  # mean radius
SPHERE_ERROR = 0.0057  # a great circle on the sphere is off by at most so much; always taken in the provider's favour
P0 = 1e-4  # declared: both vantages wrong about where they are, or about time, by so much

REASONS: Mapping[str, str] = {
    "physically_impossible": "its answers come sooner than light could bring them from there",
    "elsewhere": "its answers come sooner than through fibre from there",
    "one_vantage_sooner": "from one place alone they come sooner than through fibre; is that vantage where it says?",
    "not_too_soon": "nowhere do its answers come sooner than from there, which does not place it there",
    "unknown_region": "the claimed region is in no table; claims that name a town or lat,lon can be checked",
    "vantage_without_place": "fewer than two vantages have coordinates and 30 requests",
    "one_place": "the vantages stand in one place, which counts as one",
}
ASSUMPTIONS = (
    "the vantages are where their settings say, run by different operators",
    "the first byte counted depends on the nonce, so that no cache and no edge can send it",
    f"honest endpoints are refuted with probability at most {P0:g}",
)


@dataclass(frozen=True, slots=True)
class Minimum:
    """The least time (ms) of a vantage's requests, where it stands, and its least on each day."""

    vantage: str
    at: Point
    ms: float
    n: int
    days: Mapping[date, float]


def place(subject: str, claim: str, samples: Sequence[KeptSample], vantages: Mapping[str, Point]) -> Evidence:
    """
    Evidence on *subject*, claimed to stand at *claim* (a region, a town or `lat,lon`).

    *vantages*: name to coordinates. Of several sites that the claim allows, each must be refuted by two places.
    """
    claimed = sites(claim)
    if not claimed:
        return _evidence(subject, claim, Standing.INSUFFICIENT, "unknown_region")
    minima = minima_of(samples, vantages)
    n = sum(one.n for one in minima)
    if len(minima) < VANTAGES_MIN:
        return _evidence(subject, claim, Standing.INSUFFICIENT, "vantage_without_place", n=n)
    places = places_of(minima)
    if len(places) < VANTAGES_MIN:
        return _evidence(subject, claim, Standing.INSUFFICIENT, "one_place", n=n)
    ratios = {site: ratio(point, places, VANTAGES_MIN) for site, point in claimed.items()}
    nearest = min(ratios, key=lambda site: ratios[site])
    value, alone = ratios[nearest], min(ratio(point, places, 1) for point in claimed.values())
    if value > VACUUM_KM_MS / FIBRE_KM_MS:
        standing, reason = Standing.CONTRADICTED, "physically_impossible"
    elif value > 1:
        standing, reason = Standing.CONTRADICTED, "elsewhere"
    elif alone > 1:
        standing, reason = Standing.NOTICED, "one_vantage_sooner"
    else:
        standing, reason = Standing.NOT_REJECTED, "not_too_soon"
    return _evidence(subject, claim, standing, reason, places=places, claimed=claimed, value=value, n=n)


def minima_of(samples: Sequence[KeptSample], vantages: Mapping[str, Point]) -> tuple[Minimum, ...]:
    """Every vantage with coordinates and at least 30 requests."""
    times: dict[str, list[tuple[date, float]]] = {}
    for sample in samples:
        if sample.series == SERIES and sample.vantage in vantages and 0 < sample.value < math.inf:
            times.setdefault(sample.vantage, []).append((sample.tick.date(), sample.value))
    found = []
    for vantage, timed in sorted(times.items()):
        if len(timed) >= REQUESTS_MIN:
            days: dict[date, float] = {}
            for day, ms in timed:
                days[day] = min(ms, days.get(day, math.inf))
            found.append(Minimum(vantage, vantages[vantage], min(days.values()), len(timed), days))
    return tuple(found)


def places_of(minima: Sequence[Minimum]) -> tuple[tuple[Minimum, ...], ...]:
    """The vantages by place: those that are less than 100 km apart, also by way of a third, stand in one."""
    places: list[list[Minimum]] = []
    for one in minima:
        near = [group for group in places if any(distance_km(one.at, other.at) < APART_KM for other in group)]
        places = [group for group in places if group not in near] + [[one, *(m for group in near for m in group)]]
    return tuple(tuple(sorted(group, key=lambda one: one.vantage)) for group in places)


def ratio(site: Point, places: Sequence[Sequence[Minimum]], rank: int) -> float:
    """How many times farther *site* is than fibre allows: the *rank*-th largest over the places."""
    ranked = sorted((max(needed_ms(one.at, site) / one.ms for one in group) for group in places), reverse=True)
    return ranked[rank - 1]


def needed_ms(vantage: Point, site: Point, radius_km: float = SITE_RADIUS_KM) -> float:
    """The least round trip through fibre from *vantage* to the nearest point of *site*, in the provider's favour."""
    return max(0.0, distance_km(vantage, site) * (1 - SPHERE_ERROR) - radius_km) / FIBRE_KM_MS


def distance_km(a: Point, b: Point) -> float:
    """The great circle on a sphere (haversine); within 0.57 % of the ellipsoid's geodesic."""
    (lat_a, lon_a), (lat_b, lon_b) = ((math.radians(one[0]), math.radians(one[1])) for one in (a, b))
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def _days(places: Sequence[Sequence[Minimum]], claimed: Mapping[str, Point]) -> int:
    """Days that refute every claimed site by themselves: two places whose least time of that day is too short."""
    found = 0
    for day in {day for group in places for one in group for day in one.days}:
        refuted = 0
        for point in claimed.values():
            sooner = [
                any(day in one.days and needed_ms(one.at, point) > one.days[day] for one in group) for group in places
            ]
            refuted += sum(sooner) >= VANTAGES_MIN
        found += refuted == len(claimed)
    return found


def _vantages(places: Sequence[Sequence[Minimum]], claimed: Mapping[str, Point]) -> int:
    """Places that refute, of the site that the fewest refute."""
    return min(
        sum(any(needed_ms(one.at, point) > one.ms for one in group) for group in places) for point in claimed.values()
    )


def _evidence(
    subject: str,
    claim: str,
    standing: Standing,
    reason: str,
    *,
    places: Sequence[Sequence[Minimum]] = (),
    claimed: Mapping[str, Point] | None = None,
    value: float | None = None,
    n: int = 0,
) -> Evidence:
    measured, contradicted = standing is not Standing.INSUFFICIENT, standing is Standing.CONTRADICTED
    return Evidence(
        check=CHECK,
        family=Family.GEO,
        grade=Grade.CONTRADICTION,
        subject=subject,
        claim=f"it stands in {claim}" if claim else "no region is claimed",
        standing=standing,
        reason=reason,
        said=REASONS[reason],
        value=value,
        threshold=1.0 if measured else None,
        unit="of the time that fibre needs, over the time seen; the second largest of the places",
        n=n,
        p=None,
        e=(1 / P0 if contradicted else 0.0) if measured else 1.0,
        assumptions=ASSUMPTIONS,
        days=_days(places, claimed) if claimed and contradicted else 0,
        vantages=_vantages(places, claimed) if claimed and contradicted else 0,
        smallest=_smallest(places) if measured else "nothing: see the reason",
        arithmetic=_lines(places, claimed) if claimed else (),
    )


def _smallest(places: Sequence[Sequence[Minimum]]) -> str:
    reach = (f"{FIBRE_KM_MS * one.ms:,.0f} km from {one.vantage}" for group in places for one in group)
    return f"a claimed site that is farther than two of these: {', '.join(reach)}; power 1"


def _lines(places: Sequence[Sequence[Minimum]], claimed: Mapping[str, Point]) -> tuple[str, ...]:
    return tuple(
        f"{one.vantage} to {site}: ({distance_km(one.at, point):,.0f} km x {1 - SPHERE_ERROR:g} - {SITE_RADIUS_KM:g}"
        f" km) / {FIBRE_KM_MS:g} km/ms = {needed_ms(one.at, point):.1f} ms needed, {one.ms:.1f} ms seen (n {one.n})"
        for group in places
        for one in group
        for site, point in claimed.items()
    )

"""Is it where they say: physics refutes from two places, and nothing proves a place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.judgement.integrity.place import (
    FIBRE_KM_MS,
    P0,
    REASONS,
    SPHERE_ERROR,
    distance_km,
    needed_ms,
    place,
)
from collector.judgement.integrity.regions import CITIES, REGIONS, Point, sites
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
POINTS = st.tuples(st.floats(-80, 80), st.floats(-180, 180))
VANTAGES = {name: CITIES[name] for name in ("ashburn", "frankfurt", "los angeles", "tokyo")}


def timed(least: Mapping[str, float], *, n: int = 30, days: tuple[int, ...] = (0, 7)) -> list[KeptSample]:
    """*n* requests of each vantage on each of *days*, the fastest of which takes *least* ms."""
    return [
        KeptSample(BEGAN + timedelta(days=day), "p", "p/c", "p/c/t", vantage, "place", "", ms + extra, "")
        for day in days
        for vantage, ms in least.items()
        for extra in range(n)
    ]


def judged(claim: str, least: Mapping[str, float], vantages: Mapping[str, Point] = VANTAGES, n: int = 30) -> Evidence:
    """The evidence, which always says what it is about."""
    found = place("p/c", claim, timed(least, n=n), vantages)
    assert (found.check, found.family, found.grade) == ("place", Family.GEO, Grade.CONTRADICTION)
    assert found.said == REASONS[found.reason]
    assert found.assumptions
    return found


def vincenty_km(a: Point, b: Point) -> float:
    """The geodesic on the WGS 84 ellipsoid, by Vincenty's inverse formula (1975); not for points almost opposite."""
    major, flat = 6378.137, 1 / 298.257223563
    minor = major * (1 - flat)
    u1, u2 = (math.atan((1 - flat) * math.tan(math.radians(point[0]))) for point in (a, b))
    difference = math.radians(b[1] - a[1])
    angle = difference
    for _ in range(200):
        sine = math.hypot(
            math.cos(u2) * math.sin(angle),
            math.cos(u1) * math.sin(u2) - math.sin(u1) * math.cos(u2) * math.cos(angle),
        )
        if sine == 0:
            return 0.0
        cosine = math.sin(u1) * math.sin(u2) + math.cos(u1) * math.cos(u2) * math.cos(angle)
        sigma = math.atan2(sine, cosine)
        alpha = math.cos(u1) * math.cos(u2) * math.sin(angle) / sine
        square = 1 - alpha**2
        middle = cosine - 2 * math.sin(u1) * math.sin(u2) / square if square else 0.0
        c = flat / 16 * square * (4 + flat * (4 - 3 * square))
        before = angle
        angle = difference + (1 - c) * flat * alpha * (sigma + c * sine * (middle + c * cosine * (2 * middle**2 - 1)))
        if abs(angle - before) < 1e-12:
            break
    u = square * (major**2 - minor**2) / minor**2
    k = 1 + u / 16384 * (4096 + u * (-768 + u * (320 - 175 * u)))
    m = u / 1024 * (256 + u * (-128 + u * (74 - 47 * u)))
    last = m / 6 * middle * (4 * sine**2 - 3) * (4 * middle**2 - 3)
    return minor * k * (sigma - m * sine * (middle + m / 4 * (cosine * (2 * middle**2 - 1) - last)))


@pytest.mark.parametrize(
    ("city", "ms"),
    [("london", 6.3), ("ashburn", 64), ("mumbai", 64), ("boardman", 81), ("tokyo", 91), ("singapore", 101)],
)
def test_the_needed_minimum_from_frankfurt_is_the_published_one(city: str, ms: float) -> None:
    """Distance over 102 km per ms; what is taken off for the zone and the sphere makes it 0 to 1.6 ms less."""
    digits = 1 if ms < 10 else 0

    assert round(distance_km(CITIES["frankfurt"], CITIES[city]) / FIBRE_KM_MS, digits) == ms
    assert 0 < ms - needed_ms(CITIES["frankfurt"], CITIES[city]) < 1.6


@given(POINTS, POINTS)
def test_the_sphere_is_within_its_stated_error_of_the_ellipsoid(a: Point, b: Point) -> None:
    """Against Vincenty's formula."""
    assume(distance_km(a, b) < 19_000)
    true = vincenty_km(a, b)

    assert abs(distance_km(a, b) - true) <= SPHERE_ERROR * true + 1e-6


def test_vincentys_formula_gives_a_known_distance() -> None:
    """From Flinders Peak to Buninyong, the example of geodesists: 54.972271 km."""
    flinders, buninyong = (
        (-(37 + 57 / 60 + 3.72030 / 3600), 144 + 25 / 60 + 29.52440 / 3600),
        (
            -(37 + 39 / 60 + 10.15610 / 3600),
            143 + 55 / 60 + 35.38390 / 3600,
        ),
    )

    assert vincenty_km(flinders, buninyong) == pytest.approx(54.972271, abs=0.03)


def test_two_places_that_hear_it_too_soon_refute_a_site() -> None:
    """It stands in Virginia and is claimed in Frankfurt; each of the two days shows it by itself."""
    found = judged("eu-central-1", {"ashburn": 45, "los angeles": 75, "frankfurt": 110, "tokyo": 170})

    assert (found.standing, found.reason, found.e) == (Standing.CONTRADICTED, "elsewhere", 1 / P0)
    assert (found.days, found.vantages) == (2, 2)
    assert found.value == pytest.approx((9302.7 * (1 - SPHERE_ERROR) - 50) / 102 / 75, rel=0.001)
    assert (found.threshold, found.n) == (1.0, 240)
    assert any("ashburn to frankfurt" in line and "63.4 ms needed, 45.0 ms seen" in line for line in found.arithmetic)


def test_sooner_than_light_itself_is_called_so() -> None:
    """150 km per ms: also satellites and microwaves could not."""
    found = judged("singapore", {"ashburn": 20, "los angeles": 60, "frankfurt": 110, "tokyo": 170})

    assert (found.standing, found.reason) == (Standing.CONTRADICTED, "physically_impossible")


def test_one_place_alone_accuses_nobody() -> None:
    """Its coordinates may be wrong."""
    found = judged("eu-central-1", {"ashburn": 45, "los angeles": 95, "frankfurt": 110, "tokyo": 170})

    assert (found.standing, found.reason, found.days) == (Standing.NOTICED, "one_vantage_sooner", 0)
    assert found.e == 0.0


def test_slow_refutes_nothing() -> None:
    """And does not prove the site: the evidence says what would have been refuted."""
    found = judged("eu-central-1", dict.fromkeys(VANTAGES, 5000.0))

    assert (found.standing, found.reason) == (Standing.NOT_REJECTED, "not_too_soon")
    assert "510,000 km from ashburn" in found.smallest


def test_two_vantages_in_one_town_are_one_place() -> None:
    """Both hear it too soon, and that is no second witness."""
    vantages = {"a": CITIES["ashburn"], "b": (39.3, -77.0)}
    found = judged("eu-central-1", {"a": 20, "b": 20}, vantages)

    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "one_place", 1.0)
    three = {**vantages, "c": (38.6, -78.2)}  # near to a, farther from b: one place by way of a
    assert judged("eu-central-1", {"a": 20, "b": 20, "c": 20}, three).reason == "one_place"


@pytest.mark.parametrize("claim", ["", "the moon", "eu", "91,0", "0,181", "1,2,3", "nan,0", "50.1"])
def test_a_claim_that_names_no_site_is_insufficient(claim: str) -> None:
    """With its reason."""
    found = judged(claim, dict.fromkeys(VANTAGES, 20.0))

    assert (found.standing, found.reason) == (Standing.INSUFFICIENT, "unknown_region")


def test_fewer_than_thirty_requests_or_a_vantage_without_coordinates_do_not_count() -> None:
    """Of either, only one is left."""
    least = {"ashburn": 20.0, "los angeles": 20.0}

    assert place("p/c", "tokyo", timed(least, n=14), VANTAGES).reason == "vantage_without_place"
    assert judged("tokyo", least, {"ashburn": CITIES["ashburn"]}).reason == "vantage_without_place"
    assert judged("tokyo", least, n=15).standing is Standing.CONTRADICTED


def test_times_that_are_none_are_left_out() -> None:
    """Zero, negative, infinite, not a number."""
    bad = [one for ms in (0.0, -5.0, math.inf, math.nan) for one in timed({"ashburn": ms, "tokyo": ms}, n=1)] * 30

    assert (
        place("p/c", "eu-central-1", [one for one in bad if not one.value > 0 or one.value == math.inf], VANTAGES).n
        == 0
    )


def test_a_region_with_two_sites_is_refuted_when_each_is() -> None:
    """us-west-2: what is too soon for one town is too soon for the other."""
    assert set(sites("us-west-2")) == {"boardman", "portland"}
    near = {"frankfurt": 20.0, "tokyo": 60.0}
    assert judged("us-west-2", near).standing is Standing.CONTRADICTED
    far = {"frankfurt": 20.0, "tokyo": 80.0}
    assert judged("us-west-2", far).standing is Standing.NOTICED


def test_every_region_has_its_sites_on_earth() -> None:
    """Names are found in any case and with either dash."""
    for region, cities in REGIONS.items():
        assert sites(region) == {city: CITIES[city] for city in cities}
    assert all(abs(lat) <= 90 and abs(lon) <= 180 for lat, lon in CITIES.values())
    assert sites("Frankfurt") == sites(" frankfurt ") == {"frankfurt": CITIES["frankfurt"]}
    assert sites("new_york") == sites("New-York") == {"new york": CITIES["new york"]}
    assert sites("50.11, 8.68") == {"50.11, 8.68": (50.11, 8.68)}


@given(POINTS, POINTS, st.floats(1.0, 3.0), st.floats(0.0, 500.0))
def test_an_honest_site_is_never_refuted(site: Point, vantage: Point, detour: float, floor_ms: float) -> None:
    """Whatever the way and the engine add, and wherever within 50 km of the town it stands."""
    assume(distance_km(site, vantage) < 19_000)
    honest = detour * max(0.0, vincenty_km(site, vantage) - 50) / FIBRE_KM_MS + floor_ms

    assert needed_ms(vantage, site) <= honest + 1e-9

"""Where simulated clusters stand, and how long light and cables need to them."""

from __future__ import annotations

from collections.abc import Mapping
from math import asin, cos, radians, sin, sqrt
from types import MappingProxyType

Point = tuple[float, float]  # latitude and longitude, degrees

REGIONS: Mapping[str, Point] = MappingProxyType(
    {
        "us-east": (39.04, -77.49),  # Ashburn
        "us-west": (45.60, -121.18),  # The Dalles
        "eu-west": (53.35, -6.26),  # Dublin
        "eu-north": (59.33, 18.07),  # Stockholm
        "ap-south": (19.08, 72.88),  # Mumbai
    }
)
EARTH_KM = 6371.0
FIBRE_KM_MS = 102.0  # of distance, for each ms there and back
DETOUR = 1.3  # cables do not run along great circles


def distance_km(one: Point, other: Point) -> float:
    """Along the great circle."""
    (a, b), (c, d) = ((radians(point[0]), radians(point[1])) for point in (one, other))
    half = sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(half))


def round_trip_s(one: Point, other: Point) -> float:
    """There and back, by cable."""
    return distance_km(one, other) / FIBRE_KM_MS * DETOUR / 1000

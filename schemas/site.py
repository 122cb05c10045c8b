"""Where something stands on Earth, as a configuration says it: `latitude,longitude` in degrees, or a name."""

from __future__ import annotations

import re

_NUMBERS = re.compile(r"\s*([+-]?\d{1,3}(?:\.\d+)?)\s*,\s*([+-]?\d{1,3}(?:\.\d+)?)\s*")


def coordinates(site: str) -> tuple[float, float] | None:
    """Latitude and longitude in degrees, when *site* gives them; None when it is a name."""
    found = _NUMBERS.fullmatch(site)
    return (float(found[1]), float(found[2])) if found else None


def on_earth(point: tuple[float, float]) -> bool:
    """Whether there are such degrees."""
    return abs(point[0]) <= 90 and abs(point[1]) <= 180


def checked_site(site: str) -> str:
    """*site*, when it can be a place; raises ValueError that says why it cannot."""
    found = coordinates(site)
    if found is None and not re.search(r"[^\W\d_]", site):
        raise ValueError("neither latitude,longitude as 50.11,8.68 nor the name of a place")
    if found is not None and not on_earth(found):
        raise ValueError("a latitude is between -90 and 90 degrees, a longitude between -180 and 180")
    return site

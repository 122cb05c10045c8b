"""How often what a commitment covers is looked at: no slot of an account is shorter."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from schemas.config import Configuration
from schemas.contract import Commitment
from schemas.probe_kinds import SERVING_KINDS

OTHERWISE_S = 60.0  # of a provider that is in the fleet no more


def pace(configuration: Configuration, provider: str) -> Callable[[Commitment], float]:
    """The shortest interval, in s, of a probe that serves, on a target of *provider* that is covered."""
    modules = configuration.settings.modules
    places = [place for place in configuration.fleet.places() if place.provider == provider]

    def every_s(commitment: Commitment) -> float:
        intervals = (
            modules[name].interval
            for place in places
            if any(fnmatchcase(place.id, pattern) for pattern in commitment.covers)
            for name in place.target.modules
            if modules[name].kind in SERVING_KINDS
        )
        return min(intervals, default=OTHERWISE_S)

    return every_s

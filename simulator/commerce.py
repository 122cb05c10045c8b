"""
What the clouds of a world ask for their tokens and GPUs, and what they promise in writing; all of it is invented.

Better ones cost more, as in the market: over the cheapest third a GPU-hour costs about a third more for the second one,
and 70 % more for the best. Nothing that judges reads a price.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from schemas.verdict import Tier
from simulator.dice import fraction, number
from simulator.world import Cloud, World

PREMIUM: Mapping[Tier, float] = MappingProxyType({Tier.GOLD: 1.70, Tier.RELIABLE: 1.33, Tier.SUSPECT: 1.0})
GPU_HOUR = 1.75
MILLION_IN, MILLION_OUT = 0.22, 0.66
HAGGLED = 0.16  # by so much prices of equals differ, from the lowest to the highest
MONTH_HOURS = 730
BEGINS = date(2026, 1, 1)
_UPFRONT = ("20%", "25%", "30%")
_MONTHS = (12, 24, 36)
_THREE_STEPS = (("99.0%", "99.9%", "10%"), ("95.0%", "99.0%", "25%"), ("0%", "95.0%", "100%"))
_TWO_STEPS = (("99.0%", "99.5%", "10%"), ("0%", "99.0%", "25%"))
_LATE_STEPS = (("95.0%", "99.0%", "10%"), ("0%", "95.0%", "25%"))

# Formula, what each counts by itself, ladder; the promise is where the ladder begins.
_PROMISES: tuple[tuple[Mapping[str, Any], str, tuple[tuple[str, str, str], ...]], ...] = (
    ({"kind": "mean_of_intervals", "interval": "5m"}, "cluster", _THREE_STEPS),
    ({"kind": "downtime_minutes", "error_rate": "5%", "run": 2}, "cluster", _TWO_STEPS),
    ({"kind": "request_ratio"}, "provider", _THREE_STEPS),
    ({"kind": "latency_attainment", "first_token": "1s"}, "provider", _LATE_STEPS),
)


def token_price(world: World, cloud: Cloud) -> dict[str, float]:
    """The `price` of *cloud* in the fleet."""
    level = _level(world, cloud, "tokens")
    return {"tokens_in": round(MILLION_IN * level, 2), "tokens_out": round(MILLION_OUT * level, 2)}


def contract(world: World, cloud: Cloud) -> dict[str, Any]:
    """
    The contract with *cloud*.

    It says nothing of claims: a deadline is an incident, and a living demonstration has those of its script alone
    (`touchstone up` holds its pages to that). So of its months only the one that runs is counted.
    """
    formula, per, ladder = _PROMISES[number(world.seed, "promise", world.shuffle, cloud.id) % len(_PROMISES)]
    hour = round(GPU_HOUR * _level(world, cloud, "gpus"), 2)
    bills = {f"{cloud.id}/{site.name}": round(site.count * hour * MONTH_HOURS, 2) for site in cloud.sites}
    month = round(sum(bills.values()), 2)
    steps = [{"at_least": at_least, "below": below, "credit": credit} for at_least, below, credit in ladder]
    return {
        "name": f"{cloud.name}, order form",
        "versions": [
            {
                "begins": BEGINS,
                "source": {"title": "an invented order form"},
                "commitments": [
                    {
                        "name": "uptime" if "first_token" not in formula else "latency",
                        "per": per,
                        "promised": ladder[0][1],
                        "formula": dict(formula),
                        "credits": {"ladder": steps, "cap": "50%"},
                        "spend": {"month": month} if per == "provider" else {"month": 0, "units": bills},
                    }
                ],
                "commit": {
                    "gpus": sum(site.count for site in cloud.sites),
                    "gpu_hour": hour,
                    "months": _MONTHS[number(world.seed, "term", world.shuffle, cloud.id) % len(_MONTHS)],
                    "upfront": _UPFRONT[number(world.seed, "upfront", world.shuffle, cloud.id) % len(_UPFRONT)],
                },
            }
        ],
    }


def _level(world: World, cloud: Cloud, what: str) -> float:
    """How dear *cloud* is, beside what the cheapest third asks in the mean."""
    haggled = fraction(world.seed, "price", what, world.shuffle, cloud.id) - 0.5
    return PREMIUM[cloud.personality.truth] * (1 + HAGGLED * haggled)

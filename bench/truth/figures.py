"""What became of a thousand markets: who was called what, and after how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from bench.integrity.outcome import Share
from bench.results import Figure
from bench.spread import percentile
from bench.truth.trial import DAYS, JUDGED, Judged
from schemas.verdict import Tier

POINT = "tier by the point"
HONEST = frozenset({Tier.GOLD, Tier.RELIABLE})
TIERS = (Tier.GOLD, Tier.RELIABLE, Tier.UNRATED, Tier.SUSPECT)
Pick = Callable[[Judged], Mapping[int, Tier]]


def figures(several: Sequence[Judged]) -> dict[str, Figure]:
    """Each of ours beside the same of a tier by the point."""
    lows = [one for one in several if one.truth is not Tier.GOLD]
    honest = [one for one in several if one.truth in HONEST]
    liars = [one for one in several if one.truth is Tier.SUSPECT]
    return {
        "false_gold_per_1000": _beside(lows, _ever(Tier.GOLD), "of 1,000 that are not gold, on any day", 1000, 0),
        "honest_suspect_per_1000": _beside(honest, _ever(Tier.SUSPECT), "of 1,000 honest, on any day", 1000, 0),
        "liars_trusted_after_30_days_per_1000": _beside(liars, _trusted, "of 1,000 liars", 1000, 0),
        "right_after_30_days_percent": _beside(several, _right, "% of providers", 100, None),
    } | {
        f"days_to_{kind}": _days([one for one in several if one.kind == kind])
        for kind in sorted({one.kind for one in several})
    }


def confusion(several: Iterable[Judged], pick: Pick = lambda one: one.tiers) -> dict[str, dict[str, int]]:
    """How many of each kind were called what on the last day."""
    counts = Counter((one.kind, pick(one)[DAYS]) for one in several)
    kinds = sorted({kind for kind, _ in counts})
    return {kind: {tier.value: counts[kind, tier] for tier in TIERS} for kind in kinds}


def curves(several: Sequence[Judged]) -> dict[str, list[tuple[float, float]]]:
    """By kind: day, and % of its providers that are judged to be what they are on it."""
    found = {}
    for kind in sorted({one.kind for one in several}):
        mine = [one for one in several if one.kind == kind]
        found[kind] = [
            (float(day), 100 * sum(one.tiers[day] is one.truth for one in mine) / len(mine)) for day in JUDGED
        ]
    return found


def errors(several: Iterable[Judged]) -> list[str]:
    """Who was called what it must not be, and on which days, so that each can be looked into."""
    found = []
    for one in several:
        for tier in (Tier.GOLD, Tier.SUSPECT):
            days = [day for day in JUDGED if one.tiers[day] is tier]
            if days and _is_wrong(one.truth, tier):
                found.append(
                    f"market {one.market}, {one.provider} ({one.kind}): {tier} on day {', '.join(map(str, days))}"
                )
    return found


def _is_wrong(truth: Tier, called: Tier) -> bool:
    return truth is not Tier.GOLD if called is Tier.GOLD else truth in HONEST


def _beside(
    some: Sequence[Judged], holds: Callable[[Judged, Mapping[int, Tier]], bool], unit: str, times: float,
    limit: float | None,
) -> Figure:  # fmt: skip
    ours = Share(sum(holds(one, one.tiers) for one in some), len(some))
    peer = sum(holds(one, one.points) for one in some) / len(some)
    low, high = ours.bounds
    return Figure(
        ours.value * times, unit, peer=peer * times, peer_name=POINT, limit=limit, n=len(some), low=low * times,
        high=high * times,
    )  # fmt: skip


def _ever(tier: Tier) -> Callable[[Judged, Mapping[int, Tier]], bool]:
    return lambda _, tiers: tier in tiers.values()


def _trusted(_: Judged, tiers: Mapping[int, Tier]) -> bool:
    return tiers[DAYS] in HONEST


def _right(one: Judged, tiers: Mapping[int, Tier]) -> bool:
    return tiers[DAYS] is one.truth


def _days(some: Sequence[Judged]) -> Figure:
    """Days until they are judged to be what they are, of those that are on the last day; high: nine in ten."""
    days = [float(day) for one in some if (day := one.reached()) is not None]
    if not days:
        return Figure(None, "days", n=0)
    return Figure(median(days), f"days, of {len(some)}", n=len(days), low=min(days), high=percentile(days, 0.9))

"""Cost against latency, each offer a point with the bounds of both, as an Altair specification."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import altair as alt

from collector.judgement.value import words
from collector.judgement.value.comparison import Offer
from collector.judgement.value.pareto import Figures, Place
from collector.judgement.wording import TIER_ORDER
from schemas.verdict import Tier

HEIGHT = 380
# As static/style.css has them; a shape for those who see no colour.
SHAPE: Mapping[Tier, str] = MappingProxyType(
    {Tier.GOLD: "diamond", Tier.RELIABLE: "circle", Tier.SUSPECT: "triangle-up", Tier.UNRATED: "square"}
)
COLOUR: Mapping[Tier, str] = MappingProxyType(
    {Tier.GOLD: "#c08a1e", Tier.RELIABLE: "#2f7fb5", Tier.SUSPECT: "#c0294f", Tier.UNRATED: "#868b94"}
)
UNBEATEN = frozenset({Place.FRONT, Place.NOT_TOLD_APART})
NEUTRAL = "#8A8F98"  # readable on light and on dark


def drawable(offers: Sequence[Offer]) -> tuple[Offer, ...]:
    """Those of which every figure is known."""
    return tuple(one for one in offers if one.figures is not None)


def tradeoff(offers: Sequence[Offer], tiers: Mapping[str, Tier]) -> alt.LayerChart:
    """
    *offers*, at least one, each `drawable` and all in one currency; *tiers* by provider.

    Those that nobody surely beats bear their names.
    """
    rows = [_row(one, figures, tiers.get(one.provider, Tier.UNRATED)) for one in offers if (figures := one.figures)]
    base = alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
    bars = base.mark_rule(color=NEUTRAL, opacity=0.8)
    currency = offers[0].currency
    across = bars.encode(x=_wait("ms_low"), x2="ms_high:Q", y=_cost("cost", currency))
    upward = bars.encode(x=_wait("ms"), y=_cost("cost_low", currency), y2="cost_high:Q")
    domain = [tier.value for tier in TIER_ORDER]
    points = base.mark_point(filled=True, size=130, opacity=1).encode(
        x=_wait("ms"),
        y=_cost("cost", currency),
        shape=alt.Shape("tier:N", scale=alt.Scale(domain=domain, range=[SHAPE[tier] for tier in TIER_ORDER])),
        color=alt.Color(
            "tier:N",
            scale=alt.Scale(domain=domain, range=[COLOUR[tier] for tier in TIER_ORDER]),
            legend=alt.Legend(orient="top", title=None),
        ),
        tooltip=["provider:N", "tier:N", "standing:N", "million good:N", "first token p95:N", "available:N", "n:Q"],
    )
    names = base.mark_text(align="left", dx=9, dy=-9, fontSize=12, fontWeight=600, color=NEUTRAL).encode(
        x=_wait("ms"), y=_cost("cost", currency), text="name:N"
    )
    chart: alt.LayerChart = alt.layer(across, upward, points, names)  # type: ignore[assignment]
    padding = {"left": 4, "right": 60, "top": 4, "bottom": 4}
    dressed: alt.LayerChart = chart.properties(height=HEIGHT, padding=padding).configure_view(strokeWidth=0)
    return dressed


def _wait(field: str) -> alt.X:
    return alt.X(
        f"{field}:Q", title="time to first token, p95 (ms)", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=10)
    )


def _cost(field: str, currency: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=f"price of a million good tokens ({currency})", scale=alt.Scale(zero=False))


def said(offers: Sequence[Offer]) -> str:
    """The chart in words, for those who do not see it; the table has the numbers."""
    unbeaten = ", ".join(one.provider for one in offers if one.standing.place in UNBEATEN)
    axes = "Price of a million good tokens against the time to first token, p95"
    return f"{axes}, of {len(offers)} providers. Nobody beats: {unbeaten}."


def _row(one: Offer, figures: Figures, tier: Tier) -> dict[str, Any]:
    cost, wait, _ = figures
    return {
        "provider": one.provider,
        "name": one.provider if one.standing.place in UNBEATEN else "",
        "tier": tier.value,
        "standing": words.standing(one.standing),
        "ms": wait.value,
        "ms_low": wait.low,
        "ms_high": wait.high if math.isfinite(wait.high) else wait.value,
        "cost": cost.value,
        "cost_low": cost.low,
        "cost_high": cost.high,
        "million good": f"{words.good_price(one)} ({words.between(one.price.good if one.price else None)})",
        "first token p95": f"{words.milliseconds(one.ttft_p95)} ({words.bounds(one.ttft_p95)})",
        "available": words.available(one),
        "n": one.n,
    }

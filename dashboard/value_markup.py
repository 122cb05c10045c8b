"""Offers side by side, as HTML. Names come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collector.judgement import wording
from collector.judgement.value import words
from collector.judgement.value.comparison import Offer
from collector.judgement.value.gpu_hour import GpuHour
from collector.judgement.value.pareto import Place
from dashboard import markup
from dashboard.markup import text
from schemas.contract import said
from schemas.verdict import Tier

HEADER = (
    "Provider", "Among these", "Available", "First token p50", "p95", "Tokens/s", "List price", "1M good tokens",
    "GPU-hour",
)  # fmt: skip
_LOOK = {
    Place.FRONT: "good",
    Place.NOT_TOLD_APART: "good",
    Place.BEATEN: "bad",
    Place.UNKNOWN: "unknown",
    Place.NOT_COMPARED: "unknown",
}


def offers(found: Sequence[Offer], hours: Mapping[str, GpuHour], tiers: Mapping[str, Tier]) -> str:
    """One row for each offer."""
    rows = (_row(one, hours.get(one.provider), tiers.get(one.provider, Tier.UNRATED)) for one in found)
    return markup.table(HEADER, rows, "ts-value")


def gpu_hours(hours: Mapping[str, GpuHour]) -> str:
    """The sum of each GPU-hour, step by step."""
    header = ("Provider", *words.STEPS, "Bought")
    return markup.table(header, (_sum(provider, one) for provider, one in sorted(hours.items())), "ts-value")


def _row(one: Offer, hour: GpuHour | None, tier: Tier) -> str:
    price = one.price
    return markup.raw_row(
        (
            f"<b>{text(one.provider)}</b><br>{markup.badge(tier)}",
            f'<b class="ts-result ts-{_LOOK[one.standing.place]}">{text(words.standing(one.standing))}</b>',
            _figure(words.available(one), f"n {wording.count(one.n)}"),
            _figure(words.milliseconds(one.ttft_p50), words.bounds(one.ttft_p50), f"n {wording.count(one.ttft_n)}"),
            _figure(words.milliseconds(one.ttft_p95), words.bounds(one.ttft_p95)),
            _figure(
                words.speed(one.speed),
                words.bounds(one.speed),
                f"n {wording.count(one.speed_n)}",
                words.as_billed(one),
            ),
            _figure(words.listed(price) or "none", one.currency if price else ""),
            _figure(
                words.good_price(one),
                words.between(price.good if price else None),
                f"n {wording.count(price.n if price else 0)}",
            ),
            _hour(hour),
        )
    )


def _hour(hour: GpuHour | None) -> str:
    if hour is None:
        return '<span class="ts-dim">no contract</span>'
    effective = hour.effective
    amount = words.money(effective.value if effective else None)
    return _figure(f"{amount} {hour.currency}", words.between(effective), f"list {words.money(hour.listed)}")


def _sum(provider: str, one: GpuHour) -> str:
    upfront = f"{said(one.upfront)} upfront" if one.upfront else "nothing upfront"
    months = f"credits of {one.months} month{'' if one.months == 1 else 's'}" if one.months else "no month counted yet"
    return markup.raw_row(
        (
            f"<b>{text(provider)}</b><small>{text(one.currency)}, n {text(wording.count(one.n))}</small>",
            *(_figure(*both) for both in zip(words.steps(one), words.step_bounds(one), strict=True)),
            _figure(f"{wording.count(one.gpus)} GPUs, {one.term_months} months", f"{upfront}; {months}"),
        )
    )


def _figure(value: str, *below: str) -> str:
    """A figure, and under it in small what it stands on."""
    return text(value) + "".join(f"<small>{text(line)}</small>" for line in below if line)

"""Offers side by side as JSON and CSV: money as decimal numbers in text, shares, ms and tokens by second as numbers."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from collector.exports.csv_table import table
from collector.judgement.plain_values import plain as rounded
from collector.judgement.value.amount import Amount
from collector.judgement.value.comparison import Comparison, Offer
from collector.judgement.value.gpu_hour import GpuHour
from collector.judgement.value.order_statistics import Quantile

PLACES = Decimal("0.00000001")


def plain(found: Comparison) -> dict[str, Any]:
    """*found* as JSON has it."""
    return {
        "start": found.start.isoformat(),
        "end": found.at.isoformat(),
        "confidence": found.confidence,
        "n_min": found.n_min,
        "capital_rate": str(found.capital_rate),
        "offers": [_offer(one) for one in found.offers],
        "gpu_hours": [_gpu_hour(provider, one) for provider, one in sorted(found.gpu_hours.items())],
    }


def as_csv(found: Comparison) -> str:
    """One line for each offer, with its provider's GPU-hour; what a spreadsheet would execute is made harmless."""
    hours = {provider: _gpu_hour(provider, one) for provider, one in found.gpu_hours.items()}
    blank = dict.fromkeys(_gpu_hour("", None))
    rows = [
        _offer(one)
        | {f"gpu_hour_{key}": value for key, value in hours.get(one.provider, blank).items() if key != "provider"}
        for one in found.offers
    ]
    return table(rows)


def _offer(one: Offer) -> dict[str, Any]:
    up, price = one.availability, one.price
    listed = () if price is None else price.listed
    figures: dict[str, Any] = {
        "provider": one.provider,
        "model": one.model,
        "standing": one.standing.place.value,
        "beaten_by": list(one.standing.by),
        "n": one.n,
        "availability": up.point if up else None,
        "availability_low": up.lower if up else None,
        "availability_high": up.upper if up else None,
        **_quantile("ttft_p50_ms", one.ttft_p50),
        **_quantile("ttft_p95_ms", one.ttft_p95),
        "ttft_n": one.ttft_n,
        **_quantile("tokens_per_s", one.speed),
        "tokens_per_s_n": one.speed_n,
        "tokens_per_s_n_billed": one.speed_billed,
        "price_currency": one.currency if price else None,
        "listed_in": _money(listed[0].tokens_in if len(listed) == 1 else None),
        "listed_out": _money(listed[0].tokens_out if len(listed) == 1 else None),
        "million_billed": _money(price.billed if price else None),
        **_amount("million_good", price.good if price else None),
        "price_n": price.n if price else 0,
        "price_n_good": price.n_good if price else 0,
        "unpriced_targets": price.unpriced if price else None,
    }
    plain_figures: dict[str, Any] = rounded(figures)
    return plain_figures


def _gpu_hour(provider: str, one: GpuHour | None) -> dict[str, Any]:
    return {
        "provider": provider,
        "currency": one.currency if one else None,
        "gpus": one.gpus if one else None,
        "term_months": one.term_months if one else None,
        "upfront": str(one.upfront) if one else None,
        "listed": _money(one.listed if one else None),
        "capital": _money(one.capital if one else None),
        **_amount("downtime", one.downtime if one else None),
        **_amount("credits", one.credits if one else None),
        **_amount("effective", one.effective if one else None),
        "credit_months": one.months if one else None,
        "n": one.n if one else None,
    }


def _quantile(name: str, one: Quantile | None) -> dict[str, float | None]:
    return {
        name: one.value if one else None,
        f"{name}_low": one.low if one else None,
        f"{name}_high": one.high if one else None,
    }


def _amount(name: str, one: Amount | None) -> dict[str, str | None]:
    return {
        name: _money(one.value if one else None),
        f"{name}_low": _money(one.low if one else None),
        f"{name}_high": _money(one.high if one else None),
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.quantize(PLACES, ROUND_HALF_UP):f}"

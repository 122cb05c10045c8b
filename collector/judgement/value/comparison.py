"""The same model at several providers, side by side: reliability, latency, what it costs, and who is beaten by whom."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from collector.judgement.availability import Availability, Moments, availability_of
from collector.judgement.sla.claim_record import ClaimRecord
from collector.judgement.sla.statement import Statement
from collector.judgement.value.facts import ModelFacts, moments
from collector.judgement.value.gpu_hour import GpuHour, Purchase, gpu_hour, in_force
from collector.judgement.value.order_statistics import Quantile, quantile
from collector.judgement.value.pareto import Bounds, Figures, Place, Standing, standings
from collector.judgement.value.token_price import Prices, TokenPrice, token_price

UNPLACED, NOT_COMPARED = Standing(Place.UNKNOWN), Standing(Place.NOT_COMPARED)
ORDER = tuple(Place)  # the best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    What money and certainty mean: prices of tokens and their currencies, what was bought, billing months, the cost of
    capital; currencies and purchases by provider.

    capital_rate: a year, effective. confidence: of each bound, one-sided. n_min: a figure of fewer is unknown.
    """

    prices: Prices
    currencies: Mapping[str, str]
    bought: Mapping[str, Sequence[Purchase]]
    statements: Sequence[Statement]
    claims: Mapping[str, ClaimRecord]
    capital_rate: Decimal
    confidence: float
    n_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    A model at a provider. A figure is None when fewer than the smallest sample stand behind it.

    n: requests that were answered or failed by the provider's fault. ttft: from the last byte sent to the first token,
    of ttft_n answers. speed: tokens by second after the first, of the median of speed_n answers; of speed_billed the
    tokens are as billed, because they could not be counted exactly. currency: of the prices.
    """

    provider: str
    model: str
    n: int
    availability: Availability | None
    ttft_p50: Quantile | None
    ttft_p95: Quantile | None
    ttft_n: int
    speed: Quantile | None
    speed_n: int
    speed_billed: int
    price: TokenPrice | None
    currency: str
    standing: Standing = UNPLACED

    @property
    def figures(self) -> Figures | None:
        """Cost, latency and the share that is lost, as the front compares them; None when one is unknown."""
        cost, wait, up = self.price.good if self.price else None, self.ttft_p95, self.availability
        if cost is None or wait is None or up is None:
            return None
        return (
            Bounds.holding(float(cost.low), float(cost.value), float(cost.high)),
            Bounds.holding(wait.low or 0.0, wait.value, math.inf if wait.high is None else wait.high),
            Bounds.holding(1 - up.upper, 1 - up.point, 1 - up.lower),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    Every offer over [start, at), as known at *at*, by model and provider.

    gpu_hours: by provider, of those whose contract says what was bought.
    """

    start: datetime
    at: datetime
    confidence: float
    n_min: int
    capital_rate: Decimal
    offers: tuple[Offer, ...]
    gpu_hours: Mapping[str, GpuHour]


def comparison(
    facts: Sequence[ModelFacts],
    terms: Terms,
    start: datetime,
    at: datetime,
    *,
    model: str | None = None,
    providers: Collection[str] = (),
) -> Comparison:
    """
    *facts* over [start, at) side by side: of one model or of all, at some providers or, when none is named, at all.

    A GPU serves every model of a provider, so *facts* are to hold those that are not shown, too.
    """
    shown = [one for one in facts if model in {None, one.model} and (not providers or one.provider in providers)]
    offers: list[Offer] = []
    for name in sorted({one.model for one in shown}):
        offers += _placed({one.provider: _offer(one, terms) for one in shown if one.model == name})
    return Comparison(
        start=start,
        at=at,
        confidence=terms.confidence,
        n_min=terms.n_min,
        capital_rate=terms.capital_rate,
        offers=tuple(offers),
        gpu_hours=_gpu_hours(facts, sorted({one.provider for one in shown}), terms, start, at),
    )


def currencies(offers: Iterable[Offer]) -> tuple[str, ...]:
    """In which currencies those of *offers* are priced that are."""
    return tuple(sorted({one.currency for one in offers if one.price is not None}))


def _placed(offers: Mapping[str, Offer]) -> list[Offer]:
    """
    Those of one model, by provider, with their standing among each other; the best first, then the cheapest.

    None of them stands anywhere when their prices are in several currencies: nothing is converted.
    """
    if len(currencies(offers.values())) > 1:
        found = {name: NOT_COMPARED if one.figures else UNPLACED for name, one in offers.items()}
    else:
        found = standings({name: one.figures for name, one in offers.items()})
    placed = [replace(one, standing=found[name]) for name, one in offers.items()]
    return sorted(placed, key=_order)


def _order(offer: Offer) -> tuple[int, bool, str, Decimal, str]:
    good = offer.price.good if offer.price else None
    amount = good.value if good else Decimal(0)
    return ORDER.index(offer.standing.place), good is None, offer.currency, amount, offer.provider


def _offer(facts: ModelFacts, terms: Terms) -> Offer:
    seen = moments(facts.blocks)
    price = token_price(facts.blocks, terms.prices, confidence=terms.confidence)
    gap = _quantile(facts.gap_hist, 0.5, terms)
    return Offer(
        provider=facts.provider,
        model=facts.model,
        n=seen.known,
        availability=_available(seen, terms),
        ttft_p50=_quantile(facts.ttft_hist, 0.5, terms),
        ttft_p95=_quantile(facts.ttft_hist, 0.95, terms),
        ttft_n=sum(facts.ttft_hist.values()),
        speed=None if gap is None else gap.inverse(1000.0),
        speed_n=sum(facts.gap_hist.values()),
        speed_billed=facts.gaps_billed,
        price=price if price is not None and price.n >= terms.n_min else None,
        currency=terms.currencies.get(facts.provider, ""),
    )


def _available(seen: Moments, terms: Terms) -> Availability | None:
    found = availability_of(seen, confidence=terms.confidence)
    return found if found is not None and found.n >= terms.n_min else None


def _quantile(histogram: Mapping[int, int], share: float, terms: Terms) -> Quantile | None:
    found = quantile(histogram, share, confidence=terms.confidence)
    return found if found is not None and found.n >= terms.n_min else None


def _gpu_hours(
    facts: Sequence[ModelFacts], providers: Sequence[str], terms: Terms, start: datetime, at: datetime
) -> dict[str, GpuHour]:
    """Of each of *providers*, with the availability of all its models together."""
    found = {}
    for provider in providers:
        bought = in_force(terms.bought.get(provider, ()), at)
        if bought is None:
            continue
        seen = moments([blocks for one in facts if one.provider == provider for blocks in one.blocks])
        owed = [one for one in terms.statements if one.provider == provider and one.month.ends > start]
        found[provider] = gpu_hour(bought, _available(seen, terms), owed, at, terms.capital_rate, terms.claims)
    return found

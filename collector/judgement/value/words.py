"""How offers are said to people, the same on the dashboard and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from collector.judgement import wording
from collector.judgement.sla.credit import CENT
from collector.judgement.value.amount import Amount
from collector.judgement.value.comparison import Comparison, Offer
from collector.judgement.value.gpu_hour import GpuHour
from collector.judgement.value.order_statistics import Quantile
from collector.judgement.value.pareto import Place, Standing
from collector.judgement.value.token_price import TokenPrice
from collector.judgement.wording import UNKNOWN
from schemas.contract import said

PLACES = 3  # of money: a GPU-hour and a million tokens cost little, and differ by less
SIGN = {Place.FRONT: "◆", Place.NOT_TOLD_APART: "◇", Place.BEATEN: "▽", Place.NOT_COMPARED: "?", Place.UNKNOWN: "?"}
STEPS = ("list", "+ capital", "+ downtime", "- credits", "= effective")


def standing(one: Standing) -> str:
    """Where an offer stands, with a sign for those who see no colour."""
    match one.place:
        case Place.FRONT:
            said = "on the front"
        case Place.NOT_TOLD_APART:
            said = f"not told apart from {_names(one.by)}"
        case Place.BEATEN:
            said = f"beaten by {_names(one.by)}"
        case Place.NOT_COMPARED:
            said = "not compared: currencies differ"
        case Place.UNKNOWN:
            said = "a figure is unknown"
    return f"{SIGN[one.place]} {said}"


def money(amount: Decimal | None) -> str:
    """A small amount of money: `0.734`."""
    return UNKNOWN if amount is None else f"{amount.quantize(Decimal(1).scaleb(-PLACES), ROUND_HALF_UP):,f}"


def between(amount: Amount | None) -> str:
    """The bounds of an amount; nothing where they are unknown, or look alike."""
    low, high = (money(bound) for bound in ((amount.low, amount.high) if amount else (None, None)))
    return "" if low == high else f"{low} to {high}"


def milliseconds(one: Quantile | None) -> str:
    """A time in whole milliseconds."""
    return wording.milliseconds(None if one is None else one.value)


def bounds(one: Quantile | None) -> str:
    """The bounds of a quantile, in whole units; nothing when it is unknown."""
    if one is None:
        return ""
    low, high = ("?" if bound is None else wording.count(round(bound)) for bound in (one.low, one.high))
    return f"{low} to {high}"


def speed(one: Quantile | None) -> str:
    """Tokens by second."""
    return UNKNOWN if one is None else wording.count(round(one.value))


def as_billed(one: Offer) -> str:
    """How many of the answers behind the speed have their tokens as billed; nothing where all were counted exactly."""
    if one.speed is None or not one.speed_billed:
        return ""
    share = one.speed_billed / one.speed_n
    return "as billed" if share == 1 else f"{max(share, 0.01):.0%} as billed"


def available(one: Offer) -> str:
    """The bounds of the availability."""
    found = one.availability
    return wording.interval(None, None) if found is None else wording.interval(found.lower, found.upper)


def listed(price: TokenPrice | None) -> str:
    """The list price, in and out; the cheapest and the dearest where targets differ."""
    if price is None:
        return ""
    ends = dict.fromkeys((price.listed[0], price.listed[-1]))
    return " to ".join(f"{_short(one.tokens_in)} in, {_short(one.tokens_out)} out" for one in ends)


def good_price(one: Offer) -> str:
    """What a million tokens cost that were right and in time: `0.734 USD`."""
    good = one.price.good if one.price else None
    return UNKNOWN if good is None else f"{money(good.value)} {one.currency}"


def differ(priced_in: Sequence[str]) -> str:
    """Why providers are not compared."""
    return (
        f"Prices are in {', '.join(priced_in[:-1])} and {priced_in[-1]}: nothing is converted, so nobody is compared. "
        "Choose providers of one currency."
    )


def steps(one: GpuHour) -> tuple[str, ...]:
    """The sum of a GPU-hour, step by step, as STEPS are called."""
    found: tuple[Decimal | None, ...] = (
        one.listed,
        one.capital,
        *(amount.value if amount is not None else None for amount in (one.downtime, one.credits, one.effective)),
    )
    return tuple(map(money, found))


def step_bounds(one: GpuHour) -> tuple[str, ...]:
    """What unknown time and chance could change in each step; the first two are exact."""
    return ("", "", *map(between, (one.downtime, one.credits, one.effective)))


def foot(found: Comparison) -> str:
    """What all figures have in common."""
    span = f"{found.start:%Y-%m-%d} to {found.at:%Y-%m-%d %H:%M} UTC"
    return (
        f"{span}. Bounds are one-sided at {found.confidence:.0%}; a figure of fewer than {wording.count(found.n_min)} "
        f"is unknown. Capital costs {said(found.capital_rate)} a year."
    )


def _names(by: tuple[str, ...]) -> str:
    return by[0] if len(by) == 1 else f"{by[0]} and {len(by) - 1} more"


def _short(amount: Decimal) -> str:
    """With cents, and with what is below them."""
    cents = amount.quantize(CENT)
    return f"{cents if cents == amount else amount.normalize():f}"

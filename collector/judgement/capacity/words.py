"""How capacity is said to people, the same on the dashboard and the command line."""

from __future__ import annotations

import math

from collector.judgement.capacity.facts import Spread
from collector.judgement.capacity.failover import Failover
from collector.judgement.capacity.gpu_ledger import GpuLedger
from collector.judgement.capacity.headroom import FULL, Headroom
from collector.judgement.capacity.insufficient import Insufficient
from collector.judgement.capacity.refusals import Refused
from collector.judgement.capacity.saturation import HORIZON_D, Course, Saturation
from collector.judgement.wording import UNKNOWN, count, interval, percent

NARROW = 0.70  # of the cache at the peak: from here on it is worth a look


def share(value: float | None) -> str:
    """A share in whole per cent, rounded down."""
    return percent(value, 0)


def _level(value: float) -> str:
    """How full, in whole per cent to the nearest: it is kept to a thousandth of itself, and may be just below 97 %."""
    return f"{value * 100:.0f} %"


def sign(p95: float | None) -> str:
    """How full, for those who see no colour: `▲` full at its peak, `◆` narrow, `●` roomy, `?` unknown."""
    if p95 is None:
        return "?"
    return "▲" if p95 >= FULL else "◆" if p95 >= NARROW else "●"


def now_of(value: float | None, *, is_share: bool = False) -> str:
    """A figure of now."""
    if value is None:
        return UNKNOWN
    return _level(value) if is_share else count(round(value))


def spread(one: Spread, *, is_share: bool = False) -> str:
    """Median and 95th percentile: `71 to 93 %`, `120 to 210`."""
    if one.median is None:
        return UNKNOWN
    if is_share:
        upper = _level(one.p95) if one.p95 is not None else "? %"
        return f"{_level(one.median).removesuffix(' %')} to {upper}"
    return f"{count(round(one.median))} to {count(round(one.p95)) if one.p95 is not None else '?'}"


def room(one: Headroom | Insufficient) -> str:
    """Requests that fit beside the peak, from the low to the typical: `8 to 15`."""
    if isinstance(one, Insufficient):
        return UNKNOWN
    return _between(math.floor(one.low), math.floor(one.typical))


def seats(one: Headroom | Insufficient) -> str:
    """How many run when it is full: `of 240`; or why nobody can say."""
    return one.reason if isinstance(one, Insufficient) else f"of {count(math.floor(one.seats.typical))}"


def bound(one: Headroom | Insufficient) -> str:
    """What it is full by first; nothing when nobody can say."""
    return "" if isinstance(one, Insufficient) else f"by {one.seats.bound}"


def looks(one: Headroom | Insufficient) -> str:
    """How many looks say so."""
    return f"n {count(one.n if isinstance(one, Insufficient) else one.seats.n)}"


def full_in(one: Saturation | Insufficient) -> str:
    """When it will be full."""
    if isinstance(one, Insufficient):
        return UNKNOWN
    match one.course:
        case Course.FULL:
            return "full now"
        case Course.GROWING:
            return f"in {_days(one.days)}"
        case Course.FALLING:
            return "falling"
        case _:
            return "no trend"


def not_before(one: Saturation | Insufficient) -> str:
    """The soonest that the days allow; or why nobody can say."""
    if isinstance(one, Insufficient):
        return one.reason
    if one.course is Course.FULL:
        return f"at {share(one.level)}"
    return f"not before {_days(one.not_before)}" if one.not_before != 0 else "perhaps already"


def days(one: Saturation | Insufficient) -> str:
    """How many days it stands on."""
    return f"n {one.n} days"


def slope(one: Saturation | Insufficient) -> str:
    """The trend in points a day: `+0.31 (+0.22 to +0.40) points a day`."""
    if isinstance(one, Insufficient):
        return UNKNOWN
    low, high = (f"{value * 100:+.2f}" for value in (one.low, one.high))
    return f"{one.slope * 100:+.2f} ({low} to {high}) points a day"


def refused(one: Refused | None) -> str:
    """A share that was refused: `0.31 % (0.22 to 0.45 %)`."""
    if one is None:
        return UNKNOWN
    return f"{percent(one.share)} ({refused_between(one)})"


def refused_between(one: Refused | None) -> str:
    """The interval alone."""
    return interval(one.low, one.high) if one else UNKNOWN


def delivered(one: GpuLedger) -> str:
    """GPUs on the pages that are read, of those claimed."""
    return f"{gpus(one.delivered)} of {gpus(one.claimed)}"


def healthy(one: GpuLedger) -> str:
    """How many of them show no fault; what a page does not tell is unknown, and can only make it fewer."""
    if one.healthy_high is None:
        return UNKNOWN
    if one.healthy_low is None:
        return f"unknown, at most {count(one.healthy_high)}"
    return _between(one.healthy_low, one.healthy_high)


def in_use(one: GpuLedger) -> str:
    """How many of them do something."""
    if one.in_use_low is None or one.in_use_high is None:
        return UNKNOWN
    return _between(one.in_use_low, one.in_use_high)


def finds_place(one: Failover) -> str:
    """The share of the load that finds a place, with a sign for those who see no colour."""
    if one.share is None:
        return UNKNOWN
    return f"{'✓' if one.share >= 1 else '✗'} {share(one.share)}"


def _between(low: int, high: int) -> str:
    return count(low) if low == high else f"{count(low)} to {count(high)}"


def gpus(value: int | None) -> str:
    """A number of GPUs, `?` when nobody says."""
    return "?" if value is None else count(value)


def _days(days: int | None) -> str:
    return f"{HORIZON_D} d" if days is None else f"{days} d"

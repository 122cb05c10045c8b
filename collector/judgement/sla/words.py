"""How statements are said to people, the same on the dashboard, the command line and in claims."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

from collector.judgement.sla.claim_record import ClaimRecord, forfeited
from collector.judgement.sla.credit import Credit
from collector.judgement.sla.statement import Statement
from collector.judgement.wording import UNKNOWN, count, duration
from schemas.contract import DowntimeMinutes, Formula, LatencyAttainment, MeanOfIntervals, RequestRatio
from schemas.response import ClaimStanding

DIGITS = 3


def formula(by: Formula) -> str:
    """How uptime is counted, in a sentence."""
    match by:
        case MeanOfIntervals():
            return (
                f"100 % less the mean error rate of intervals of {duration(by.interval)}; one without requests has none"
            )
        case DowntimeMinutes():
            on_end = "" if by.run == 1 else f", {by.run} of them on end"
            return (
                f"the share of minutes that are not downtime: those in which more than {percent(by.error_rate, 0)} of "
                f"requests fail{on_end}"
            )
        case RequestRatio():
            return "the share of requests that did not fail"
        case LatencyAttainment(of="answers"):
            return f"the share of answers whose first token came within {duration(by.first_token)}"
        case LatencyAttainment():
            return (
                f"the share of intervals of {duration(by.interval)} in which {percent(by.share, 0)} of the answers had "
                f"their first token within {duration(by.first_token)}"
            )


def exact(value: Fraction | Decimal) -> Decimal:
    """*value* as a decimal, to 28 digits."""
    return Decimal(value.numerator) / Decimal(value.denominator) if isinstance(value, Fraction) else value


def percent(share: Fraction | Decimal | None, digits: int = DIGITS) -> str:
    """A share as a percentage, rounded down: what is below a line is never shown on it."""
    if share is None:
        return UNKNOWN
    return f"{(exact(share) * 100).quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR)} %"


def counted(one: Statement) -> str:
    """The uptime that the contract counts, with a sign for those who see no colour."""
    if one.uptime is None:
        return UNKNOWN
    return f"{'✓' if one.kept else '✗'} {percent(one.uptime.counted)}"


def range_of(one: Statement) -> str:
    """What unknown time could change."""
    if one.uptime is None:
        return f"n {one.n}"
    if one.uptime.low == one.uptime.high:
        return f"n {count(one.n)}"
    return f"{percent(one.uptime.low).removesuffix(' %')} to {percent(one.uptime.high)}"


def money(amount: Decimal, currency: str) -> str:
    """An amount with thousands apart: `12 345.60 USD`."""
    return f"{amount:,.2f} {currency}".replace(",", "\u202f")


def credit(one: Statement) -> str:
    """The estimated credit."""
    if one.credit is None:
        return "none promised" if one.uptime is not None else UNKNOWN
    return money(one.credit.amount, one.currency) + _remark(one.credit)


def credit_range(one: Statement) -> str:
    """The credits at both ends of what unknown time could change; nothing when they are one."""
    low, high = one.credit_low, one.credit_high
    if low is None or high is None or low.amount == high.amount:
        return ""
    return f"{money(low.amount, '').strip()} to {money(high.amount, one.currency)}"


def to_next_step(one: Statement) -> str:
    """How many more minutes of downtime to the next step of the ladder."""
    if one.cliff is None:
        return "-"
    minutes = exact(one.cliff.minutes).quantize(Decimal("0.1"), ROUND_FLOOR)
    return f"{minutes:,} min".replace(",", "\u202f")


def claim_by(one: Statement) -> str:
    """Until when it can be claimed, when there is something to claim."""
    if not one.claimable:
        return ""
    return "no deadline" if one.claim_by is None else f"{one.claim_by:%Y-%m-%d %H:%M} UTC"


def claim(one: Statement, known: Mapping[str, ClaimRecord], now: datetime) -> str:
    """Whether it was claimed, by whom, and what came of it; '' where there is nothing to claim and never was."""
    found = known.get(one.key)
    if found is None:
        return ("forfeited" if forfeited(one, known, now) else "not claimed") if one.claimable else ""
    filed = "" if found.filed_at is None else f"filed {found.filed_at:%Y-%m-%d} by {found.filed_by}"
    match found.standing:
        case ClaimStanding.GRANTED:
            return f"granted {money(found.granted, one.currency)}" if found.granted is not None else "granted"
        case ClaimStanding.REFUSED:
            return f"refused {found.answered_at:%Y-%m-%d}"
    return filed


def _remark(credit: Credit) -> str:
    if credit.withheld:
        return " (too small)"
    return " (capped)" if credit.capped else ""

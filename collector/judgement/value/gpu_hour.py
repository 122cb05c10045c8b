"""
What an hour of a GPU really costs: its price, the capital that upfront money ties up, the hours that were down, the
credits.

Upfront money is paid at the beginning, the rest in equal parts at the end of each month. Its cost is what makes the
level payment of the same present value dearer than the price: present value by the annuity factor, the equivalent
annual cost of Brealey, Myers and Allen, Principles of Corporate Finance, chapters 2 and 6, by months.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from collector.judgement.availability import Availability
from collector.judgement.sla.billing_month import midnight
from collector.judgement.sla.claim_record import ClaimRecord
from collector.judgement.sla.credit import Credit
from collector.judgement.sla.statement import Statement
from collector.judgement.value.amount import Amount
from schemas.contract import Commit, Contract

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Purchase:
    """What was bought by a version of a contract, in force over [begins, ends)."""

    begins: datetime
    ends: datetime | None
    currency: str
    commit: Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHour:
    """
    The sum, by GPU and hour: listed + capital + downtime - credits = effective.

    downtime: what the hours that were down add to one that was up; credits: those that were granted, claimed or can
    still be, of *months* billing months, by an hour that was up. Both are ranges, and the range of *effective* takes
    the worst of both. They are None while too little is known of the availability, of n requests, and the last two
    before a month was counted.
    """

    currency: str
    gpus: int
    upfront: Decimal
    term_months: int
    listed: Decimal
    capital: Decimal
    downtime: Amount | None
    credits: Amount | None
    effective: Amount | None
    months: int
    n: int


def purchases(contract: Contract) -> tuple[Purchase, ...]:
    """What was bought by each version of *contract* that says so."""
    return tuple(
        Purchase(
            begins=midnight(terms.begins, terms.time_zone),
            ends=None if terms.ends is None else midnight(terms.ends, terms.time_zone),
            currency=terms.currency,
            commit=terms.commit,
        )
        for terms in contract.versions
        if terms.commit is not None
    )


def in_force(bought: Iterable[Purchase], at: datetime) -> Purchase | None:
    """The purchase in force at *at*."""
    return next((one for one in bought if one.begins <= at and (one.ends is None or at < one.ends)), None)


def annuity(rate: Decimal, months: int) -> Decimal:
    """The present value of 1 at the end of each of *months*, at *rate* a year (effective)."""
    monthly = (1 + rate) ** (Decimal(1) / 12) - 1
    return Decimal(months) if monthly == 0 else (1 - (1 + monthly) ** -months) / monthly


def capital_cost(commit: Commit, rate: Decimal) -> Decimal:
    """What the upfront money adds to the price of an hour, at *rate* a year."""
    return commit.gpu_hour * commit.upfront * (commit.months / annuity(rate, commit.months) - 1)


def gpu_hour(
    bought: Purchase,
    up: Availability | None,
    statements: Iterable[Statement],
    at: datetime,
    rate: Decimal,
    claims: Mapping[str, ClaimRecord] = MappingProxyType({}),
) -> GpuHour:
    """
    The effective price of an hour at *at*, capital at *rate* a year.

    *up*: how available the provider was; None when too little is known. *statements*: its billing months; those of
    other terms are left out. *claims*: what is on record of the claims of any, by the statement's key.
    """
    commit, capital = bought.commit, capital_cost(bought.commit, rate)
    owed = [one for one in statements if one.currency == bought.currency and one.month.begins >= bought.begins]
    months = {(one.month.begins, one.month.ends) for one in owed}
    hours = sum(int((ends - begins).total_seconds()) for begins, ends in months) / Decimal(HOUR_S) * commit.gpus
    paid = commit.gpu_hour + capital
    downtime = credits = effective = None
    shares = () if up is None or up.lower <= 0 else tuple(map(_exact, (up.upper, up.point, up.lower)))  # the best first
    if shares:
        downtime = Amount(*(paid / share - paid for share in shares))
    if shares and hours:
        low, counted, high = (amount / hours for amount in _credited(owed, at, claims))
        credits = Amount(*(credit / share for credit, share in zip((low, counted, high), shares, strict=True)))
        left = (paid - credit for credit in (high, counted, low))
        effective = Amount(*(amount / share for amount, share in zip(left, shares, strict=True)))
    return GpuHour(
        currency=bought.currency,
        gpus=commit.gpus,
        upfront=commit.upfront,
        term_months=commit.months,
        listed=commit.gpu_hour,
        capital=capital,
        downtime=downtime,
        credits=credits,
        effective=effective,
        months=len(months),
        n=0 if up is None else up.n,
    )


def _credited(
    statements: Sequence[Statement], at: datetime, claims: Mapping[str, ClaimRecord]
) -> tuple[Decimal, Decimal, Decimal]:
    """What came or can come at *at*: with all unknown time up, as counted, with all of it down."""
    open_ = [
        one
        for one in statements
        if (claims[one.key].answered_at is None if one.key in claims else one.claim_by is None or one.claim_by > at)
    ]
    came = sum((claims[one.key].granted or Decimal(0) for one in statements if one.key in claims), Decimal(0))
    return (
        came + _sum(one.credit_low for one in open_),
        came + _sum(one.credit for one in open_),
        came + _sum(one.credit_high for one in open_),
    )


def _exact(share: float) -> Decimal:
    return Decimal(repr(share))


def _sum(credits: Iterable[Credit | None]) -> Decimal:
    return sum((credit.amount for credit in credits if credit is not None), Decimal(0))

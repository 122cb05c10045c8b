"""Until when a credit must be claimed; after that it is forfeited."""

from __future__ import annotations

from datetime import datetime, timedelta

from collector.judgement.sla.billing_month import BillingMonth, billing_month, end_of_day, following, local_day
from schemas.contract import Claim, Terms


def deadline(claim: Claim, terms: Terms, month: BillingMonth, outage: datetime | None) -> datetime | None:
    """
    The end of the last day on which downtime in *month* can be claimed, in UTC.

    *outage* is the first downtime of the month: the contract's days may run from there; None without any.
    """
    zone = terms.time_zone
    if claim.months is not None:
        return billing_month(following(month.label, claim.months), zone, terms.month_begins).ends
    assert claim.days is not None  # one of the two, by the model
    if claim.after == "outage":
        return None if outage is None else end_of_day(local_day(outage, zone), zone, claim.days)
    last_day = local_day(month.ends - timedelta(microseconds=1), zone)
    return end_of_day(last_day, zone, claim.days)


def last_chance(claim: Claim, terms: Terms, month: BillingMonth) -> datetime:
    """The latest that any downtime of *month* could be claimed, in UTC."""
    found = deadline(claim, terms, month, month.ends - timedelta(microseconds=1))
    assert found is not None  # with an outage there is one
    return found

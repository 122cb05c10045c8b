"""Which terms a billing month falls under, and which times in it the contract leaves out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from collector.judgement.sla.billing_month import BillingMonth, billing_month, billing_month_at, following, midnight
from collector.judgement.sla.deadline import last_chance
from schemas.contract import Announced, Contract, Exclusions, Terms


def periods(contract: Contract, label: str) -> tuple[tuple[Terms, BillingMonth], ...]:
    """The terms of the month *label*, each with as much of it as they were in force; none when none were."""
    found = []
    for terms in contract.versions:
        month = billing_month(label, terms.time_zone, terms.month_begins)
        begins = max(month.begins, midnight(terms.begins, terms.time_zone))
        ends = month.ends if terms.ends is None else min(month.ends, midnight(terms.ends, terms.time_zone))
        if begins < ends:
            since = terms.begins if begins > month.begins else None
            found.append((terms, replace(month, begins=begins, ends=ends, since=since)))
    return tuple(found)


def open_months(contract: Contract, at: datetime) -> tuple[str, ...]:
    """The months that can still matter at *at*, the newest first: the running one, and those that can be claimed."""
    last = contract.versions[-1]
    label = billing_month_at(at, last.time_zone, last.month_begins).label
    labels = [label] if periods(contract, label) else []
    label = following(label, -1)
    while any(_claimable(terms, month, at) for terms, month in periods(contract, label)):
        labels.append(label)
        label = following(label, -1)
    return tuple(labels)


def _claimable(terms: Terms, month: BillingMonth, at: datetime) -> bool:
    return terms.claim is not None and last_chance(terms.claim, terms, month) > at


def left_out(announced: Iterable[Announced], exclusions: Exclusions, month: BillingMonth) -> tuple[Announced, ...]:
    """Times of *month* that do not count: agreed on, or maintenance that was announced in time."""
    return tuple(one for one in _within(announced, month) if one.agreed or _in_time(one, exclusions))


def short_notice(announced: Iterable[Announced], exclusions: Exclusions, month: BillingMonth) -> tuple[Announced, ...]:
    """Maintenance in *month* that was announced too late for the contract: it counts as downtime."""
    return tuple(one for one in _within(announced, month) if not one.agreed and not _in_time(one, exclusions))


def _within(announced: Iterable[Announced], month: BillingMonth) -> Iterable[Announced]:
    return (one for one in announced if one.begins < month.ends and one.ends > month.begins)


def _in_time(one: Announced, exclusions: Exclusions) -> bool:
    notice_s = exclusions.maintenance_notice
    return notice_s is not None and one.notice_s() >= notice_s

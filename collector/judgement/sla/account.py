"""A provider's billing month by its contract: every commitment, unit by unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from collector.judgement.sla.billing_month import BillingMonth
from collector.judgement.sla.period import left_out, periods
from collector.judgement.sla.record import Record
from collector.judgement.sla.statement import Statement, statement
from collector.judgement.sla.uptime import slot_s
from schemas.contract import Announced, Commitment, Contract

Seen = Callable[[Commitment, BillingMonth, int, tuple[Announced, ...]], Iterable[Record]]
Pace = Callable[[Commitment], float]


def account(
    provider: str, contract: Contract, label: str, at: datetime, every_s: Pace, seen: Seen
) -> tuple[Statement, ...]:
    """
    The statements of the month *label* as known at *at*; none of a month in which no terms were in force.

    every_s: how often what a commitment covers is looked at, in s. seen: the records of its units, from the first to
    the last instant of a month that may end early (*at*), by slots of so many seconds, without the times announced. A
    commitment none of whose units was asked has one statement that says so.
    """
    made = []
    for terms, month in periods(contract, label):
        for commitment in terms.commitments if month.begins < at else ():
            length_s = slot_s(commitment.formula, every_s(commitment))
            spared = left_out(contract.announced, commitment.exclusions, month)
            nothing = Record(provider, month.begins, min(at, month.ends), length_s, {})
            found = tuple(seen(commitment, month, length_s, spared)) or (nothing,)
            made += [statement(provider, terms, commitment, month, record) for record in found]
    return tuple(made)

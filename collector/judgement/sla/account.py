"""A provider's billing month by its contract: every commitment, unit by unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.judgement.sla.billing_month import BillingMonth
from collector.judgement.sla.period import left_out, periods, short_notice
from collector.judgement.sla.record import Record
from collector.judgement.sla.statement import Statement, statement
from collector.judgement.sla.uptime import slot_s
from schemas.contract import Announced, Commitment, Contract, Terms

Pace = Callable[[Commitment], float]


@dataclass(frozen=True, slots=True)
class Share:
    """
    A commitment in a billing month, as far as *until*: what is counted, by slots of *slot_s* seconds.

    spared: announced times that do not count; late_notice: those that do, because they were announced too late.
    """

    provider: str
    terms: Terms
    commitment: Commitment
    month: BillingMonth
    until: datetime
    slot_s: int
    spared: tuple[Announced, ...]
    late_notice: tuple[Announced, ...]

    def slots(self, begins: datetime, ends: datetime) -> range:
        """The numbers of the slots in [begins, ends)."""
        first, last = ((at - self.month.begins).total_seconds() for at in (begins, ends))
        return range(int(first) // self.slot_s, math.ceil(last / self.slot_s))

    def statements(self, records: Iterable[Record]) -> tuple[Statement, ...]:
        """One for each of *records*; one that says so when nobody was asked."""
        nothing = Record(self.provider, self.month.begins, self.until, self.slot_s, {})
        found = tuple(records) or (nothing,)
        return tuple(statement(self.provider, self.terms, self.commitment, self.month, one) for one in found)


def shares(provider: str, contract: Contract, label: str, at: datetime, every_s: Pace) -> Iterator[Share]:
    """
    What there is to count of the month *label* at *at*; nothing when no terms were in force, or before it begins.

    every_s: how often what a commitment covers is looked at, in s.
    """
    for terms, month in periods(contract, label):
        for commitment in terms.commitments if month.begins < at else ():
            exclusions = commitment.exclusions
            yield Share(
                provider=provider,
                terms=terms,
                commitment=commitment,
                month=month,
                until=min(at, month.ends),
                slot_s=slot_s(commitment.formula, every_s(commitment)),
                spared=left_out(contract.announced, exclusions, month),
                late_notice=short_notice(contract.announced, exclusions, month),
            )

"""
The contract against the clock: for each unit of a commitment what was promised, counted, experienced, and is owed.

Nothing here is owed because we say so: a contract is judged on the customer's requests or the provider's logs, so every
credit is an estimate, with the range that unknown time leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from collector.judgement.sla.billing_month import BillingMonth
from collector.judgement.sla.credit import Cliff, Credit, cliff, credit
from collector.judgement.sla.deadline import deadline
from collector.judgement.sla.record import Record
from collector.judgement.sla.uptime import MINUTE_S, Uptime, downtime, uptime
from schemas.contract import Commitment, LatencyAttainment, Terms


@dataclass(frozen=True, slots=True)
class Downtime:
    """[begins, ends) in which *bad* of *n* requests counted against the provider."""

    begins: datetime
    ends: datetime
    bad: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    A unit in a billing month, up to *until*.

    uptime: as the contract counts, with the range that unknown time leaves; None without a single known request.
    experienced: answered in time and right, of all that we asked, with nothing left out. credit is of what was counted;
    credit_low and credit_high of the range's best and worst end. n: known requests; unknown and left_out beside them.
    downtime: the times that count against the provider. claim_by: the end of the last day on which it can be claimed.
    """

    provider: str
    commitment: str
    unit: str
    month: BillingMonth
    until: datetime
    promised: Decimal
    uptime: Uptime | None
    experienced: Fraction | None
    n: int
    unknown: int
    left_out: int
    currency: str
    bill: Decimal
    credit: Credit | None
    credit_low: Credit | None
    credit_high: Credit | None
    cliff: Cliff | None
    downtime: tuple[Downtime, ...]
    claim_since: datetime | None
    claim_by: datetime | None
    notice_by: datetime | None
    targets: tuple[str, ...]

    @property
    def key(self) -> str:
        """What names the unit, its commitment and the month."""
        return f"{self.month.name}/{self.commitment}/{self.unit}"

    @property
    def outage(self) -> datetime | None:
        """When the first downtime began."""
        return self.downtime[0].begins if self.downtime else None

    @property
    def final(self) -> bool:
        """Whether the month is over."""
        return self.until >= self.month.ends

    @property
    def kept(self) -> bool | None:
        """Whether what was promised was kept; None when nobody can say."""
        return None if self.uptime is None else self.uptime.counted >= self.promised

    @property
    def claimable(self) -> bool:
        """Whether there is something to claim: a credit above nothing."""
        return self.credit is not None and self.credit.amount > 0


def statement(provider: str, terms: Terms, commitment: Commitment, month: BillingMonth, record: Record) -> Statement:
    """The account of one unit, as far as *record* goes."""
    found = uptime(record, commitment.formula)
    bill = commitment.spend.of(month.label, record.unit)
    lost = _downtime(record, commitment)
    outage = lost[0].begins if lost else None
    return Statement(
        provider=provider,
        commitment=commitment.name,
        unit=record.unit,
        month=month,
        until=record.until,
        promised=commitment.promised,
        uptime=found,
        experienced=Fraction(record.pleased, record.asked) if record.asked else None,
        n=record.total.known,
        unknown=record.total.unknown,
        left_out=record.left_out,
        currency=terms.currency,
        bill=bill,
        credit=_credit(found.counted if found else None, commitment, bill),
        credit_low=_credit(found.high if found else None, commitment, bill),
        credit_high=_credit(found.low if found else None, commitment, bill),
        cliff=_cliff(found, commitment, record, month),
        downtime=lost,
        claim_since=outage if terms.claim is not None and terms.claim.after == "outage" else month.ends,
        claim_by=None if terms.claim is None else deadline(terms.claim, terms, month, outage),
        notice_by=lost[-1].begins + timedelta(seconds=terms.notice) if lost and terms.notice else None,
        targets=record.targets,
    )


def _credit(share: Fraction | None, commitment: Commitment, bill: Decimal) -> Credit | None:
    return None if share is None or commitment.credits is None else credit(share, commitment.credits, bill)


def _cliff(found: Uptime | None, commitment: Commitment, record: Record, month: BillingMonth) -> Cliff | None:
    """None for latency as well: minutes of downtime say nothing of answers that are late."""
    if found is None or commitment.credits is None or isinstance(commitment.formula, LatencyAttainment):
        return None
    so_far = Fraction((record.until - record.begins).total_seconds()) / MINUTE_S
    return cliff(found.counted, commitment.credits, so_far, Fraction(month.seconds) / MINUTE_S)


def _downtime(record: Record, commitment: Commitment) -> tuple[Downtime, ...]:
    late = isinstance(commitment.formula, LatencyAttainment)

    def of(run: range) -> Downtime:
        slots = [record.slots[number] for number in run]
        return Downtime(
            begins=record.start(run.start),
            ends=min(record.start(run.stop), record.until),
            bad=sum(slot.late if late else slot.failed for slot in slots),
            n=sum(slot.timed if late else slot.known for slot in slots),
        )

    return tuple(of(run) for run in downtime(record, commitment.formula))

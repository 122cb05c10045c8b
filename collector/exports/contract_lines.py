"""Billing months as a scorecard has them: promised, counted, what can be claimed of it, and whether it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from collector.exports.statements import share
from collector.judgement.sla import words
from collector.judgement.sla.claim_record import ClaimRecord
from collector.judgement.sla.statement import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractLine:
    """
    A unit of a commitment in a billing month; shares are decimal numbers of eight places, amounts of two, as text.

    kept and uptime are None when nobody can say. claim: whether it was claimed and what came of it, in words; '' where
    there is nothing to claim. granted: what the provider granted, None unless it did.
    """

    month: str
    commitment: str
    unit: str
    final: bool
    promised: str
    uptime: str | None
    kept: bool | None
    currency: str
    credit: str | None
    claim_by: datetime | None
    claim: str
    granted: str | None


def contract_lines(
    statements: Iterable[Statement], claims: Mapping[str, ClaimRecord], at: datetime
) -> tuple[ContractLine, ...]:
    """*statements* as they stood at *at*, with what was said of their *claims* by then."""
    return tuple(_line(one, claims, at) for one in statements)


def _line(one: Statement, claims: Mapping[str, ClaimRecord], at: datetime) -> ContractLine:
    claim = claims.get(one.key)
    return ContractLine(
        month=one.month.name,
        commitment=one.commitment,
        unit=one.unit,
        final=one.final,
        promised=share(one.promised) or "",
        uptime=share(one.uptime.counted if one.uptime else None),
        kept=one.kept,
        currency=one.currency,
        credit=str(one.credit.amount) if one.credit else None,
        claim_by=one.claim_by if one.claimable else None,
        claim=words.claim(one, claims, at),
        granted=None if claim is None or claim.granted is None else str(claim.granted),
    )


def counted(line: ContractLine) -> str:
    """What the contract counts, with a sign for those who see no colour."""
    if line.uptime is None:
        return words.percent(None)
    return f"{'✓' if line.kept else '✗'} {words.percent(Decimal(line.uptime))}"

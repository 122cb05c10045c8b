"""Statements of contracts as JSON and CSV: amounts and shares as decimal numbers in text, times in ISO 8601 UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from collector.exports.csv_table import table
from collector.judgement.sla import words
from collector.judgement.sla.claim_record import ClaimRecord
from collector.judgement.sla.credit import Credit
from collector.judgement.sla.statement import Statement

PLACES = Decimal("0.00000001")


def share(value: Fraction | Decimal | None) -> str | None:
    """A share, or minutes, with eight places, rounded down: what is below a line stays below it."""
    if value is None:
        return None
    return f"{words.exact(value).quantize(PLACES, ROUND_FLOOR):f}"


def with_claim(one: Statement, claim: ClaimRecord | None) -> dict[str, Any]:
    """*one* as JSON has it, with whether it was claimed and what came of it."""
    return plain(one) | {
        "claim": claim.standing.value if claim else None,
        "claim_filed_at": claim.filed_at.isoformat() if claim and claim.filed_at else None,
        "claim_filed_by": claim.filed_by if claim else None,
        "claim_answered_at": claim.answered_at.isoformat() if claim and claim.answered_at else None,
        "claim_granted": str(claim.granted) if claim and claim.granted is not None else None,
    }


def plain(one: Statement) -> dict[str, Any]:
    """*one* as JSON has it."""
    uptime, cliff = one.uptime, one.cliff
    return {
        "provider": one.provider,
        "commitment": one.commitment,
        "unit": one.unit,
        "month": one.month.label,
        "begins": one.month.begins.isoformat(),
        "until": one.until.isoformat(),
        "ends": one.month.ends.isoformat(),
        "final": one.final,
        "promised": share(one.promised),
        "kept": one.kept,
        "uptime": share(uptime.counted if uptime else None),
        "uptime_low": share(uptime.low if uptime else None),
        "uptime_high": share(uptime.high if uptime else None),
        "experienced": share(one.experienced),
        "n": one.n,
        "unknown": one.unknown,
        "left_out": one.left_out,
        "currency": one.currency,
        "bill": str(one.bill),
        "credit": _amount(one.credit),
        "credit_low": _amount(one.credit_low),
        "credit_high": _amount(one.credit_high),
        "credit_capped": one.credit is not None and one.credit.capped,
        "credit_withheld": one.credit is not None and one.credit.withheld,
        "next_step_below": share(cliff.below if cliff else None),
        "next_step_credit": share(cliff.credit if cliff else None),
        "minutes_to_next_step": share(cliff.minutes if cliff else None),
        "outage": one.outage.isoformat() if one.outage else None,
        "claim_by": one.claim_by.isoformat() if one.claim_by else None,
        "notice_by": one.notice_by.isoformat() if one.notice_by else None,
        "targets": list(one.targets),
    }


def as_csv(statements: Iterable[Statement], known: Mapping[str, ClaimRecord]) -> str:
    """One line for each unit, with a heading; texts that a spreadsheet would execute are made harmless."""
    return table([with_claim(one, known.get(one.key)) for one in statements])


def _amount(credit: Credit | None) -> str | None:
    return None if credit is None else str(credit.amount)

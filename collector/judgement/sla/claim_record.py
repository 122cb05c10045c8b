"""Whether a credit was claimed, and what the provider answered: what people said of it, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from collector.judgement.sla.statement import Statement
from schemas.response import ClaimStanding


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """At *at*, *by* said of the claim *key* how it stands; *amount* is what was granted, in the contract's currency."""

    at: datetime
    key: str
    standing: ClaimStanding
    by: str
    amount: Decimal | None
    why: str


@dataclass(frozen=True, slots=True)
class ClaimRecord:
    """
    A claim as it stands: *filed_at* by *filed_by*, both None where only the answer was written down.

    answered_at: when the answer was, None before it. granted: the amount of it; None unless it was granted.
    """

    standing: ClaimStanding
    filed_at: datetime | None
    filed_by: str | None
    answered_at: datetime | None = None
    granted: Decimal | None = None
    why: str = ""


def claim_records(lines: Iterable[ClaimLine]) -> dict[str, ClaimRecord]:
    """Every claim by its key, after *lines* in their order: the last word holds."""
    found: dict[str, ClaimRecord] = {}
    for line in lines:
        if line.standing is ClaimStanding.FILED:
            found[line.key] = ClaimRecord(line.standing, line.at, line.by, why=line.why)
        else:
            before = found.get(line.key, ClaimRecord(line.standing, None, None))
            found[line.key] = replace(
                before, standing=line.standing, answered_at=line.at, granted=line.amount, why=line.why
            )
    return found


def forfeited(one: Statement, known: Mapping[str, ClaimRecord], now: datetime) -> bool:
    """Whether nobody claimed it before its deadline, which has passed."""
    return one.claimable and one.claim_by is not None and one.claim_by <= now and one.key not in known

"""Credits that can be claimed, until when: a deadline that nobody keeps in mind is money lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.judgement.sla import words
from collector.judgement.sla.statement import Statement
from collector.judgement.wording import count
from schemas.incident import Severity
from schemas.paging import SeverityPolicy

FIRST_SAID = timedelta(days=1)  # after the outage, or after the end of the month
HALF, LAST = 0.5, 0.8  # of the time from then to the deadline
REMEMBERED = timedelta(days=1)  # after the deadline, so that it can be said that it has passed


@dataclass(frozen=True, slots=True)
class ClaimDue:
    """
    A credit of *provider* that can be claimed from *since* until *claim_by*.

    key names the unit, the commitment and the month. rule says what is owed and why, certainty how sure that is.
    settled: somebody has said that it was claimed.
    """

    key: str
    provider: str
    since: datetime
    claim_by: datetime
    rule: str
    certainty: str
    targets: tuple[str, ...]
    settled: bool = False

    def severity(self, now: datetime, severities: SeverityPolicy) -> Severity | None:
        """How urgent it is; None before a day has passed, and when it is over."""
        if self.settled or not self.since + FIRST_SAID <= now < self.claim_by:
            return None
        gone = (now - self.since) / (self.claim_by - self.since)
        if gone >= LAST:
            return severities.claim_last
        return severities.claim_half if gone >= HALF else severities.claim_due


def claims_due(
    statements: Iterable[Statement], now: datetime, claimed: Collection[str] = frozenset()
) -> tuple[ClaimDue, ...]:
    """What can be claimed by *statements*, or could until a day ago; *claimed*: the keys of what is on record."""
    return tuple(
        replace(_due(one, one.claim_by), settled=one.key in claimed)
        for one in statements
        if one.claimable and one.claim_by is not None and now < one.claim_by + REMEMBERED
    )


def kept_claims(before: Mapping[str, ClaimDue], read: Sequence[ClaimDue]) -> dict[str, ClaimDue]:
    """What was *read*, with what somebody has said of it before."""
    settled = {key for key, one in before.items() if one.settled}
    return {one.key: replace(one, settled=one.settled or one.key in settled) for one in read}


def _due(one: Statement, claim_by: datetime) -> ClaimDue:
    between = words.credit_range(one)
    return ClaimDue(
        key=one.key,
        provider=one.provider,
        since=one.claim_since or one.month.ends,
        claim_by=claim_by,
        rule=(
            f"about {words.credit(one)} until {words.claim_by(one)}: {words.counted(one)} counted, "
            f"{words.percent(one.promised)} promised"
        ),
        certainty=(
            f"an estimate from n {count(one.n)} requests of ours; "
            f"{f'{between} with unknown time; ' if between else ''}the provider judges by its own logs"
        ),
        targets=one.targets,
    )

"""
The SQL of pages as they were delivered: one row for each transition and destination, folded from the copied attempts.

Parameters: since (ms): deliveries that were tried first before it are left out; destination ('' for all); kinds (none
for all); limit. What was decided and never tried is in the transactional store alone. What is tried for longer than
thirty days counts as first tried then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.page import DeliveryState

_SENT = """
  SELECT incident, seq, destination, any(severity) AS severity, any(change) AS change,
         argMax(state, attempt) AS last_state, max(attempt) AS attempts, argMax(status, attempt) AS last_status,
         argMax(error, attempt) AS last_error, max(instead_of) AS instead, min(at) AS first_at, max(at) AS last_at,
         max(late_s) AS late
  FROM {database}.page_attempts FINAL
  WHERE at >= fromUnixTimestamp64Milli({since:Int64}) - INTERVAL 30 DAY
  GROUP BY incident, seq, destination HAVING first_at >= fromUnixTimestamp64Milli({since:Int64})"""
# A transition is decided before it is tried, and copied beside it; one that is not there yet is of year 1970.
_DECIDED = """
  SELECT incident, seq, any(scope) AS scope, any(signal) AS signal, any(at) AS decided
  FROM {database}.incident_transitions FINAL
  WHERE at >= fromUnixTimestamp64Milli({since:Int64}) - INTERVAL 30 DAY GROUP BY incident, seq"""
_TOOK = "toUnixTimestamp64Milli(last_at) / 1000 - toUnixTimestamp64Milli(decided) / 1000"

_KIND = (
    f"multiIf(last_state = '{DeliveryState.DEAD}', 'dead', last_state != '{DeliveryState.DELIVERED}', 'waiting', "
    "late IS NULL, 'delivered', 'late')"
)

DELIVERIES = f"""
SELECT incident, seq, destination, severity, change, last_state, attempts, last_status, last_error, instead, first_at,
       last_at, late, {_KIND} AS kind, scope, signal, decided
FROM ({_SENT}) AS sent LEFT JOIN ({_DECIDED}) AS made USING (incident, seq)
WHERE ({{destination:String}} = '' OR destination = {{destination:String}})
  AND (empty({{kinds:Array(String)}}) OR kind IN {{kinds:Array(String)}})
ORDER BY last_state = 'dead' DESC, last_at DESC, incident, seq, destination LIMIT {{limit:UInt32}}"""

BY_DESTINATION = f"""
SELECT destination, count(), countIf(last_state = 'delivered'), countIf(last_state = 'dead'),
       countIf(last_state = 'delivered' AND late IS NOT NULL),
       quantileExactLowIf(0.5)({_TOOK}, last_state = 'delivered' AND decided > toDateTime64(0, 3, 'UTC')),
       quantileExactHighIf(0.95)({_TOOK}, last_state = 'delivered' AND decided > toDateTime64(0, 3, 'UTC')),
       countIf(last_state = 'delivered' AND decided > toDateTime64(0, 3, 'UTC'))
FROM ({_SENT}) AS sent LEFT JOIN ({_DECIDED}) AS made USING (incident, seq)
GROUP BY destination ORDER BY destination"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """
    One transition of an incident on its way to one destination.

    *kind* is what became of it (collector/delivery_kinds.py). *state* is that of the last attempt; one that failed and
    will be tried again is `pending`. *decided_at* is None while its transition is not copied. *delivered_at* is None
    unless it is delivered; *late_s* unless that was late.
    """

    incident: str
    seq: int
    destination: str
    severity: str
    change: str
    scope: str
    signal: str
    kind: str
    state: str
    attempts: int
    status: int
    error: str
    instead_of: str
    decided_at: datetime | None
    first_attempt_at: datetime
    last_attempt_at: datetime
    late_s: float | None

    @property
    def delivered_at(self) -> datetime | None:
        """When the destination took it."""
        return self.last_attempt_at if self.state == DeliveryState.DELIVERED else None

    @property
    def took_s(self) -> float | None:
        """Seconds from the decision to the delivery."""
        if self.delivered_at is None or self.decided_at is None:
            return None
        return (self.delivered_at - self.decided_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationLine:
    """How one destination was told: *n* deliveries; seconds from decision to delivery, of *timed* that have both."""

    destination: str
    n: int
    delivered: int
    dead: int
    late: int
    p50_s: float | None
    p95_s: float | None
    timed: int


def delivery_of(row: Sequence[Any]) -> DeliveryRow:
    """One row of DELIVERIES."""
    (incident, seq, destination, severity, change, state, attempts, status, error, instead_of, first_at, last_at,
     late_s, kind, scope, signal, decided) = row  # fmt: skip
    return DeliveryRow(
        incident=incident, seq=seq, destination=destination, severity=severity, change=change, scope=scope,
        signal=signal, kind=kind, state=state, attempts=attempts, status=status, error=error, instead_of=instead_of,
        decided_at=decided if decided.year > 1970 else None, first_attempt_at=first_at, last_attempt_at=last_at,
        late_s=late_s,
    )  # fmt: skip


def destination_of(row: Sequence[Any]) -> DestinationLine:
    """One row of BY_DESTINATION."""
    destination, n, delivered, dead, late, p50_s, p95_s, timed = row
    return DestinationLine(
        destination=destination, n=n, delivered=delivered, dead=dead, late=late, p50_s=p50_s if timed else None,
        p95_s=p95_s if timed else None, timed=timed,
    )  # fmt: skip

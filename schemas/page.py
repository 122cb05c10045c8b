"""A page on its way: one delivery per incident transition and destination, and every attempt to hand it over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.incident import Change, PageIntent

LATE = timedelta(seconds=60)
CLOSING = frozenset({Change.RESOLVED, Change.ABSORBED})  # what ends the alert at a receiver


class DeliveryState(StrEnum):
    """PENDING -> LEASED -> DELIVERED, or back to PENDING, or DEAD when the receiver will never take it."""

    PENDING = "pending"
    LEASED = "leased"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One intent for one destination. (incident, seq, destination) is unique; *attempt* counts those made.

    instead_of names the destination that this one is the backup of, '' when it is told in its own right. minimal: the
    receiver could not take the whole page, so it goes once more as the least that says what is wrong.
    """

    intent: PageIntent
    destination: str
    state: DeliveryState = DeliveryState.PENDING
    attempt: int = 0
    next_attempt_at: datetime
    first_attempt_at: datetime | None = None
    instead_of: str = ""
    minimal: bool = False

    def webhook_id(self) -> str:
        """The same across retries, restarts and collectors."""
        return f"{self.intent.incident}.{self.intent.seq}.{self.destination}"

    def dedup_key(self, deployment: str) -> str:
        """The key of the incident at the receiver, at most 255 characters."""
        return f"{deployment}:{self.intent.incident}"

    def late_by(self, now: datetime) -> timedelta | None:
        """How long after its decision it goes out, when that is late; None when it is in time."""
        waited = now - self.intent.at
        return waited if waited >= LATE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """
    What one attempt came to. status 0: no answer. *retry_at* None with state PENDING never happens.

    minimal: the next attempt is the last, as the least that says what is wrong.
    """

    state: DeliveryState
    status: int
    error: str
    at: datetime
    retry_at: datetime | None = None
    took_ms: float | None = None
    minimal: bool = False

"""A page on its way: one delivery per incident transition and destination, and every attempt to hand it over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.incident import PageIntent


class DeliveryState(StrEnum):
    """PENDING -> LEASED -> DELIVERED, or back to PENDING, or DEAD when the receiver will never take it."""

    PENDING = "pending"
    LEASED = "leased"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One intent for one destination. (incident, seq, destination) is unique; *attempt* counts those made."""

    intent: PageIntent
    destination: str
    state: DeliveryState = DeliveryState.PENDING
    attempt: int = 0
    next_attempt_at: datetime
    first_attempt_at: datetime | None = None

    def webhook_id(self) -> str:
        """The same across retries, restarts and collectors."""
        return f"{self.intent.incident}.{self.intent.seq}.{self.destination}"

    def dedup_key(self, deployment: str) -> str:
        """The key of the incident at the receiver, at most 255 characters."""
        return f"{deployment}:{self.intent.incident}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What one attempt came to. status 0: no answer. *retry_at* None with state PENDING never happens."""

    state: DeliveryState
    status: int
    error: str
    at: datetime
    retry_at: datetime | None = None

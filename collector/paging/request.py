"""What a destination makes of a delivery: one HTTP POST."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.page import Delivery


@dataclass(frozen=True, slots=True)
class Request:
    """One POST. *timeout_s* bounds the whole attempt. The repr leaves headers and body out: they hold secrets."""

    url: str
    headers: dict[str, str]
    body: bytes
    timeout_s: float

    def __repr__(self) -> str:
        return f"Request({self.url})"


def plain_intent(delivery: Delivery, deployment: str, now: datetime) -> dict[str, Any]:
    """The facts of a page as plain JSON values."""
    intent = delivery.intent
    return {
        "incident": intent.incident,
        "dedup_key": delivery.dedup_key(deployment),
        "seq": intent.seq,
        "change": intent.change.value,
        "severity": intent.severity.value,
        "provider": intent.provider,
        "scope": {"level": intent.scope.level.value, "id": intent.scope.id},
        "summary": intent.summary,
        "reason": intent.reason,
        "failed_at": intent.failed_at.isoformat(),
        "opened_at": intent.opened_at.isoformat(),
        "decided_at": intent.at.isoformat(),
        "attempt": delivery.attempt + 1,
        "first_attempt_at": (delivery.first_attempt_at or now).isoformat(),
    }

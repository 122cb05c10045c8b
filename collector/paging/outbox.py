"""What to deliver, when to try again, and when to give up; pure. The queue itself is in the transactional store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from collector.paging.hand_over import Answer
from schemas.incident import PageIntent
from schemas.page import CLOSING, Delivery, DeliveryState, SendResult
from schemas.paging import Paging

RETRY_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # then every 30 s until delivered
RETRY_AFTER_S_MAX = 30.0
JITTER = 0.1
_TRY_AGAIN = frozenset({408, 425, 429})


def deliveries_of(
    intents: Iterable[PageIntent], paging: Paging, known: Mapping[str, frozenset[str]]
) -> tuple[Delivery, ...]:
    """
    One delivery per intent and destination.

    An opening goes where its severity is routed; a closing goes wherever the incident was opened (*known*: incident
    to the destinations that were told of it), so that no receiver keeps a page that is over.
    """
    made = []
    for intent in intents:
        routed = frozenset(paging.routes.get(intent.severity, ()))
        told = known.get(intent.incident, frozenset())
        names = told if intent.change in CLOSING else routed | told
        made += [
            Delivery(intent=intent, destination=name, next_attempt_at=intent.at)
            for name in sorted(names)
            if name in paging.destinations
        ]
    return tuple(made)


def after_answer(delivery: Delivery, answer: Answer, *, at: datetime) -> SendResult:
    """What becomes of *delivery* after one attempt."""
    status = answer.status
    if answer.accepted:
        return SendResult(state=DeliveryState.DELIVERED, status=status, error="", at=at)
    if not answer.hopeless and (status == 0 or status in _TRY_AGAIN or status >= 500 or status < 200):
        retry_at = at + timedelta(seconds=retry_delay_s(delivery, answer.retry_after_s))
        return SendResult(state=DeliveryState.PENDING, status=status, error=answer.error, at=at, retry_at=retry_at)
    return SendResult(state=DeliveryState.DEAD, status=status, error=answer.error, at=at)


def retry_delay_s(delivery: Delivery, retry_after_s: float | None) -> float:
    """Seconds until the next attempt: the receiver's wish, bounded, or the schedule with a hashed jitter."""
    if retry_after_s is not None:
        return min(max(retry_after_s, 0.0), RETRY_AFTER_S_MAX)
    base = RETRY_S[min(delivery.attempt, len(RETRY_S) - 1)]
    digest = hashlib.sha256(f"{delivery.webhook_id()}|{delivery.attempt}".encode()).digest()
    return base * (1 + JITTER * (digest[0] / 255 - 0.5))
